"""The tools as a user calls them: other processes, from another folder."""

import json
import os
import re
import sys
from functools import partial

from mmseg_fundus.fileio.safe_load import safe_load


def dice_of(output):
    found = re.findall(r'Epoch\(test\).*Dice: ([\d.]+)', output)
    assert found, output
    return found[-1]


def test_training_on_two_processes_then_testing_on_one_two_and_three_gives_the_same_figures(shell, root, tiny_config, tmp_path):
    config = tiny_config("train_cfg['max_epochs'] = 3")
    done = shell('bash', root / 'tools/dist_train.sh', config, 2, '--work-dir', tmp_path / 'run')
    assert done.returncode == 0, done.stdout
    assert done.stdout.count('pixels in the field of view') == 3, 'each validation is reported once, by the main process'
    checkpoint = tmp_path / 'run/epoch_3.pth'
    figures, tables = [], []
    for processes in (1, 2, 3):
        done = shell('bash', root / 'tools/dist_test.sh', config, checkpoint, processes, '--work-dir', tmp_path / f'test{processes}')
        assert done.returncode == 0, done.stdout
        results = json.loads((tmp_path / f'test{processes}/results.json').read_text())
        figures.append((results['metrics'], results['report']))
        tables.append((tmp_path / f'test{processes}/per_picture.csv').read_text())
        assert 'train): ' not in done.stdout, 'testing must not read training pictures'
    assert figures[0] == figures[1] == figures[2] and tables[0] == tables[1] == tables[2]
    assert figures[0][0]['Accuracy'] > 0 and figures[0][0]['AUC-ROC'] > 0.3 and len(tables[0].splitlines()) == 4

    done = shell(sys.executable, root / 'tools/test.py', config, checkpoint, '--show-dir', 'show', '--out', 'masks', '--tta')
    assert done.returncode == 0, done.stdout
    assert len(list((tmp_path / 'show').rglob('test_*.png'))) == len(list((tmp_path / 'masks').glob('*.png'))) == 3

    done = shell(
        sys.executable, root / 'tools/train.py', config, '--work-dir', 'run', '--resume', '--cfg-options', 'train_cfg.max_epochs=4'
    )
    assert done.returncode == 0, done.stdout
    assert 'Epoch(train) [4]' in done.stdout and 'Epoch(train) [3]' not in done.stdout

    before, after = (safe_load(tmp_path / f'run/epoch_{n}.pth')['meta']['training'] for n in (3, 4))
    assert results['trained'] == {'epochs': 3, 'steps': results['trained']['steps'], **before}, 'a test says how the model was trained'
    assert before['data']['split'] == 'train' and before['seed'] == results['seed'] and before['trained_parameters'] > 0
    assert after['seconds'] > before['seconds'] > 0, 'a resumed training counts its earlier time'
    assert results['seconds_per_picture'] > 0


def test_the_configs_own_resume_is_respected(shell, root, tiny_config):
    assert shell(sys.executable, root / 'tools/train.py', tiny_config()).returncode == 0
    done = shell(sys.executable, root / 'tools/train.py', tiny_config("resume = True\ntrain_cfg['max_epochs'] = 3"))
    assert done.returncode == 0 and 'Epoch(train) [3]' in done.stdout and 'Epoch(train) [2]' not in done.stdout, done.stdout


def test_a_chosen_port_is_used(shell, root, tiny_config):
    """PORT taken by another program: the run must fail on it, which shows that it was used."""
    import socket

    with socket.socket() as taken:
        taken.bind(('127.0.0.1', 0))
        taken.listen()
        port = taken.getsockname()[1]
        for options, env in (([], dict(PORT=str(port))), (['--master-port', port], {})):
            done = shell('bash', root / 'tools/dist_train.sh', tiny_config(), 1, *options, **env)
            assert done.returncode != 0 and re.search('EADDRINUSE|[Aa]ddress already in use', done.stdout), done.stdout


def test_the_launchers_explain_themselves(shell, root):
    assert 'usage: dist_train.sh CONFIG PROCESSES' in shell('bash', root / 'tools/dist_train.sh').stdout
    assert 'usage: dist_test.sh CONFIG CHECKPOINT [CHECKPOINT ...] PROCESSES' in shell('bash', root / 'tools/dist_test.sh', 'x').stdout
    assert 'must be a number' in shell('bash', root / 'tools/dist_train.sh', 'x', 1, '--master-port', 'y').stdout
    assert 'number of processes' in shell('bash', root / 'tools/dist_train.sh', 'x', 'four').stdout
    for words in (['a.pth', 'four'], ['a.pth', 'b.pth', '--tta'], ['a.pth', 'b.pth', '--work-dir', 2], ['a.pth', 'b.pth', 0]):
        assert 'number of processes' in shell('bash', root / 'tools/dist_test.sh', 'x', *words).stdout, words


