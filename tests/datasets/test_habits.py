"""What users of mmsegmentation do with a data set: each is right, or one line."""

import runpy
import sys
from pathlib import Path

import mmseg
import numpy as np
import pytest
import torch
from mmengine.config import Config
from mmengine.dataset import DefaultSampler
from mmseg.registry import DATASETS, MODELS
from PIL import Image

from mmseg_fundus.datasets import DRIVEVesselDataset, FundusPhotographsDataset, FundusVesselDataset, ViewSampler
from mmseg_fundus.datasets.label_file import read_mask
from mmseg_fundus.datasets.naming import unique_names
from mmseg_fundus.errors import ConfigError
from mmseg_fundus.evaluation import VesselMetric
from mmseg_fundus.evaluation.mask_writer import MaskWriter

LOAD = [dict(type='LoadImageFromFile', imdecode_backend='pillow'), dict(type='LoadVesselAnnotations')]
STOCK = [
    *LOAD,
    dict(type='RandomResize', scale=(128, 128), ratio_range=(0.5, 2.0), keep_ratio=True),
    dict(type='RandomCrop', crop_size=(48, 48), cat_max_ratio=0.95),
    dict(type='RandomFlip', prob=0.5),
    dict(type='PhotoMetricDistortion'),
    dict(type='PackSegInputs'),
]


@pytest.fixture
def drawn(tmp_path, drive_like):
    """Own pictures whose red channel is 250 in vessels and 100 elsewhere, 30 outside the field of view; a corner is ignored."""
    for folder in ('images', 'labels', 'fovs'):
        (tmp_path / 'training' / folder).mkdir(parents=True)
    infos = DRIVEVesselDataset(drive_like, 'trainval', verify=False)
    for i in range(3):
        info = infos.get_data_info(i)
        label, fov = read_mask(info['seg_map_path']), read_mask(info['fov_path'])
        fov[:, -14:] = 0  # not the same from both sides
        red = np.where(fov == 0, 30, np.where(label == 1, 250, 100)).astype(np.uint8)
        label[:24, :32] = 255
        for folder, array in dict(images=np.dstack([red] * 3), labels=label, fovs=fov * 255).items():
            Image.fromarray(array).save(tmp_path / 'training' / folder / f'eye{i}.png')
    return dict(type='FundusVesselDataset', data_root=str(tmp_path), split='trainval', img_dir='{part}/images', fov_dir='{part}/fovs')


@pytest.mark.parametrize('distortion', [True, False])
def test_stock_training_steps_keep_label_and_picture_together(drawn, distortion):
    steps = [step for step in STOCK if distortion or step['type'] != 'PhotoMetricDistortion']
    dataset = DATASETS.build(dict(drawn, pipeline=steps))
    np.random.seed(0)
    seen, vessels, rest = set(), np.array([]), np.array([])
    for i in range(12):
        sample = dataset[i % 3]
        label = sample['data_samples'].gt_sem_seg.data[0].numpy()
        assert label.shape == sample['inputs'].shape[1:] == (48, 48)
        seen |= set(np.unique(label).tolist())
        red = sample['inputs'][2].numpy().astype(int)
        vessels, rest = np.append(vessels, red[label == 1]), np.append(rest, red[label == 0])
    assert distortion or (vessels.mean() > 200 and rest.mean() < 140), 'labels lie on what they label, but for smooth edges'
    assert seen == {0, 1, 255}


@pytest.mark.parametrize('wrap', [lambda s: s, lambda s: dict(type='TestTimeAug', transforms=[[dict(type='Resize', scale=(8, 8))], [s]])])
@pytest.mark.parametrize('name', ['LoadAnnotations', 'mmseg.LoadAnnotations'])
def test_mmsegs_label_reader_is_one_line_that_names_ours(drawn, name, wrap):
    with pytest.raises(ConfigError, match=r"put dict\(type='LoadVesselAnnotations'\) in its place"):
        DATASETS.build(dict(drawn, pipeline=[LOAD[0], wrap(dict(type=name)), dict(type='PackSegInputs')]))


@pytest.mark.parametrize('classes', [('vessel',), ('vessel', 'background'), ['background', 'artery', 'vein']])
def test_other_classes_are_one_line(drawn, classes):
    with pytest.raises(ConfigError, match='metainfo classes=.*background as 0 and vessel as 1'):
        DATASETS.build(dict(drawn, metainfo=dict(classes=classes)))
    dataset = DATASETS.build(dict(drawn, metainfo=dict(classes=['background', 'vessel'], palette=[[0, 0, 0], [255, 0, 0]])))
    assert dataset.metainfo['palette'][1] == [255, 0, 0]


