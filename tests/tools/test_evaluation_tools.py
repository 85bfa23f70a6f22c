"""Evaluation as a user runs it: thresholds, other people's masks, unpacking, the table of results."""

import csv
import json
import shutil
import sys
import zipfile

import numpy as np
import pytest
from PIL import Image
from sklearn import metrics as sk

from mmseg_fundus.datasets import DRIVEVesselDataset
from mmseg_fundus.datasets.label_file import read_mask
from mmseg_fundus.datasets.synthetic import write_drive_layout
from mmseg_fundus.errors import DataError
from mmseg_fundus.evaluation.mask_files import match_predictions, score_files
from mmseg_fundus.evaluation.second_observer import score_second_observer
from mmseg_fundus.results import without_nan


def test_a_threshold_is_given_or_chosen_on_training_pictures_and_written_down(shell, root, tiny_config, tmp_path):
    config = tiny_config("train_cfg['max_epochs'] = 1")
    assert shell(sys.executable, root / 'tools/train.py', config, '--work-dir', 'run').returncode == 0
    test = (sys.executable, root / 'tools/test.py', config, 'run/epoch_1.pth')
    results = {}
    for name, options in dict(usual=(), low=('--threshold', 0.05), chosen=('--choose-threshold', 'trainval'), augmented=('--tta',)).items():
        done = shell(*test, '--work-dir', name, *options)
        assert done.returncode == 0, done.stdout
        results[name] = json.loads((tmp_path / name / 'results.json').read_text())
    figures = {name: result['metrics'] for name, result in results.items()}
    assert figures['low']['Sensitivity'] > figures['usual']['Sensitivity'] and results['low']['prediction']['threshold'] == 0.05
    assert figures['low']['AUC-ROC'] == figures['usual']['AUC-ROC'] != figures['augmented']['AUC-ROC']
    origin = results['chosen']['threshold_chosen_on']
    assert origin['split'] == 'trainval' and origin['pictures'] == 6 and len(origin['sweep']) == 99
    assert results['chosen']['prediction']['threshold'] == origin['threshold'] and origin['Dice'] == max(origin['sweep'].values())
    again = shell(*test, '--work-dir', 'again', '--threshold', origin['threshold'])
    assert again.returncode == 0, again.stdout
    assert json.loads((tmp_path / 'again/results.json').read_text())['metrics'] == figures['chosen']
    assert results['usual']['threshold_chosen_on'] is None and results['augmented']['prediction']['tta'] is True


def test_the_second_observer_of_drive_scores_what_is_published(shell, root, real_drive):
    done = shell(sys.executable, root / 'tools/evaluate_masks.py', real_drive / 'test/2nd_manual', real_drive, '--out', 'scores')
    assert done.returncode == 0, done.stdout
    for row in ('2nd_manual', 'second observer'):
        line = next(line for line in done.stdout.splitlines() if line.startswith(f'| {row}, pooled '))
        assert [cell.strip() for cell in line.split('|')[2:-1]] == '0.7891 0.6516 0.9473 0.7746 0.9725 0.8040 0.7591 0.7635'.split()


@pytest.fixture
def drive(tmp_path):
    """DRIVE's folders with a second observer: the first one's labels, shifted."""
    root = write_drive_layout(tmp_path / 'DRIVE', training=2, test=3, size=64)
    (root / 'test/2nd_manual').mkdir()
    for path in (root / 'test/1st_manual').iterdir():
        Image.fromarray(np.roll(read_mask(path), 1, axis=1) * 255).save(root / 'test/2nd_manual' / path.name.replace('manual1', 'manual2'))
    return root


def names_of(dataset):
    return [dataset.get_data_info(i)['name'] for i in range(len(dataset))]


def maps_of(drive):
    """Probability maps, labels and fields of view of the test pictures."""
    dataset, rng = DRIVEVesselDataset(drive, 'test', verify=False), np.random.default_rng(0)
    for i in range(len(dataset)):
        info = dataset.get_data_info(i)
        label, fov = read_mask(info['seg_map_path']), read_mask(info['fov_path']) > 0
        yield (
            info['img_path'].split('/')[-1].split('.')[0],
            label,
            fov,
            np.clip(rng.normal(0.3 + 0.4 * label, 0.2), 0, 1).astype(np.float32),
        )


