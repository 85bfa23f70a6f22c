import json
import math
import platform
import time
from importlib import metadata
from pathlib import Path

import torch
from mmengine.dist import master_only
from mmengine.hooks import Hook
from mmseg.registry import HOOKS

from ..stack import installed_versions
from ..version import __version__
from .checkpoint_hook import write_whole


@HOOKS.register_module()
class ResultsHook(Hook):
    """Writes ``results.json`` into the work folder after each validation and test: the figures and what they were made from."""

    @master_only
    def after_val_epoch(self, runner, metrics=None) -> None:
        self._write(runner, 'val', metrics, epoch=runner.epoch, checkpoint=None)

    @master_only
    def after_test_epoch(self, runner, metrics=None) -> None:
        self._write(runner, 'test', metrics, epoch=None, checkpoint=runner._load_from)

    @staticmethod
    def _write(runner, phase: str, metrics: dict, epoch, checkpoint) -> None:
        loader = runner.val_dataloader if phase == 'val' else runner.test_dataloader
        source = getattr(getattr(runner.model, 'module', runner.model), 'backbone', None)
        source = getattr(source, 'source', None)
        results = {
            'phase': phase,
            'metrics': {name: None if isinstance(value, float) and math.isnan(value) else value for name, value in metrics.items()},
            'epoch': epoch,
            'checkpoint': checkpoint,
            'config': runner.cfg.filename,
            'data': {
                'class': type(loader.dataset).__name__,
                'root': str(loader.dataset.data_root),
                'split': getattr(loader.dataset, 'split', None),
                'pictures': len(loader.dataset),
            },
            'weights': {'path': source.path, 'sha256': source.sha256, 'notes': source.notes} if source else None,
            'seed': runner.seed,
            'processes': runner.world_size,
            'time': time.strftime('%Y-%m-%dT%H:%M:%S'),
            'versions': {
                'mmseg_fundus': __version__,
                'python': platform.python_version(),
                'torch': torch.__version__,
                'numpy': metadata.version('numpy'),
                **installed_versions(),
            },
        }
        write_whole(Path(runner.work_dir) / 'results.json', lambda path: path.write_text(json.dumps(results, indent=2) + '\n'))