def test_mmsegmentations_own_tools_and_api_run_our_configs(zygote, root, tiny_config, tmp_path, drive_like):
    """mmseg's train.py and test.py, init_model, inference_model and MMSegInferencer, unchanged."""
    import mmseg

    tools = os.path.join(os.path.dirname(mmseg.__file__), '.mim', 'tools')
    config = tiny_config()
    env = {**os.environ, 'PYTHONPATH': str(root), 'OMP_NUM_THREADS': '1'}
    shell = partial(zygote.stock.run, cwd=tmp_path, env=env, timeout=300)  # nobody has imported our package before
    done = shell([sys.executable, f'{tools}/train.py', config, '--work-dir', 'theirs'])
    assert done.returncode == 0, done.stdout
    done = shell([sys.executable, f'{tools}/test.py', config, 'theirs/epoch_2.pth', '--work-dir', 'tested', '--show-dir', 'painted'])
    assert done.returncode == 0, done.stdout
    assert dice_of(done.stdout)
    picture = drive_like / 'test/images/01_test.tif'
    code = f"""
import mmseg_fundus, numpy
from mmseg.apis import init_model, inference_model, MMSegInferencer
model = init_model({str(config)!r}, 'theirs/epoch_2.pth', device='cpu')
first = inference_model(model, {str(picture)!r}).pred_sem_seg.data[0].numpy()
inferencer = MMSegInferencer({str(config)!r}, 'theirs/epoch_2.pth', device='cpu')
second = inferencer({str(picture)!r})['predictions']
assert first.shape == (64, 64) and numpy.array_equal(first, second)
"""
    done = shell([sys.executable, '-c', code])
    assert done.returncode == 0, done.stdout


def test_checkpoints_leave_the_frozen_encoder_out_and_can_be_made_whole(shell, root, tiny_config, other_weights, tmp_path):
    config = tiny_config("train_cfg['max_epochs'] = 1")
    assert shell(sys.executable, root / 'tools/train.py', config, '--work-dir', 'run').returncode == 0
    slim = tmp_path / 'run/epoch_1.pth'
    saved = safe_load(slim)  # nothing in it needs to be unpickled
    assert not any(name.startswith('backbone.') for name in saved['state_dict']) and saved['meta']['encoder']['sha256']
    done = shell(sys.executable, root / 'tools/export_checkpoint.py', config, slim, 'whole/full.pth')
    assert done.returncode == 0 and '--weights from_checkpoint' in done.stdout, done.stdout
    test, figures = (sys.executable, root / 'tools/test.py', config), []
    for name, checkpoint, weights in (('slim', slim, ()), ('full', 'whole/full.pth', ('--weights', 'from_checkpoint'))):
        done = shell(*test, checkpoint, '--work-dir', name, *weights)
        assert done.returncode == 0, done.stdout
        figures.append(json.loads((tmp_path / name / 'results.json').read_text())['metrics'])
    assert figures[0] == figures[1]
    done = shell(*test, slim, '--weights', other_weights(seed=9))
    assert done.returncode == 1 and 'trained with another frozen encoder' in done.stdout.strip().splitlines()[-1], done.stdout


def test_the_slurm_script_hands_its_arguments_to_srun(shell, root, tmp_path):
    fake = tmp_path / 'bin' / 'srun'
    fake.parent.mkdir()
    fake.write_text('#!/bin/sh\necho "port $MASTER_PORT:" "$@"\n')
    fake.chmod(0o755)
    path = f'{fake.parent}:{os.environ["PATH"]}'
    done = shell('bash', root / 'tools/slurm_train.sh', 'gpu', 'job', 'c.py', 16, '--epochs', '3', PATH=path, PORT='12357')
    for words in ('port 12357:', '-p gpu', '--gres=gpu:8 --ntasks=16 --ntasks-per-node=8', 'train.py c.py --launcher slurm --epochs 3'):
        assert words in done.stdout, done.stdout
    assert 'usage: slurm_train.sh PARTITION' in shell('bash', root / 'tools/slurm_train.sh', PATH=path).stdout
