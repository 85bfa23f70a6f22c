"""mmsegmentation's own tools on our configs, checkpoints and masks; started as a user does, who imports nothing of ours before."""

import re
import shutil
import time
from pathlib import Path

import mmseg
import numpy as np
import torch
from habits import row
from PIL import Image
from trial import Finished, Trial, near, same, true

from mmseg_fundus.stack import installed_versions

KIND = "mmsegmentation's own tools"


@row(KIND, 'tools/train.py')
def train(trial: Trial):
    """Two epochs; the checkpoint is slim (no encoder), ours tests it."""
    trial.stock_tool('train', trial.config())
    true({'epoch_1.pth', 'epoch_2.pth'} <= trial.files, f'checkpoints {sorted(trial.files)}')
    true(not any(name.startswith('backbone.') for name in trial.checkpoint()['state_dict']), 'the encoder is in the checkpoint')
    trial.test()


@row(KIND, 'tools/train.py --resume --cfg-options')
def train_options(trial: Trial):
    """Resumes at epoch 2 of 3."""
    trial.take_trained()
    trial.stock_tool('train', trial.folder / 'tiny.py', '--resume', '--cfg-options', 'train_cfg.max_epochs=3')
    same(len(trial.scalars('val/Dice')), 1, 'epochs of the resumed training')
    same(trial.checkpoint('epoch_3.pth')['meta']['iter'], 6, 'steps')


@row(KIND, 'tools/test.py --out --show-dir')
def test(trial: Trial):
    """Three masks, three overlays, and the Dice of our own test.py."""
    trial.take_trained()
    trial.test()
    dice = trial.results['metrics']['Accuracy']
    trial.stock_tool('test', trial.folder / 'tiny.py', trial.work / 'epoch_2.pth', '--out', 'masks', '--show-dir', 'drawn')
    near(trial.results['metrics']['Accuracy'], dice, 'accuracy')
    same(len(list((trial.folder / 'masks').rglob('*.png'))), 3, 'masks')
    same(len([path for path in (trial.folder / 'drawn').rglob('*') if path.suffix in ('.png', '.jpg')]), 3, 'overlays')


@row(KIND, 'analysis_tools/browse_dataset.py')
def browse(trial: Trial):
    """Five training views are drawn as files."""
    trial.stock_tool('analysis_tools/browse_dataset', trial.config(), '--output-dir', 'views', '--not-show')
    same(len([path for path in (trial.folder / 'views').rglob('*') if path.is_file()]), 5, 'files')


@row(KIND, 'misc/browse_dataset.py')
def browse_misc(trial: Trial):
    """Five training views are drawn as files."""
    trial.stock_tool('misc/browse_dataset', trial.config(), '--output-dir', 'views', '--not-show')
    same(len([path for path in (trial.folder / 'views').rglob('*') if path.suffix in ('.png', '.jpg')]), 5, 'files')


@row(KIND, 'analysis_tools/confusion_matrix.py on our masks')
def confusion(trial: Trial):
    """The picture of the matrix is written."""
    trial.take_trained()
    trial.test('epoch_2.pth', '--out', 'masks')
    (masks,) = {path.parent for path in (trial.folder / 'masks').rglob('*.png')}
    trial.stock_tool('analysis_tools/confusion_matrix', trial.folder / 'tiny.py', masks, 'matrix')
    true((trial.folder / 'matrix' / 'confusion_matrix.png').is_file(), 'no picture')


BROKEN = 'mmsegmentation' in installed_versions()  # upstream's get_flops.py, with mmengine from 0.10.5 on


@row(KIND, 'analysis_tools/get_flops.py', refused='mmsegmentation 1.2.2' if BROKEN else None)
def flops(trial: Trial):
    """Parameters are those of the whole model. Upstream's own ends in the same error with mmsegmentation's UNet."""
    if BROKEN:
        unet = Path(mmseg.__file__).parent / '.mim/configs/unet/unet-s5-d16_fcn_4xb4-40k_drive-64x64.py'
        ours, theirs = (trial.stock_tool('analysis_tools/get_flops', c, '--shape', '64', '64', check=False) for c in (trial.config(), unet))
        same(ours.tail(1), theirs.tail(1), 'what get_flops.py ends with')
        return Finished(1, f'error: get_flops.py of mmsegmentation 1.2.2 ends so with its own UNet too: {theirs.tail(1)}')
    done = trial.stock_tool('analysis_tools/get_flops', trial.config(), '--shape', '64', '64')
    found = re.search(r'Params: ([\d.]+)M', done.out)
    trial.train()
    decoder = trial.checkpoint()['meta']['training']['trained_parameters']
    encoder = torch.load(trial.weights, weights_only=False)['teacher']
    wanted = decoder + sum(tensor.numel() for name, tensor in encoder.items() if 'backbone.' in name)
    near(float(found[1]) if found else 0, wanted / 1e6, 'millions of parameters', tolerance=0.02)


