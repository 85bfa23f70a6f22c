"""Evaluators, and what of their figures arrives where."""

import pickle

import numpy as np
from habits import row
from PIL import Image
from trial import Trial, near, same, true

KIND = 'Evaluators'


@row(KIND, 'IoUMetric beside VesselMetric')
def beside(trial: Trial):
    """`results.json` has both: `Dice`, and `mIoU` above 0; best checkpoints follow Dice."""
    trial.train(
        "val_evaluator = [dict(type='VesselMetric', detail=False), dict(type='IoUMetric', iou_metrics=['mIoU'])]\n"
        "test_evaluator = [dict(type='VesselMetric'), dict(type='IoUMetric', iou_metrics=['mIoU'])]"
    )
    trial.test()
    figures = trial.results['metrics']
    true('Dice' in figures and figures['mIoU'] > 0, f'figures {sorted(figures)}')
    true(trial.results['report']['pictures'], 'no figures of the pictures')


@row(KIND, "IoUMetric alone (mIoU, mDice, mFscore), save_best='mIoU'")
def alone(trial: Trial):
    """`results.json` has mmseg's figures; its `aAcc` is what TP and TN of VesselMetric give (percent); the best file is named by mIoU."""
    trial.train(
        "val_evaluator = test_evaluator = dict(_delete_=True, type='IoUMetric', iou_metrics=['mIoU', 'mDice', 'mFscore'])\n"
        "default_hooks['checkpoint']['save_best'] = 'mIoU'"
    )
    true(any(name.startswith('best_mIoU_epoch_') for name in trial.files), f'checkpoints {sorted(trial.files)}')
    trial.test()
    accuracy = trial.results['metrics']['aAcc']
    trial.test('epoch_2.pth', '--cfg-options', 'test_evaluator._delete_=True', 'test_evaluator.type=VesselMetric')
    near(trial.results['metrics']['Accuracy'] * 100, accuracy, 'accuracy', tolerance=1e-3)


@row(KIND, 'IoUMetric with --out')
def alone_out(trial: Trial):
    """Three masks are written."""
    trial.take_trained("test_evaluator = dict(_delete_=True, type='IoUMetric')")
    trial.test('epoch_2.pth', '--out', 'masks')
    same(len(list((trial.folder / 'masks').rglob('*.png'))), 3, 'masks')


@row(KIND, "VesselMetric(prefix='drive'), save_best='drive/Dice'")
def prefix(trial: Trial):
    """The curve is `val/drive/Dice`; `best_drive_Dice_epoch_*.pth` is written."""
    trial.train(
        "val_evaluator = test_evaluator = dict(type='VesselMetric', prefix='drive')\n"
        "default_hooks['checkpoint']['save_best'] = 'drive/Dice'"
    )
    same(len(trial.scalars('val/drive/Dice')), 2, 'validations')
    true(any(name.startswith('best_drive_Dice_epoch_') for name in trial.files), f'checkpoints {sorted(trial.files)}')


@row(KIND, 'DumpResults beside VesselMetric')
def dump(trial: Trial):
    """The pickle has 3 samples with logits of 2 x 64 x 64."""
    trial.take_trained("test_evaluator = [dict(type='VesselMetric'), dict(type='DumpResults', out_file_path='predicted.pkl')]")
    trial.test()
    samples = pickle.loads((trial.folder / 'predicted.pkl').read_bytes())
    same([tuple(sample['seg_logits']['data'].shape) for sample in samples], [(2, 64, 64)] * 3, 'logits')


OWN = """
from mmengine.evaluator import BaseMetric
from mmseg.registry import METRICS


@METRICS.register_module()
class ShareOfVessels(BaseMetric):
    default_prefix = 'share'

    def process(self, data_batch, data_samples):
        self.results += [sample['pred_sem_seg']['data'].float().mean() for sample in data_samples]

    def compute_metrics(self, results):
        import torch
        return dict(predicted=torch.stack(results).mean(), pictures=len(results))
"""


@row(KIND, "A metric of one's own beside ours, whose figures are tensors")
def own_metric(trial: Trial):
    """`results.json` has its figures: 3 pictures, a share from 0 to 1."""
    (trial.folder / 'share.py').write_text(OWN)
    trial.take_trained(
        "custom_imports = dict(imports=['mmseg_fundus', 'share'], allow_failed_imports=False)\n"
        "test_evaluator = [dict(type='VesselMetric'), dict(type='ShareOfVessels')]"
    )
    trial.test()
    figures = trial.results['metrics']
    same(figures['share/pictures'], 3, 'pictures')
    true(0 <= figures['share/predicted'] <= 1, f'share {figures["share/predicted"]}')


@row(KIND, 'Two test sets with pictures of the same names (ConcatDataset)')
def same_names(trial: Trial):
    """6 pictures: 6 rows, 6 masks, 6 overlays."""
    from mmseg_fundus.datasets.synthetic import write_drive_layout

    other = write_drive_layout(trial.folder / 'other', training=1, test=3, size=64, seed=1)
    member = "dict(type='DRIVEVesselDataset', data_root={root!r}, split='test', test_mode=True, pipeline=test_pipeline)"
    members = ', '.join(member.format(root=str(root)) for root in (trial.data, other))
    trial.take_trained(
        "test_pipeline = [dict(type='LoadImageFromFile', imdecode_backend='pillow'), dict(type='LoadVesselAnnotations'), "
        "dict(type='PackVesselInputs')]\n"
        f"test_dataloader['dataset'] = dict(_delete_=True, type='ConcatDataset', datasets=[{members}])"
    )
    trial.test('epoch_2.pth', '--show-dir', 'overlays')
    same(len(trial.results['report']['pictures']), 6, 'rows')
    same(len(list((trial.work / 'masks').rglob('*.png'))), 6, 'masks')
    same(len(list((trial.folder / 'overlays').rglob('*.png'))), 6, 'overlays')


@row(KIND, "mmseg's test pipeline: Resize(keep_ratio=True) before the labels are loaded")
def resized_test(trial: Trial):
    """Labels stay at native resolution: the pixels that count are those of the three fields of view."""
    trial.take_trained(
        "test_dataloader['dataset']['pipeline'] = [dict(type='LoadImageFromFile', imdecode_backend='pillow'), dict(type='Resize',\n"
        "    scale=(96, 96), keep_ratio=True), dict(type='LoadVesselAnnotations'), dict(type='PackVesselInputs')]"
    )
    trial.test()
    rows = trial.results['report']['pictures']
    fovs = [np.asarray(Image.open(path).convert('L')) > 127 for path in sorted((trial.data / 'test' / 'mask').iterdir())]
    same([row['TP'] + row['FN'] + row['FP'] + row['TN'] for row in rows], [int(fov.sum()) for fov in fovs], 'pixels that count')