def test_wrappers_hand_on_whole_samples(drawn, drive_like):
    inner = dict(drawn, pipeline=[*LOAD, dict(type='PackSegInputs')])
    other = dict(type='DRIVEVesselDataset', data_root=str(drive_like), split='test', pipeline=inner['pipeline'])
    single = DATASETS.build(inner)
    joined = DATASETS.build(dict(type='ConcatDataset', datasets=[inner, other]))
    repeated = DATASETS.build(dict(type='RepeatDataset', times=3, dataset=inner))
    balanced = DATASETS.build(dict(type='ClassBalancedDataset', oversample_thr=0.5, dataset=inner))
    assert [len(dataset) for dataset in (joined, repeated, balanced)] == [6, 9, 3]
    for dataset, at in ((joined, 1), (repeated, 7), (balanced, 1)):
        for field in (lambda s: s['inputs'], lambda s: s['data_samples'].gt_sem_seg.data):
            assert torch.equal(field(dataset[at]), field(single[1]))
    assert joined[4]['data_samples'].img_path.endswith('02_test.tif') and single.get_cat_ids(0) == [0, 1]
    mixed = DATASETS.build(
        dict(
            type='MultiImageMixDataset',
            dataset=dict(drawn, pipeline=LOAD),
            pipeline=[dict(type='RandomMosaic', prob=1.0, img_scale=(64, 64)), dict(type='PackSegInputs')],
        )
    )
    sample = mixed[0]
    label, red = sample['data_samples'].gt_sem_seg.data[0].numpy(), sample['inputs'][2].numpy().astype(int)
    assert label.shape == (128, 128) and set(np.unique(label)) == {0, 1, 255}
    assert np.mean(red[label == 1] > 150) > 0.9 and np.mean(red[label == 0] < 150) > 0.9


def test_subsets_and_lists_that_are_not_serialised_are_the_same_pictures(drawn):
    whole = DATASETS.build(drawn)
    for options, names in (
        (dict(indices=2), ['eye0', 'eye1']),
        (dict(indices=[2, 0]), ['eye2', 'eye0']),
        (dict(serialize_data=False), None),
    ):
        part = DATASETS.build(dict(drawn, **options))
        names = names or ['eye0', 'eye1', 'eye2']
        assert [part.get_data_info(i)['name'] for i in range(len(part))] == names == list(part.files())
        for _ in range(2):
            sample = part[0]['data_samples'].gt_sem_seg.data
            assert torch.equal(sample, whole[int(names[0][3])]['data_samples'].gt_sem_seg.data)
    with pytest.raises(TypeError, match='filter_cfg'):
        DATASETS.build(dict(drawn, filter_cfg=dict(filter_empty_gt=True)))


def test_the_advice_for_what_draws_no_views_works_when_it_is_followed(drawn):
    balanced = DATASETS.build(dict(type='ClassBalancedDataset', oversample_thr=0.5, dataset=drawn))
    with pytest.raises(ConfigError) as error:
        ViewSampler(balanced)
    advice = eval(str(error.value).split('sampler=')[1], dict(dict=dict))  # noqa: S307
    cfg = Config(dict(sampler=dict(type='ViewSampler', shuffle=True, views=8, repeats=2)))
    cfg.merge_from_dict(dict(sampler=advice))
    assert cfg.sampler.pop('type') == 'DefaultSampler' and len(DefaultSampler(balanced, **cfg.sampler)) == 3


def test_pictures_outside_the_root_are_read_and_named(tmp_path):
    for part in ('training', 'test'):
        for kind in ('photos', 'vessels'):
            folder = tmp_path / 'elsewhere' / kind / part
            folder.mkdir(parents=True)
            for name in ('a', 'b' if part == 'test' else 'c'):
                array = np.zeros((8, 8, 3) if kind == 'photos' else (8, 8), np.uint8)
                array[2] = 255
                Image.fromarray(array).save(folder / f'{name}.png')
    (tmp_path / 'root').mkdir()
    for elsewhere in (str(tmp_path / 'elsewhere'), '../elsewhere'):
        folders = dict(img_dir=f'{elsewhere}/photos/{{part}}', label_dir=f'{elsewhere}/vessels/{{part}}')
        dataset = FundusVesselDataset(tmp_path / 'root', 'all', **folders)
        assert [dataset.get_data_info(i)['name'] for i in range(4)] == ['training_a', 'c', 'test_a', 'b']
        assert FundusVesselDataset(tmp_path / 'root', 'test', **folders).get_data_info(0)['name'] == 'a'


@pytest.mark.parametrize(
    'paths, names',
    [
        (['/d/a.png', '/d/b.png'], ['a', 'b']),
        (['/d/train/a.png', '/d/test/a.png'], ['train_a', 'test_a']),
        (['/d/a.png', '/d/a.jpg'], ['a_png', 'a_jpg']),
        (['/d/x/a.png', '/d/y/A.png'], ['x_a', 'y_A']),
        (['/e/f/x/a.png', '/e/f/y/a.png'], ['x_a', 'y_a']),
        (['/d/x/a.png', '/e/x/a.png'], ['d_x_a', 'e_x_a']),
        (['/d/x/a.png', '/d/y/a.png', '/d/z/x_a.png'], ['x_a_png', 'y_a', 'x_a_png_1']),
    ],
)
def test_no_two_pictures_have_one_name(paths, names):
    found = unique_names(paths, Path('/d'))
    assert len({name.casefold() for name in found}) == len(paths)
    if paths[-1] != '/d/z/x_a.png':
        assert found == names