WRITERS = {
    'npy': (lambda p, folder, name: np.save(folder / f'{name}.npy', p), 0),
    'npz': (lambda p, folder, name: np.savez(folder / f'{name}.npz', probability=p[None]), 0),
    '8 bit': (lambda p, folder, name: Image.fromarray(np.round(p * 255).astype(np.uint8)).save(folder / f'{name}.png'), 0.5 / 255),
    '16 bit': (lambda p, folder, name: Image.fromarray(np.round(p * 65535).astype(np.uint16)).save(folder / f'{name}_prob.png'), 1e-5),
    'float tiff': (lambda p, folder, name: Image.fromarray(p).save(folder / f'{name.split("_")[0]}.tif'), 0),
}


@pytest.mark.slow
@pytest.mark.parametrize('kind', WRITERS)
def test_probability_maps_of_any_kind_score_as_scikit_learn_says(drive, tmp_path, kind):
    write, rounding = WRITERS[kind]
    (tmp_path / 'maps').mkdir()
    y, p = [], []
    for name, label, fov, probability in maps_of(drive):
        write(probability, tmp_path / 'maps', name)
        y.append(label[fov])
        p.append(probability[fov])
    dataset = DRIVEVesselDataset(drive, 'test')
    files = match_predictions(tmp_path / 'maps', names_of(dataset))
    y, p = np.concatenate(y), np.concatenate(p)
    pooled = score_files(dataset, files)['field of view']['pooled']
    tolerance = dict(abs=1e-12 if not rounding else 1e-2)
    assert pooled['Dice'] == pytest.approx(sk.f1_score(y, p > 0.5), **tolerance)
    assert pooled['AUC-ROC'] == pytest.approx(sk.roc_auc_score(y, p), abs=1e-4 + rounding)
    assert pooled['AUC-PR'] == pytest.approx(sk.average_precision_score(y, p), abs=1e-4 + rounding)


@pytest.mark.slow
def test_masks_of_any_kind_score_the_same_and_have_no_areas_under_curves(drive, tmp_path):
    dataset, reports = DRIVEVesselDataset(drive, 'test'), []
    for kind, scale in (('png', 255), ('png', 1), ('npy', 1), ('gif', 255)):
        folder = tmp_path / f'{kind}{scale}'
        folder.mkdir()
        for name, _, _, p in maps_of(drive):
            mask = (p > 0.5).astype(np.uint8) * scale
            np.save(folder / f'{name}.npy', mask > 0) if kind == 'npy' else Image.fromarray(mask).save(folder / f'{name}.{kind}')
        files = match_predictions(folder, names_of(dataset))
        reports.append(without_nan(score_files(dataset, files)))
    assert reports[0] == reports[1] == reports[2] == reports[3]
    assert 'AUC-ROC' not in reports[0]['field of view']['pooled'] and 'AUC-ROC' not in reports[0]['pictures'][0]


def test_evaluate_masks_writes_its_table_and_the_second_observers(shell, root, drive, tmp_path):
    (tmp_path / 'maps').mkdir()
    for name, _, _, p in maps_of(drive):
        np.save(tmp_path / 'maps' / f'{name}.npy', p)
    tool = (sys.executable, root / 'tools/evaluate_masks.py')
    done = shell(*tool, 'maps', 'DRIVE', '--data-root', drive, '--threshold', 0.4, '--name', 'mine', '--out', 'scores')
    assert done.returncode == 0 and '| mine, unmasked ' in done.stdout and '| second observer, sd ' in done.stdout, done.stdout
    results = json.loads((tmp_path / 'scores/results.json').read_text())
    assert (
        results['prediction']['threshold'] == 0.4 and results['data']['field_of_view'] == 'shipped' and results['metrics']['AUC-ROC'] > 0.8
    )
    rows = list(csv.DictReader((tmp_path / 'scores/per_picture.csv').open()))
    assert len(rows) == 3
    measured = results['report']['field of view']['agreement']['vessel_area_px2']
    areas = [[float(row[f'vessel_area_px2{of}']) for row in rows] for of in ('', ' of the label')]
    assert measured['bias'] == pytest.approx(np.mean(np.subtract(*areas))) and measured['mean'] == pytest.approx(np.mean(areas[1]))
    cells = [[cell.strip() for cell in line.split('|')] for line in done.stdout.splitlines()]
    assert {one[2] for one in cells if one[1:2] == ['vessel_area_px2']} == {'mine', 'second observer'}, done.stdout
    assert 'Dice expected without labels: mean' in done.stdout and float(rows[0]['Expected Dice']) > 0
    for wrong, words in (
        (('nowhere', 'DRIVE', '--data-root', drive), 'nowhere: folder of predictions not found'),
        (('maps', 'DRIVE'), 'data set folder not found'),
        (('maps', 'DRAIVE'), "'DRAIVE' is no data set \\(DRIVE, STARE"),
    ):
        done = shell(*tool, *wrong)
        assert done.returncode == 1 and done.stdout.strip().count('\n') == 0, done.stdout
        assert words.replace('\\', '') in done.stdout


