"""Samplers, wrappers of data sets, pipelines, data sets of mmseg and of one's own."""

import json

import numpy as np
import torch
from habits import row
from PIL import Image
from trial import Trial, same, true

KIND = 'Data sets, samplers, pipelines'
DEFAULT = "train_dataloader['sampler'] = dict(_delete_=True, type='DefaultSampler', shuffle=True)\ntrain_dataloader['batch_size'] = 1\n"
OURS = "dict(type='DRIVEVesselDataset', data_root={root!r}, split='train', augmentation=dict(size=(64, 64)){more})"


def _steps(trial: Trial) -> int:
    """Steps in the two epochs of a training; of single pictures as many as there are, twice."""
    return trial.checkpoint()['meta']['iter']


@row(KIND, 'DefaultSampler in place of ViewSampler')
def default_sampler(trial: Trial):
    """5 training pictures are 5 steps an epoch; a line says that the encoder's maps are not kept."""
    done = trial.train(DEFAULT)
    same(_steps(trial), 10, 'steps of two epochs')
    true('feature cache: off' in done.out, 'nothing is said about the feature cache')


@row(KIND, "sampler=dict(type='DefaultSampler') without _delete_: the config's views are inherited", refused='_delete_=True')
def default_sampler_inherits(trial: Trial):
    """The line says what to write."""
    return trial.train("train_dataloader['sampler'] = dict(type='DefaultSampler', shuffle=True)", check=False)


@row(KIND, 'InfiniteSampler in an epoch loop')
def infinite_sampler(trial: Trial):
    """As mmengine does it: an epoch is as many steps as the data set has batches (5)."""
    done = trial.train(
        "train_dataloader['sampler'] = dict(_delete_=True, type='InfiniteSampler')\ntrain_dataloader['batch_size'] = 1\n"
        "train_cfg = dict(_delete_=True, type='IterBasedTrainLoop', max_iters=10, val_interval=5)\n"
        "param_scheduler = dict(_delete_=True, type='ConstantLR', factor=1, by_epoch=False)\n"
        "default_hooks['checkpoint'] = dict(by_epoch=False, interval=5)"
    )
    true('feature cache: off' in done.out, 'nothing is said about the feature cache')
    same(trial.checkpoint('iter_10.pth')['meta']['iter'], 10, 'steps')


@row(KIND, 'ConcatDataset of two of our data sets')
def concat(trial: Trial):
    """5 + 8 different pictures are 13 steps an epoch; the checkpoint lists 13."""
    from mmseg_fundus.datasets.synthetic import write_drive_layout

    other = write_drive_layout(trial.folder / 'other', training=9, test=1, size=64, seed=1)
    members = [OURS.format(root=str(root), more='') for root in (trial.data, other)]
    trial.train(DEFAULT + f"train_dataloader['dataset'] = dict(_delete_=True, type='ConcatDataset', datasets=[{', '.join(members)}])")
    same(_steps(trial), 26, 'steps of two epochs')
    same(len(trial.checkpoint()['meta']['training']['files']), 13, 'pictures in the checkpoint')


@row(KIND, 'ConcatDataset with --data-root', refused='data_root')
def concat_root(trial: Trial):
    """One folder for members that had two is refused, instead of the same pictures twice."""
    members = [OURS.format(root=str(trial.folder / name), more='') for name in ('a', 'b')]
    concat = DEFAULT + f"train_dataloader['dataset'] = dict(_delete_=True, type='ConcatDataset', datasets=[{', '.join(members)}])"
    return trial.train(concat, '--data-root', trial.data, check=False)


@row(KIND, 'ConcatDataset under ViewSampler')
def concat_views(trial: Trial):
    """5 + 5 pictures are 10 steps an epoch, each a view as of its data set alone."""
    members = [OURS.format(root=str(trial.data), more='')] * 2
    lines = "train_dataloader['batch_size'] = 1\n"
    trial.train(lines + f"train_dataloader['dataset'] = dict(_delete_=True, type='ConcatDataset', datasets=[{', '.join(members)}])")
    same(_steps(trial), 20, 'steps of two epochs')


@row(KIND, 'RepeatDataset(times=3)')
def repeat(trial: Trial):
    """5 pictures are 15 steps an epoch."""
    inner = OURS.format(root=str(trial.data), more='')
    trial.train(DEFAULT + f"train_dataloader['dataset'] = dict(_delete_=True, type='RepeatDataset', times=3, dataset={inner})")
    same(_steps(trial), 30, 'steps of two epochs')


@row(KIND, 'indices=N: only some pictures')
def indices(trial: Trial):
    """`indices=2` is two pictures, in the steps and in the checkpoint."""
    trial.train("train_dataloader['dataset']['indices'] = 2\ntrain_dataloader['batch_size'] = 1")
    same(len(trial.checkpoint()['meta']['training']['files']), 2, 'pictures in the checkpoint')
    same(_steps(trial), 4, 'steps of two epochs')


