"""What predict.py's words stand for: a model, its checkpoints, photographs."""

import importlib.util
import sys
from pathlib import Path

import pytest

from mmseg_fundus.zoo import bundled


@pytest.fixture
def parse(root, monkeypatch):
    monkeypatch.syspath_prepend(str(root / 'tools'))
    spec = importlib.util.spec_from_file_location('predict', root / 'tools/predict.py')
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    yield lambda *words: module.parse_args(['-o', 'out', *words])
    sys.modules.pop('_setup', None)


@pytest.mark.parametrize(
    'words, config, checkpoints, inputs',
    [
        (['eyes'], None, None, ['eyes']),
        (['eyes', '--model', 'a.py', 'b.pth'], 'a.py', ['b.pth'], ['eyes']),
        (['--model', 'a.py', 'b.pth', 'c.safetensors', 'eyes', 'more'], 'a.py', ['b.pth', 'c.safetensors'], ['eyes', 'more']),
        (['--checkpoint', 'b.pth', 'eyes', '--config', 'a.py'], 'a.py', ['b.pth'], ['eyes']),
        (['--model', 'contrast_unet', 'eyes'], str(bundled()[0]), [str(bundled()[1])], ['eyes']),
        (['eyes', '--model', 'contrast_unet'], str(bundled()[0]), [str(bundled()[1])], ['eyes']),
    ],
    ids=lambda value: None if value is None or isinstance(value, str) else ' '.join(map(str, value)),
)
def test_words_behind_a_model_are_its_checkpoints_and_then_photographs(parse, words, config, checkpoints, inputs):
    found = parse(*words)
    assert (found.config, found.checkpoint, found.inputs) == (config, checkpoints, inputs)
    assert found.bundled == (config is None or Path(config) == bundled()[0])


def test_a_model_is_named_once(parse, capsys):
    with pytest.raises(SystemExit):
        parse('eyes', '--model', 'contrast_unet', '--checkpoint', 'a.pth')
    assert 'leave them out' in capsys.readouterr().err


def test_an_unknown_model_is_one_line(shell, root, tmp_path):
    done = shell(sys.executable, root / 'tools/predict.py', 'eyes', '-o', tmp_path / 'out', '--model', 'contrast_unit')
    assert (
        done.returncode == 1
        and 'no model contrast_unit comes with the package (there is contrast_unet)' in done.stdout
        and len(done.stdout.strip().splitlines()) == 1
    )
    assert not (tmp_path / 'out').exists()
