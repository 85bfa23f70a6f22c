"""The options of ``tools/test.py``, applied to a config."""

from pathlib import Path
from typing import Any

from mmengine.config import Config
from mmengine.hooks import EarlyStoppingHook
from mmengine.visualization.vis_backend import LocalVisBackend
from mmseg.engine.hooks import SegVisualizationHook
from mmseg.registry import HOOKS, METRICS, VISBACKENDS

from ..components import is_a, takes
from ..errors import ConfigError
from ..evaluation import VesselMetric

TRAINING = (
    *('train_dataloader', 'train_cfg', 'optim_wrapper', 'param_scheduler'),
    *('val_dataloader', 'val_cfg', 'val_evaluator'),
)


def leave_out_training(cfg: Config) -> None:
    """Leave out of a config what a test does not need: training pictures are not looked for, and hooks that need a training go."""
    for name in TRAINING:
        cfg[name] = None
    hooks = cfg.get('custom_hooks') or []
    cfg.custom_hooks = [hook for hook in hooks if not is_a(hook, EarlyStoppingHook, HOOKS)]


def write_masks(cfg: Config, folder: str | Path | None = None) -> None:
    """Have the predicted masks written, as PNG of 0 and 255 under the pictures' names, whichever evaluators the config has.

    Args:
        cfg (Config): ``test_evaluator``: a metric, a list of them, or an ``Evaluator`` of several.
        folder (str, optional): By default ``masks`` in the work folder, where ``tools/report.py`` finds them, if a
            :class:`VesselMetric` of the config names no other.
    """
    metrics = _metrics(cfg)
    ours = next((metric for metric in metrics if is_a(metric, VesselMetric, METRICS)), None)
    if ours is not None:
        ours['output_dir'] = folder or ours.get('output_dir') or str(Path(cfg.work_dir) / 'masks')
    elif folder:
        metrics.append(dict(type='PredictedMasks', output_dir=folder))
    given = cfg.test_evaluator
    if isinstance(given, dict) and 'metrics' in given:
        given['metrics'] = metrics
    else:
        cfg.test_evaluator = metrics


def check_measured(cfg: Config) -> None:
    """Raise :class:`ConfigError` if the test will measure no vessels, whose agreement ``--store-agreement`` keeps."""
    if not any(is_a(metric, VesselMetric, METRICS) and metric.get('detail', True) for metric in _metrics(cfg)):
        raise ConfigError('--store-agreement: the test would measure nothing; its test_evaluator needs a VesselMetric with detail=True')


def _metrics(cfg: Config) -> list[Any]:
    """Settings of the test's metrics."""
    given = cfg.test_evaluator
    inner = given['metrics'] if isinstance(given, dict) and 'metrics' in given else given
    return list(inner) if isinstance(inner, (list, tuple)) else [inner]


def draw_overlays(cfg: Config, show: bool, folder: str | Path | None = None, wait_time: float = 2) -> None:
    """Have an overlay of each picture shown in a window, or written into a folder.

    Args:
        cfg (Config): With ``default_hooks.visualization``, ours or mmseg's.
        show (bool): In windows.
        folder (str, optional): For the pictures; nothing else is written there.
        wait_time (float): Seconds a window stays.
    """
    hooks = cfg.setdefault('default_hooks', {})
    hooks['visualization'] = hooks.get('visualization') or dict(type='VesselOverlayHook')
    wanted = dict(draw=True, show=show, wait_time=wait_time)
    hooks['visualization'].update({name: value for name, value in wanted.items() if takes(hooks['visualization'], name, HOOKS)})
    if is_a(hooks['visualization'], SegVisualizationHook, HOOKS):
        hooks['visualization']['interval'] = 1  # mmsegmentation 1.2 draws each fiftieth picture
    if folder is None:
        return
    visualizer = cfg.setdefault('visualizer', dict(type='VesselVisualizer'))
    given = visualizer.get('vis_backends') or []
    backends = [given] if isinstance(given, dict) else list(given)
    if not any(is_a(backend, LocalVisBackend, VISBACKENDS) for backend in backends):
        backends.append(dict(type='LocalVisBackend'))
    for backend in backends:
        if is_a(backend, LocalVisBackend, VISBACKENDS):
            backend['img_save_dir'] = str(Path(folder).absolute())
    visualizer['vis_backends'] = backends
