"""Several checkpoints in the tools: one test, on one process or two, as one file; one folder of predictions; one ONNX file."""

import json
import sys

import numpy as np
import onnxruntime
import pytest
import torch
from mmengine.config import Config
from mmseg.registry import MODELS
from PIL import Image

from mmseg_fundus.apis import FundusVesselInferencer
from mmseg_fundus.datasets.synthetic import synthetic_fundus
from mmseg_fundus.report import gather, make_page

pytestmark = pytest.mark.slow
MEMBERS = ('0.pth', '1.pth')


@pytest.fixture
def config(tiny_config, tmp_path):
    """A config, beside it two checkpoints of it that differ clearly."""
    path = tiny_config()
    for seed, name in enumerate(MEMBERS):
        torch.manual_seed(seed)
        model = MODELS.build(Config.fromfile(str(path)).model)
        with torch.no_grad():
            for parameter in (*model.neck.parameters(), *model.decode_head.parameters()):
                parameter.add_(0.2 * torch.randn(parameter.shape))
        torch.save({'meta': {}, 'state_dict': model.slim_state_dict(model.state_dict())}, tmp_path / name)
    return path


@pytest.fixture
def tested(shell, root, config, tmp_path):
    """Tests checkpoints into a folder: on one process, or that many."""

    def run(out, *checkpoints, processes=1, options=()):
        tool = (sys.executable, root / 'tools/test.py') if processes == 1 else ('bash', root / 'tools/dist_test.sh')
        done = shell(*tool, config, *checkpoints, *([] if processes == 1 else [processes]), '--work-dir', out, *options)
        assert done.returncode == 0, done.stdout
        results = json.loads((tmp_path / out / 'results.json').read_text())
        assert results['processes'] == processes
        return results, done.stdout

    return run


def maps_of(folder):
    """Masks and uncertainty that a test wrote, by name."""
    return {str(path.relative_to(folder)): np.asarray(Image.open(path)).tolist() for path in sorted(folder.rglob('*.png'))}


def test_several_checkpoints_are_tested_as_one_and_the_report_shows_them(tested, tmp_path):
    results, told = tested('run', *MEMBERS)
    assert 'risk-coverage, area: ' in told and 'by spread of the members' in told
    assert results['checkpoint'] == 'run/ensemble.pth' and results['trained']['members'] == list(MEMBERS)
    assert set(results['report']['curves']['risk_coverage']) == {'entropy', 'spread'}
    assert len(list((tmp_path / 'run/masks/uncertainty').glob('*.png'))) == 3
    gathered = gather(tmp_path / 'run')
    page = make_page(gathered)
    assert all(one.uncertainty and not one.note for one in gathered.pictures) and len(gathered.pictures) == 3
    assert 'Risk and coverage' in page and '<dt>Ensemble of 2</dt><dd><bdi>0.pth, 1.pth</bdi></dd>' in page


def test_the_figures_of_an_ensemble_are_those_of_one_process_on_two(tested, tmp_path):
    one, _ = tested('one', *MEMBERS)
    two, told = tested('two', *MEMBERS, processes=2)
    assert told.count('risk-coverage, area: ') == 1, 'the main process alone says it'
    assert (one['metrics'], one['report']) == (two['metrics'], two['report']) and one['trained'] == two['trained']
    assert one['metrics']['AUC-ROC'] > 0 and len(one['report']['pictures']) == 3
    maps = maps_of(tmp_path / 'one/masks')
    assert maps == maps_of(tmp_path / 'two/masks') and len(maps) == 6


@pytest.mark.parametrize('name', ['together.pth', 'together.safetensors'])
def test_one_exported_file_of_an_ensemble_tests_as_its_members_together(tested, shell, root, config, tmp_path, name):
    done = shell(sys.executable, root / 'tools/export_checkpoint.py', config, *MEMBERS, name)
    assert done.returncode == 0 and '--weights from_checkpoint' in done.stdout, done.stdout
    several, _ = tested('several', *MEMBERS)
    for member in MEMBERS:
        (tmp_path / member).unlink()
    one, _ = tested('one', name, options=('--weights', 'from_checkpoint'))
    assert (one['metrics'], one['report']) == (several['metrics'], several['report'])
    assert one['trained']['members'] == list(MEMBERS) and one['checkpoint'] == name
    assert maps_of(tmp_path / 'one/masks') == maps_of(tmp_path / 'several/masks')


def test_the_onnx_file_of_an_ensemble_has_the_mean_probability_of_its_members(shell, root, config, tmp_path):
    done = shell(sys.executable, root / 'tools/export.py', config, *MEMBERS, 'together.onnx')
    assert done.returncode == 0, done.stdout
    picture = synthetic_fundus(1, 64)[0]
    alone = [FundusVesselInferencer(config, tmp_path / name, device='cpu')(picture, fov=None).probability for name in MEMBERS]
    assert np.abs(alone[0] - alone[1]).max() > 0.1, 'the members differ'
    session = onnxruntime.InferenceSession(str(tmp_path / 'together.onnx'), providers=['CPUExecutionProvider'])
    found, odds = session.run(['probability', 'log_odds'], {'picture': picture.transpose(2, 0, 1)[None].astype(np.float32)})
    np.testing.assert_allclose(found[0, 0], np.mean(alone, axis=0), atol=1e-4)
    np.testing.assert_allclose(1 / (1 + np.exp(-odds)), found, atol=1e-5)
    assert json.loads(session.get_modelmeta().custom_metadata_map['checkpoint']) == list(MEMBERS)


def test_the_uncertainty_of_a_photograph_is_the_same_as_png_and_as_npz(shell, root, config, tmp_path):
    picture = synthetic_fundus(1, 64)[0][:, :60]
    Image.fromarray(picture).save(tmp_path / 'eye.png')
    predict = (sys.executable, root / 'tools/predict.py', '--config', config, '--checkpoint', *MEMBERS, '--save', 'uncertainty', '-o')
    for out, kind in (('grey', 'png'), ('exact', 'npz')):
        done = shell(*predict, out, '--probability-format', kind, 'eye.png')
        assert done.returncode == 0, done.stdout
    grey = np.asarray(Image.open(tmp_path / 'grey/uncertainty/eye.png'))
    with np.load(tmp_path / 'exact/uncertainty/eye.npz') as file:
        assert file.files == ['spread']
        spread = file['spread']
    assert grey.dtype == np.uint16 and spread.dtype == np.float16 and grey.shape == spread.shape == (64, 60)
    assert 0.05 < spread.max() <= 0.5 and spread.min() == 0
    np.testing.assert_allclose(grey * (0.5 / 65535), spread, atol=2**-13 + 2**-18)  # half a step of float16 below 0.5, and of 16 bit
    alone = [FundusVesselInferencer(config, tmp_path / name, device='cpu')(picture).probability for name in MEMBERS]
    np.testing.assert_allclose(spread, np.std(alone, axis=0), atol=2**-12)


def test_a_single_network_has_no_uncertainty_to_save(shell, root, config, tmp_path):
    Image.fromarray(synthetic_fundus(1, 64)[0]).save(tmp_path / 'eye.png')
    predict = (sys.executable, root / 'tools/predict.py', '--config', config, '-o', 'one', '--save', 'uncertainty')
    done = shell(*predict, '--checkpoint', '0.pth', 'eye.png')
    assert done.returncode == 1 and 'error: --save uncertainty: it is how much' in done.stdout and not (tmp_path / 'one').exists()