@row(KIND, 'analysis_tools/benchmark.py')
def benchmark(trial: Trial):
    """Over 201 pictures (RepeatDataset) it says how many a second, above 0."""
    trial.take_trained(
        "test_dataloader['dataset'] = dict(_delete_=True, type='RepeatDataset', times=67, dataset=dict(type='DRIVEVesselDataset',\n"
        f"    data_root={str(trial.data)!r}, split='test', test_mode=True, pipeline=[dict(type='LoadImageFromFile', "
        "imdecode_backend='pillow'),\n    dict(type='LoadVesselAnnotations'), dict(type='PackVesselInputs')]))"
    )
    arguments = (trial.folder / 'tiny.py', trial.work / 'epoch_2.pth', '--repeat-times', '1')
    done = trial.stock_tool('analysis_tools/benchmark', *arguments)
    found = re.search(r'Average fps of 1 evaluations: ([\d.]+)', done.out)
    true(found and float(found[1]) > 0, done.tail())


SEABORN = 'def set_style(style):\n    """In place of seaborn\'s, which mmsegmentation does not install."""\n'


@row(KIND, 'analysis_tools/analyze_logs.py')
def logs(trial: Trial):
    """Draws the curve of our `scalars.json` (`log_with_hierarchy=False`; it wants seaborn, of which it uses the style alone)."""
    (trial.folder / 'seaborn.py').write_text(SEABORN)
    trial.train('log_processor = dict(log_with_hierarchy=False)')
    (scalars,) = trial.work.glob('*/vis_data/scalars.json')
    trial.stock_tool('analysis_tools/analyze_logs', scalars, '--keys', 'loss', '--legend', 'loss', '--out', 'curve.png')
    true((trial.folder / 'curve.png').is_file(), 'no picture')


@row(KIND, 'misc/print_config.py')
def print_config(trial: Trial):
    """Prints the resolved config with our classes."""
    true('FrozenVisionTransformer' in trial.stock_tool('misc/print_config', trial.config()).out, 'our backbone is missing')


@row(KIND, 'misc/publish_model.py')
def publish(trial: Trial):
    """A file without optimizer, which our test.py reads."""
    trial.take_trained()
    trial.stock_tool('misc/publish_model', trial.work / 'epoch_2.pth', trial.work / 'public.pth')
    for _ in range(100):  # it renames in the background
        names = [name for name in trial.files if name.startswith('public-')]
        if names:
            break
        time.sleep(0.1)
    (name,) = names
    true('optimizer' not in trial.checkpoint(name), 'the optimizer is in it')
    trial.test(name)


@row(KIND, 'SegTTAModel with tta_pipeline, through tools/test.py --tta')
def tta(trial: Trial):
    """Averages four poses: figures of 3 pictures, at the label's resolution."""
    trial.take_trained(
        "tta_model = dict(type='SegTTAModel')\n"
        "tta_pipeline = [dict(type='LoadImageFromFile', imdecode_backend='pillow'), dict(type='TestTimeAug', transforms=[\n"
        "    [dict(type='Resize', scale_factor=1.0, keep_ratio=True), dict(type='Resize', scale_factor=1.5, keep_ratio=True)],\n"
        "    [dict(type='RandomFlip', prob=0.0, direction='horizontal'), dict(type='RandomFlip', prob=1.0, direction='horizontal')],\n"
        "    [dict(type='LoadVesselAnnotations')], [dict(type='PackVesselInputs')]])]"
    )
    trial.stock_tool('test', trial.folder / 'tiny.py', trial.work / 'epoch_2.pth', '--tta')
    rows = trial.results['report']['pictures']
    same([row['TP'] + row['FN'] + row['FP'] + row['TN'] for row in rows], _pixels(trial), 'pixels that count')


def _pixels(trial: Trial) -> list:
    fovs = sorted((trial.data / 'test' / 'mask').iterdir())
    return [int((np.asarray(Image.open(path).convert('L')) > 127).sum()) for path in fovs]


@row(KIND, 'dataset_converters/drive.py, then our DRIVEVesselDataset')
def converter(trial: Trial):
    """Zip files of the pictures become its folders, of which we count the right vessel pixels."""
    for part, manual in (('training', '1st_manual'), ('test', '1st_manual')):
        copy = trial.folder / 'copy' / part
        shutil.copytree(trial.data / part, copy)
        if part == 'test':
            shutil.copytree(copy / manual, copy / '2nd_manual')
        shutil.make_archive(str(trial.folder / part), 'zip', trial.folder / 'copy', part)
    done = trial.stock_tool(
        'dataset_converters/drive', trial.folder / 'training.zip', trial.folder / 'test.zip', '-o', 'converted', check=False
    )
    true(done.status == 0, done.tail())
    trial.take_trained("test_dataloader['dataset']['fov'] = 'none'")
    trial.test('epoch_2.pth', '--data-root', trial.folder / 'converted')
    labels = [np.asarray(Image.open(path).convert('L')) > 127 for path in sorted((trial.data / 'test' / '1st_manual').iterdir())]
    same([row['TP'] + row['FN'] for row in trial.results['report']['pictures']], [int(label.sum()) for label in labels], 'vessel pixels')
