"""mmseg's hook, visualizer and inferencer with ours, and the backends that pictures and figures are handed to."""

import json
import sys
import types
from pathlib import Path

import numpy as np
import pytest
import torch
from mmengine.runner import Runner
from mmengine.structures import PixelData
from mmseg.apis import MMSegInferencer, inference_model, init_model, show_result_pyplot
from mmseg.structures import SegDataSample
from PIL import Image
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from mmseg_fundus.engine import load_config
from mmseg_fundus.engine.evaluation_options import draw_overlays, leave_out_training, write_masks
from mmseg_fundus.visualization import VesselVisualizer, draw_panels


def sample(**maps):
    return SegDataSample(**{name: PixelData(data=torch.as_tensor(values)[None]) for name, values in maps.items()})


PICTURE = np.random.default_rng(0).integers(0, 255, (40, 60, 3), np.uint8)
LABEL = np.zeros((40, 60), int)
LABEL[10:14, 5:50] = 1


@pytest.fixture
def visualizer(tmp_path):
    """Ours with the given backends, below ``tmp_path``."""
    return lambda *types: VesselVisualizer(vis_backends=[dict(type=kind) for kind in types], save_dir=str(tmp_path / '20260101_000000'))


def test_out_file_is_written_into_a_new_folder_and_get_image_gives_it_again(tmp_path, visualizer):
    drawer = visualizer()
    drawn = drawer.add_datasample('eye.tif', PICTURE, sample(pred_sem_seg=LABEL), out_file=tmp_path / 'new/vis/eye.tif')
    assert np.array_equal(np.asarray(Image.open(tmp_path / 'new/vis/eye.tif')), drawn)
    assert np.array_equal(drawer.get_image(), drawn) and np.array_equal(drawn, draw_panels(PICTURE, LABEL))


@pytest.mark.parametrize(
    'maps, options, expected',
    [
        (dict(gt_sem_seg=LABEL), {}, draw_panels(PICTURE, label=LABEL)),  # mmseg's browse_dataset.py
        (dict(gt_sem_seg=LABEL, pred_sem_seg=1 - LABEL), dict(draw_gt=False), draw_panels(PICTURE, 1 - LABEL)),
        (dict(gt_sem_seg=LABEL, pred_sem_seg=1 - LABEL), dict(draw_pred=False), draw_panels(PICTURE, label=LABEL)),
        (dict(gt_sem_seg=LABEL, pred_sem_seg=1 - LABEL), {}, draw_panels(PICTURE, 1 - LABEL, label=LABEL)),
        ({}, {}, draw_panels(PICTURE)),
    ],
)
def test_what_a_sample_has_is_drawn(visualizer, maps, options, expected):
    assert np.array_equal(visualizer().add_datasample('eye', PICTURE, sample(**maps), **options), expected)


def test_tensorboards_run_is_the_start_and_has_no_counters_where_a_file_has_them(tmp_path, visualizer):
    both = visualizer('LocalVisBackend', 'TensorboardVisBackend')
    both.add_scalars({'train/loss': 1.5, 'epoch': 2, 'iter': 20}, step=20)
    both.close()
    start = tmp_path / '20260101_000000'
    assert EventAccumulator(str(start)).Reload().Tags()['scalars'] == ['train/loss']
    assert json.loads((start / 'vis_data/scalars.json').read_text()) == {'train/loss': 1.5, 'epoch': 2, 'iter': 20, 'step': 20}


def test_tensorboard_alone_keeps_the_counters_which_the_report_needs(tmp_path, visualizer):
    alone = visualizer('TensorboardVisBackend')
    alone.add_scalars({'train/loss': 1.5, 'epoch': 2}, step=20)
    alone.close()
    assert set(EventAccumulator(str(tmp_path / '20260101_000000')).Reload().Tags()['scalars']) == {'train/loss', 'epoch'}


class MLflow(types.ModuleType):
    """What mmengine's backend calls; as the real one, it takes a picture's format from its name."""

    MlflowException = RuntimeError

    def __init__(self):
        super().__init__('mlflow')
        self.images, self.metrics = {}, {}

    def log_image(self, image, name):
        assert Path(name).suffix.lower() in Image.registered_extensions(), f'unknown file extension: {name}'
        assert name not in self.images, 'overwritten'
        self.images[name] = image

    def log_metrics(self, metrics, step):
        self.metrics.update({(name, step): value for name, value in metrics.items()})

    def __getattr__(self, name):
        if name.startswith('__'):
            raise AttributeError(name)
        return lambda *args, **kwargs: None