STOCK_STEPS = (
    "dict(type='LoadImageFromFile', imdecode_backend='pillow'), dict(type={load!r}), "
    "dict(type='RandomResize', scale=(96, 96), ratio_range=(0.8, 1.2), keep_ratio=True), "
    "dict(type='RandomCrop', crop_size=(48, 48), cat_max_ratio=0.99), dict(type='RandomFlip', prob=0.5), "
    "dict(type='RandomRotate', prob=0.5, degree=20), dict(type='PhotoMetricDistortion'), dict(type='PackSegInputs')"
)
LABELS = """
import json
from mmengine.config import Config
from mmengine.registry import init_default_scope
from mmseg.registry import DATASETS

config = Config.fromfile({config!r})
init_default_scope('mmseg')
data = DATASETS.build(config.train_dataloader.dataset)
labels = [data[i]['data_samples'].gt_sem_seg.data for i in range(5)]
print(json.dumps([sorted({{value for label in labels for value in label.unique().tolist()}}), [list(label.shape) for label in labels]]))
"""
PIPELINE = (
    "train_dataloader['dataset'] = dict(_delete_=True, type='DRIVEVesselDataset', data_root={root!r}, split='train', pipeline=[{steps}])"
)


@row(KIND, "mmseg's transforms behind LoadVesselAnnotations, PackSegInputs")
def stock_transforms(trial: Trial):
    """Crops are 48 x 48, labels are 0, 1 and 255 alone and hold vessels; it trains."""
    extra = DEFAULT + PIPELINE.format(root=str(trial.data), steps=STOCK_STEPS.format(load='LoadVesselAnnotations'))
    values, shapes = json.loads(trial.python(LABELS.format(config=str(trial.config(extra)))).out.strip().splitlines()[-1])
    same(values, [0, 1, 255], 'label values')
    same(shapes, [[1, 48, 48]] * 5, 'shapes')
    trial.train(extra)


@row(KIND, "mmseg's LoadAnnotations on our data sets", refused='LoadVesselAnnotations')
def stock_annotations(trial: Trial):
    """It would read 255 (vessel in most published labels) as "ignore": refused, and the line names the step that reads them right."""
    steps = "dict(type='LoadImageFromFile', imdecode_backend='pillow'), dict(type='LoadAnnotations', imdecode_backend='pillow'), "
    return trial.train(DEFAULT + PIPELINE.format(root=str(trial.data), steps=steps + "dict(type='PackSegInputs')"), check=False)


@row(KIND, 'MultiImageMixDataset with RandomMosaic')
def mosaic(trial: Trial):
    """Each view is a mosaic of 64 x 64; 5 steps an epoch."""
    load = "dict(type='LoadImageFromFile', imdecode_backend='pillow'), dict(type='LoadVesselAnnotations')"
    inner = f"dict(type='DRIVEVesselDataset', data_root={str(trial.data)!r}, split='train', pipeline=[{load}])"
    steps = "dict(type='RandomMosaic', prob=1, img_scale=(64, 64)), dict(type='RandomCrop', crop_size=(64, 64)), dict(type='PackSegInputs')"
    trial.train(
        DEFAULT + f"train_dataloader['dataset'] = dict(_delete_=True, type='MultiImageMixDataset', dataset={inner}, pipeline=[{steps}])"
    )
    same(_steps(trial), 10, 'steps of two epochs')


def _convert(trial: Trial, values=(0, 1)) -> None:
    """The pictures in the folders of mmsegmentation's converters; labels of ``values``, and 255 in the first 8 rows if it is third."""
    for part, folder in (('training', 'training'), ('test', 'validation')):
        for kind in ('images', 'annotations'):
            (trial.folder / 'converted' / kind / folder).mkdir(parents=True)
        for path in sorted((trial.data / part / 'images').iterdir()):
            name = path.name.split('_')[0]
            Image.open(path).save(trial.folder / 'converted/images' / folder / f'{name}.png')
            label = np.asarray(Image.open(trial.data / part / '1st_manual' / f'{name}_manual1.gif').convert('L')) > 127
            label = np.where(label, values[1], values[0]).astype(np.uint8)
            if len(values) == 3:
                label[:8] = values[2]
            Image.fromarray(label).save(trial.folder / 'converted/annotations' / folder / f'{name}_manual1.png')


@row(KIND, "Folders of mmsegmentation's converter with labels of 0, 1 and 255 (ignore)")
def ignored_labels(trial: Trial):
    """A test counts as vessel what is 1, and leaves out what is 255: 3 pictures of 56 x 64 pixels."""
    _convert(trial, (0, 1, 255))
    trial.take_trained("test_dataloader['dataset']['fov'] = 'none'")
    labels = [np.asarray(Image.open(path)) for path in sorted((trial.folder / 'converted/annotations/validation').iterdir())]
    trial.test('epoch_2.pth', '--data-root', trial.folder / 'converted')
    rows = trial.results['report']['pictures']
    same([row['TP'] + row['FN'] for row in rows], [int((label == 1).sum()) for label in labels], 'vessel pixels')
    same([row['TP'] + row['FN'] + row['FP'] + row['TN'] for row in rows], [56 * 64] * 3, 'pixels that count')