def test_photographs_of_one_name_and_two_kinds_are_told_apart(tmp_path):
    for suffix in ('png', 'jpg'):
        Image.new('RGB', (32, 32), 'red').save(tmp_path / f'eye.{suffix}')
    dataset = FundusPhotographsDataset(tmp_path, augmentation=dict(size=(16, 16)))
    assert [dataset.get_data_info(i)['name'] for i in range(2)] == ['eye_jpg', 'eye_png']


TTA = [
    LOAD[0],
    dict(
        type='TestTimeAug',
        transforms=[
            [dict(type='Resize', scale_factor=factor, keep_ratio=True) for factor in (0.5, 1.0, 1.5)],
            [dict(type='RandomFlip', prob=0.0), dict(type='RandomFlip', prob=1.0, direction='horizontal')],
            [dict(type='LoadVesselAnnotations')],
            [dict(type='PackVesselInputs')],
        ],
    ),
]


def test_mmsegs_test_time_augmentation_predicts_in_place(drawn, tiny_config):
    """A head that finds whatever is bright finds the drawn vessels, from each view, whether it was flipped or resized."""
    dataset = DATASETS.build(dict(drawn, test_mode=True, pipeline=TTA))
    config = Config.fromfile(str(tiny_config()))
    config.model.test_cfg = dict(mode='whole', size=None)
    model = MODELS.build(dict(type='SegTTAModel', module=config.model)).eval()
    module = model.module
    mean, std = (tensor.view(-1)[0].item() for tensor in (module.data_preprocessor.mean, module.data_preprocessor.std))

    def bright(inputs, *_):
        red = inputs[:, :1] * std + mean
        return torch.cat([175 - red, red - 175], 1)

    module.encode_decode = bright
    packed = dataset[1]
    info = dataset.get_data_info(1)
    label = np.where(read_mask(info['fov_path']) > 0, np.asarray(Image.open(info['seg_map_path'])), 255)
    assert len(packed['inputs']) == 6 and len({tuple(view.shape) for view in packed['inputs']}) == 3
    for sample in packed['data_samples']:
        assert np.array_equal(sample.gt_sem_seg.data[0].numpy(), label), 'native, not flipped'
    batch = dict(inputs=[[view] for view in packed['inputs']], data_samples=[[sample] for sample in packed['data_samples']])
    (predicted,) = model.test_step(batch)
    metric = VesselMetric()
    metric.process(batch, [predicted.to_dict()])
    figures = metric.evaluate(1)
    assert figures['Dice'] > 0.8 and 'AUC-ROC' not in figures, 'the logits are those of one view'
    single = DATASETS.build(dict(drawn, test_mode=True, pipeline=[*LOAD, dict(type='RandomFlip', prob=1.0), dict(type='PackVesselInputs')]))
    fov = read_mask(info['fov_path'])
    assert np.array_equal(single[1]['data_samples'].fov, fov[:, ::-1]) and np.array_equal(
        single[1]['data_samples'].label, np.asarray(Image.open(info['seg_map_path']))
    )


def test_mmsegs_confusion_matrix_takes_our_masks(tiny_config, drive_like, tmp_path, monkeypatch):
    dataset = DRIVEVesselDataset(drive_like, 'test')
    writer, counts = MaskWriter(tmp_path / 'masks'), np.zeros((2, 2))
    for i in range(len(dataset)):
        info, mask = dataset.get_data_info(i), np.zeros((64, 64), bool)
        mask[:, 20:40] = True
        writer.write(info['name'], mask)
        fov, label = read_mask(info['fov_path']) > 0, read_mask(info['seg_map_path'])
        for truth in (0, 1):
            for found in (0, 1):
                counts[truth, found] += np.count_nonzero((label == truth) & (mask == found) & fov)
    writer.finish()
    assert set(np.unique(np.asarray(Image.open(tmp_path / 'masks/01_test.png').convert('L')))) == {0, 255}, 'seen as black and white'
    tool = Path(mmseg.__path__[0]) / '.mim/tools/analysis_tools/confusion_matrix.py'
    monkeypatch.setattr(sys, 'argv', ['confusion_matrix.py', str(tiny_config()), str(tmp_path / 'masks'), str(tmp_path / 'out')])
    found = runpy.run_path(str(tool))
    predictions = [np.copy(Image.open(path)) for path in sorted((tmp_path / 'masks').iterdir())]
    built = DATASETS.build(Config.fromfile(str(tiny_config())).test_dataloader.dataset)
    assert np.array_equal(found['calculate_confusion_matrix'](built, predictions), counts)