@pytest.mark.slow
def test_mlflow_gets_pictures_under_file_names_and_the_figures_of_training_and_test(tiny_config, monkeypatch):
    mlflow = MLflow()
    monkeypatch.setitem(sys.modules, 'mlflow', mlflow)
    cfg = load_config(tiny_config("visualizer = dict(vis_backends=[dict(type='MLflowVisBackend')])"))
    runner = Runner.from_cfg(cfg)
    runner.train()
    runner.test()
    assert len(mlflow.images) == 2 and all(name.startswith('val_') and name.endswith('.png') for name in mlflow.images), list(mlflow.images)
    assert ('val/Dice', 2) in mlflow.metrics and ('test/Dice', 0) in mlflow.metrics


@pytest.mark.slow
@pytest.mark.parametrize(
    'hook, kind',
    [
        ('SegVisualizationHook', 'VesselVisualizer'),
        ('VesselOverlayHook', 'SegLocalVisualizer'),
        ('SegVisualizationHook', 'SegLocalVisualizer'),
    ],
)
def test_mmsegs_hook_and_visualizer_take_the_place_of_ours(tiny_checkpoint, tmp_path, hook, kind):
    """By their types alone, as a child config sets them."""
    config, checkpoint = tiny_checkpoint(f"default_hooks['visualization'] = dict(type='{hook}')\nvisualizer = dict(type='{kind}')")
    cfg = load_config(config, {'load_from': str(checkpoint), 'experiment_name': f'{hook}-{kind}'})
    leave_out_training(cfg)
    draw_overlays(cfg, show=False, folder=tmp_path / 'drawn')
    write_masks(cfg)
    Runner.from_cfg(cfg).test()
    drawn = sorted((tmp_path / 'drawn').iterdir())
    assert [path.name.split('.')[0][:12] for path in drawn] == ['test_01_test', 'test_02_test', 'test_03_test']
    width, height = Image.open(drawn[0]).size
    assert (width, height > 64) == (128, kind == 'VesselVisualizer'), 'picture, label above difference; label beside prediction'


def test_overlays_are_files_though_the_config_has_no_backend_for_files(tiny_checkpoint, tmp_path):
    config, checkpoint = tiny_checkpoint("visualizer = dict(vis_backends=[dict(type='TensorboardVisBackend')])")
    cfg = load_config(config, {'load_from': str(checkpoint), 'experiment_name': 'no_files'})
    leave_out_training(cfg)
    draw_overlays(cfg, show=False, folder=tmp_path / 'drawn')
    runner = Runner.from_cfg(cfg)
    runner.test()
    assert len(list((tmp_path / 'drawn').iterdir())) == 3
    tags = EventAccumulator(runner.log_dir).Reload().Tags()
    assert {'test/Dice', 'test/AUC-ROC', 'test/loss'} <= set(tags['scalars']) and len(tags['images']) == 3


def test_mmsegs_inferencer_writes_and_returns_what_inference_model_finds(tiny_checkpoint, drive_like, tmp_path):
    config, checkpoint = tiny_checkpoint()
    picture = str(drive_like / 'test/images/01_test.tif')
    model = init_model(str(config), str(checkpoint), device='cpu')
    model.dataset_meta = dict(classes=('background', 'vessel'), palette=[[0, 0, 0], [255, 255, 255]])
    mask = inference_model(model, picture).pred_sem_seg.data[0].numpy()
    inferencer = MMSegInferencer(str(config), str(checkpoint), device='cpu')
    found = inferencer(picture, out_dir=str(tmp_path / 'out'), return_vis=True)
    assert np.array_equal(found['predictions'], mask)
    assert np.array_equal(np.asarray(Image.open(tmp_path / 'out/vis/01_test.tif')), found['visualization'])
    assert np.array_equal(np.asarray(Image.open(tmp_path / 'out/pred/00000000_pred.png')), mask)
    drawn = show_result_pyplot(model, picture, inference_model(model, picture), show=False, save_dir=str(tmp_path / 'shown'))
    assert drawn.shape == (64, 64, 3) and list((tmp_path / 'shown').rglob('*.png'))
    several = inferencer([picture, np.asarray(Image.open(picture))], return_vis=True)
    assert len(several['visualization']) == 2