@row(KIND, "mmseg's DRIVEDataset in our train.py and test.py")
def stock_drive(trial: Trial):
    """Train and test on its folders: 6 steps an epoch, VesselMetric counts the vessel pixels of the 0/1 labels."""
    _convert(trial)
    load = "dict(type='LoadImageFromFile'), dict(type='LoadAnnotations'), "
    crop = "dict(type='RandomFlip', prob=0.5), "
    line = (
        "{name}_dataloader['dataset'] = dict(_delete_=True, type='DRIVEDataset', data_root={root!r}, data_prefix=dict("
        "img_path='images/{part}', seg_map_path='annotations/{part}'), pipeline=[{steps}dict(type='PackSegInputs')])\n"
    )
    root = str(trial.folder / 'converted')
    extra = DEFAULT + line.format(name='train', part='training', root=root, steps=load + crop)
    extra += ''.join(line.format(name=name, part='validation', root=root, steps=load) for name in ('val', 'test'))
    trial.train(extra)
    same(_steps(trial), 12, 'steps of two epochs')
    trial.test()
    labels = [np.asarray(Image.open(path)) for path in sorted((trial.folder / 'converted/annotations/validation').iterdir())]
    same(sum(row['TP'] + row['FN'] for row in trial.results['report']['pictures']), int(sum(label.sum() for label in labels)), 'vessels')


OWN = """
from mmseg.registry import DATASETS
from mmseg_fundus.datasets import FundusVesselDataset


@DATASETS.register_module()
class ClinicDataset(FundusVesselDataset):
    def __init__(self, img_dir='{part}/images', label_dir='{part}/1st_manual', img_suffix='', label_suffix='', **kwargs):
        super().__init__(img_dir=img_dir, label_dir=label_dir, img_suffix=img_suffix, label_suffix=label_suffix, **kwargs)

    def list_samples(self, root, part):
        images = sorted((root / part / 'images').iterdir())
        labels = sorted((root / part / '1st_manual').iterdir())
        return [dict(img_path=str(image), seg_map_path=str(label)) for image, label in zip(images, labels)]
"""


@row(KIND, "A data set class of one's own, a subclass of FundusVesselDataset in a module beside the config")
def own_class(trial: Trial):
    """Trains, tests on 3 pictures, and `report.py` makes its page of it."""
    (trial.folder / 'clinic.py').write_text(OWN)
    lines = "custom_imports = dict(imports=['mmseg_fundus', 'clinic'], allow_failed_imports=False)\n"
    lines += ''.join(f"{name}_dataloader['dataset']['type'] = 'ClinicDataset'\n" for name in ('train', 'val', 'test'))
    trial.train(lines)
    trial.test()
    same(trial.results['data']['pictures'], 3, 'pictures of the test')
    trial.tool('report', trial.work)


@row(KIND, 'metainfo with other classes', refused='classes')
def other_classes(trial: Trial):
    """Classes that would turn vessel and background around are refused."""
    return trial.train("train_dataloader['dataset']['metainfo'] = dict(classes=('vessel', 'background'))", check=False)


@row(KIND, 'reduce_zero_label=True', refused="'reduce_zero_label' that it does not take")
def reduce_zero_label(trial: Trial):
    """Refused: background is a class of its own here."""
    return trial.train("train_dataloader['dataset']['reduce_zero_label'] = True", check=False)


@row(KIND, 'A batch of one whose map is 1 x 1, with batch norm')
def batch_of_one(trial: Trial):
    """16 x 16 pixels are one patch: it trains, or the line says what to do (a larger size or batch)."""
    extra = "train_dataloader['batch_size'] = 1\ntrain_dataloader['dataset']['augmentation']['size'] = (16, 16)"
    done = trial.train(extra, check=False)
    if done.status:
        true('batch' in done.refusal(), done.refusal())


@row(KIND, 'seg_map_suffix, img_suffix and data_prefix as mmseg has them', refused='that it does not take')
def stock_arguments(trial: Trial):
    """Refused with the argument's name."""
    return trial.train("train_dataloader['dataset']['data_prefix'] = dict(img_path='images')", check=False)


@row(KIND, 'num_workers=2, persistent_workers=True, prefetch_factor=2, pin_memory=True')
def workers(trial: Trial):
    """Two epochs end with the weights of the training without workers, to the bit."""
    trial.take_trained()
    wanted = trial.checkpoint()['state_dict']
    trial.train('train_dataloader.update(num_workers=2, persistent_workers=True, prefetch_factor=2, pin_memory=True)')
    found = trial.checkpoint()['state_dict']
    same([name for name in wanted if not torch.equal(wanted[name], found[name])], [], 'tensors that differ')
