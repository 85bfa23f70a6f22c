"""A work folder to report on."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from mmseg_fundus.datasets import FundusVesselDataset
from mmseg_fundus.datasets.synthetic import synthetic_fundus
from mmseg_fundus.evaluation import ScoreHistogram, score_picture, summarise
from mmseg_fundus.evaluation.report import make_report
from mmseg_fundus.results import Results, described

NAMES = ['<img src=x onerror=alert(1)>', 'a & b "c" \'d\'', '眼底 é \u202etxt', '$title ${body} ' + 'long' * 40, 'plain']
CONFIG = '# </pre><script>alert(2)</script> $style &amp;\nmodel = dict()\n'


@pytest.fixture
def work(written, tmp_path):
    """A work folder with a training's curves, a test's results, masks, pictures of odd names, and the config."""
    shutil.copytree(written, tmp_path, dirs_exist_ok=True)
    results = tmp_path / 'work/results.json'
    results.write_text(results.read_text().replace(str(written), str(tmp_path)))
    return tmp_path / 'work'


@pytest.fixture(scope='session')
def written(tmp_path_factory):
    """That folder and its pictures, which each test gets a copy of."""
    tmp_path = tmp_path_factory.mktemp('report')
    for folder in ('training/images', 'training/labels', 'test/images', 'test/labels'):
        (tmp_path / 'data' / folder).mkdir(parents=True)
    folder, rng = tmp_path / 'work', np.random.default_rng(0)
    (folder / 'masks').mkdir(parents=True)
    inside, whole, total = [], [], (ScoreHistogram(), ScoreHistogram())
    for i, name in enumerate(NAMES):
        picture, label, fov = synthetic_fundus(i, 64)
        for kind, image in (('images', picture), ('labels', label)):
            Image.fromarray(image).save(tmp_path / 'data/test' / kind / f'{name}.png')
        probability = np.clip(rng.normal(0.3 + 0.4 * (label > 0), 0.15 + 0.05 * i), 0, 1).astype(np.float32)
        Image.fromarray((probability > 0.5).astype(np.uint8) * 255).save(folder / 'masks' / f'{name}.png')
        for records, sums, valid in ((inside, total[0], fov >= 0), (whole, total[1], fov >= 0)):
            record, histogram = score_picture(probability > 0.5, probability, label > 0, valid, detail=True)
            records.append(record)
            sums += histogram
    dataset = FundusVesselDataset(tmp_path / 'data', 'test', fov='none')
    order = [NAMES.index(dataset.get_data_info(i)['name']) for i in range(len(NAMES))]
    inside, whole = ([records[i] for i in order] for records in (inside, whole))
    report = make_report([NAMES[i] for i in order], (inside, summarise(inside, total[0])), (whole, summarise(whole, total[1])), total[0])
    results = {
        'phase': 'test',
        'metrics': report['field of view']['pooled'],
        'report': report,
        'masks': 'masks',
        'prediction': {'threshold': 0.5},
        'checkpoint': str(folder / 'best_Dice_epoch_2.pth'),
        'config': '/somewhere/<b>tiny.py',
        'data': described(dataset),
        'weights': {'path': '/w/"x".pth', 'sha256': 'ab' * 32, 'notes': ['<i>note</i>']},
        'trained': {'epochs': 2, 'steps': 8},
        'time': '2026-01-02T03:04:05',
    }
    Results.of(results).save(folder)
    (folder / 'best_Dice_epoch_2.pth').touch()
    (folder / '<b>tiny.py').write_text(CONFIG)
    lines = [{'train/loss': 2.0 - step / 8, 'train/lr': 1e-3, 'epoch': (step + 3) // 4, 'step': step} for step in range(1, 9)]
    lines += [{'val/Dice': 0.3 + 0.1 * epoch, 'val/loss': 1.5, 'step': epoch} for epoch in (1, 2)]
    start = folder / '20260102_030000/vis_data'
    start.mkdir(parents=True)
    (start / 'scalars.json').write_text(''.join(json.dumps(line) + '\n' for line in lines))
    (start / 'config.py').write_text('max_epochs = 2')
    return tmp_path


def change(work: Path, **values) -> None:
    """Rewrite results.json with these values; ``None`` leaves a key out."""
    results = json.loads((work / 'results.json').read_text())
    results = {key: value for key, value in {**results, **values}.items() if value is not None}
    (work / 'results.json').write_text(json.dumps(results))