def test_a_test_tells_the_second_observers_figures_beside_its_own(shell, root, drive, tiny_checkpoint, tmp_path):
    config, checkpoint = tiny_checkpoint()
    test = (sys.executable, root / 'tools/test.py', config, checkpoint, '--data-root', drive)
    done = shell(*test, '--work-dir', 'both')
    assert done.returncode == 0 and 'measures of the second observer and of the labels' in done.stdout, done.stdout
    record = json.loads((tmp_path / 'both/results.json').read_text())
    scored = without_nan(score_second_observer(DRIVEVesselDataset(drive, 'test')))
    for area in ('field of view', 'whole frame'):
        assert record['second_observer'][area]['pooled'] == pytest.approx(scored[area]['pooled'])
    assert record['second_observer']['field of view']['agreement']['vessel_area_px2']['grade']
    (drive / 'test/2nd_manual/02_manual2.gif').unlink()
    done = shell(*test, '--work-dir', 'alone')
    assert done.returncode == 0 and 'the second observer is left out: ' in done.stdout and '02_' in done.stdout, done.stdout
    record = json.loads((tmp_path / 'alone/results.json').read_text())
    assert 'second_observer' not in record and record['metrics']['Dice'] >= 0
    done = shell(sys.executable, root / 'tools/evaluate_masks.py', drive / 'test/1st_manual', 'DRIVE', '--data-root', drive)
    assert done.returncode == 0 and 'the second observer is left out: ' in done.stdout, done.stdout


def test_pixels_that_an_observer_ignores_count_for_neither(drive):
    """Both observers' labels are 0, 1 and 255; the second one's are right where they say something."""
    counted = {}
    for path in (drive / 'test/1st_manual').iterdir():
        label = read_mask(path)
        first, second = label.copy(), label.copy()
        first[:, :10], second[:, -10:] = 255, 255
        second[30:34, 30:34] = 1 - label[30:34, 30:34]
        Image.fromarray(first).save(path)
        Image.fromarray(second).save(drive / 'test/2nd_manual' / path.name.replace('manual1', 'manual2'))
        fov = read_mask(drive / 'test/mask' / path.name.replace('manual1', 'test_mask')) > 0
        wrong = np.zeros_like(fov)
        wrong[30:34, 30:34] = True
        valid = (first != 255) & (second != 255)
        counted[path.name[:2]] = [np.count_nonzero(valid & fov & where) for where in (~wrong, wrong)]
    report = score_second_observer(DRIVEVesselDataset(drive, 'test'))
    for row in report['pictures']:
        assert [row['TP'] + row['TN'], row['FP'] + row['FN']] == counted[row['picture'][:2]]
        assert sum(row[f'unmasked {count}'] for count in ('TP', 'FP', 'FN', 'TN')) == 64 * 44


def test_second_labels_that_the_first_observers_would_be_refused_for_are_no_figures(drive):
    odd = next((drive / 'test/2nd_manual').iterdir())
    label = read_mask(odd)
    Image.fromarray(np.where(label > 0, 0, 255).astype(np.uint8)).save(odd)
    with pytest.raises(DataError, match=f'{odd.name}.*exchanged'):
        score_second_observer(DRIVEVesselDataset(drive, 'test'))
    label = label.astype(np.uint8)
    label[:2] = 255
    Image.fromarray(label).save(odd)
    with pytest.raises(DataError, match=f'{odd.name} holds 0, 1 and 255'):
        score_second_observer(DRIVEVesselDataset(drive, 'test'))


def test_a_label_is_not_of_two_observers(drive):
    class Own(DRIVEVesselDataset):
        def list_samples(self, *args, **kwargs):
            first = sorted((drive / 'test/1st_manual').iterdir())
            return [dict(one, seg_map_path=str(path)) for one, path in zip(super().list_samples(*args, **kwargs), first)]

    with pytest.raises(DataError, match="01_manual1.gif is the label of observer 'second' and of 'first'"):
        score_second_observer(Own(drive, 'test'))


