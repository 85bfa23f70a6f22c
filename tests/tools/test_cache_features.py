"""Filling the feature cache ahead of a training, and in two processes at once."""

import sys

import pytest


def records(folder):
    return {path.relative_to(folder): path.read_bytes() for path in folder.rglob('*.records')}


@pytest.fixture
def tool(shell, root, tiny_config, tmp_path):
    def run(script, *options, cache='cache'):
        command = [sys.executable, root / 'tools' / script] if script.endswith('.py') else ['bash', root / 'tools' / script]
        gpus = [] if script.endswith('.py') else [2]
        settings = [f'default_hooks.feature_cache.folder={tmp_path / cache}']
        return shell(*command, tiny_config(), *gpus, '--cfg-options', 'train_dataloader.sampler.views=2', *settings, *options)

    return run


def test_a_training_after_it_finds_everything(tool, tmp_path):
    filled = tool('cache_features.py')
    assert filled.returncode == 0, filled.stdout
    assert '10 views computed' in filled.stdout and '5 pictures x 2 views' in filled.stdout
    before = records(tmp_path / 'cache')
    assert len(before) == 11  # views and maps of five pictures, maps of the one held out
    trained = tool('train.py')
    assert trained.returncode == 0, trained.stdout
    assert records(tmp_path / 'cache') == before
    assert '0 views computed' in tool('cache_features.py').stdout


def test_two_processes_fill_one_cache_as_one_does(tool, tmp_path):
    assert tool('dist_train.sh', cache='two').returncode == 0
    assert tool('train.py', cache='one').returncode == 0
    one, two = records(tmp_path / 'one'), records(tmp_path / 'two')
    assert one.keys() == two.keys() and all(len(one[name]) == len(two[name]) for name in one)
    assert '0 views computed' in tool('cache_features.py', cache='two').stdout


def test_a_training_that_keeps_nothing_is_an_error(tool):
    done = tool('cache_features.py', 'model.backbone.trainable_blocks=1')
    assert done.returncode == 1 and 'the encoder is trained' in done.stdout and 'error: nothing to fill' in done.stdout
    assert 'Traceback' not in done.stdout