def test_what_goes_wrong_with_the_second_observer_costs_no_result(shell, root, drive, tiny_checkpoint, tmp_path):
    config, checkpoint = tiny_checkpoint()
    (tmp_path / 'own.py').write_text(
        'from mmseg.registry import DATASETS\nfrom mmseg_fundus.datasets import DRIVEVesselDataset\n\n\n'
        '@DATASETS.register_module()\nclass Own(DRIVEVesselDataset):\n    def labelled_by(self, observer):\n'
        "        raise KeyError('no folder of theirs')\n"
    )
    (tmp_path / 'mine.py').write_text(
        f"_base_ = '{config}'\ncustom_imports = dict(imports=['mmseg_fundus', 'own'])\n"
        f"test_dataloader = dict(dataset=dict(type='Own', data_root='{drive}'))\n"
    )
    done = shell(sys.executable, root / 'tools/test.py', 'mine.py', checkpoint, '--work-dir', 'mine', PYTHONPATH=str(tmp_path))
    assert done.returncode == 0 and "the second observer is left out: KeyError: 'no folder of theirs'" in done.stdout, done.stdout
    assert json.loads((tmp_path / 'mine/results.json').read_text())['metrics']['Dice'] >= 0


def test_a_prediction_of_another_size_is_refused(drive, tmp_path):
    dataset = DRIVEVesselDataset(drive, 'test')
    np.save(tmp_path / 'small.npy', np.zeros((32, 32)))
    with pytest.raises(DataError, match='the prediction .*small.npy is 32x32 pixels, its picture .*01_test.tif is 64x64'):
        score_files(dataset, [tmp_path / 'small.npy'] * 3)


def test_unpacking_is_one_command(shell, root, tmp_path):
    source = write_drive_layout(tmp_path / 'source', size=32)
    for part in ('training', 'test'):
        with zipfile.ZipFile(tmp_path / f'{part}.zip', 'w') as file:
            for path in sorted(p for p in (source / part).rglob('*') if p.is_file() and (part == 'training' or 'manual' not in p.name)):
                file.write(path, path.relative_to(source))
    tool = (sys.executable, root / 'tools/unpack_dataset.py', 'DRIVE')
    done = shell(*tool, 'training.zip', 'test.zip')
    assert done.returncode == 0 and '20  pictures read, trainval' in done.stdout, done.stdout
    assert 'the test pictures have no labels in these archives' in done.stdout
    assert (tmp_path / 'data/DRIVE/test/mask/01_test_mask.gif').is_file()
    again = shell(*tool, 'training.zip', 'test.zip')
    assert again.returncode == 1 and again.stdout.startswith('error: data/DRIVE exists and is not empty')


def test_the_table_of_results_is_made_from_results(shell, root, drive, tmp_path):
    (tmp_path / 'maps').mkdir()
    for name, _, _, p in maps_of(drive):
        np.save(tmp_path / 'maps' / f'{name}.npy', p)
    assert shell(sys.executable, root / 'tools/evaluate_masks.py', 'maps', drive, '--name', 'mine', '--out', 'scores').returncode == 0
    readme = tmp_path / 'README.md'
    shutil.copy(root / 'configs/README.md', readme)
    tool = (sys.executable, root / 'tools/results_table.py', '--results', 'results', '--readme', readme)
    assert shell(*tool, '--add', 'scores/results.json').returncode == 0 and shell(*tool, '--check').returncode == 0
    rows = [line for line in readme.read_text().splitlines() if line.startswith(('| mine', '| second', 'Not run here: '))]
    dice = json.loads((tmp_path / 'scores/results.json').read_text())['metrics']['Dice']
    assert f'| {dice:.4f} |'.replace('0.', '.') in rows[0] and 'DRIVE test, 3' in rows[0]
    assert 'DRIVE test, 3' in rows[1] and 'setr_mla_vitb16_frozen_native,' in rows[2]
    (tmp_path / 'results/bad.json').write_text('{}')
    bad = shell(*tool)
    assert bad.returncode == 1 and 'bad.json is no results.json' in bad.stdout


def test_the_table_in_the_repository_is_up_to_date(shell, root):
    done = shell(sys.executable, root / 'tools/results_table.py', '--check')
    assert done.returncode == 0, done.stdout
