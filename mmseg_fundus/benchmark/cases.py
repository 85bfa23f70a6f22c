"""The measurements; each returns ``{name of what was measured: number}`` and is told where to put temporary files."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from mmengine.config import Config
from mmengine.dataset import pseudo_collate
from mmengine.hooks import Hook
from mmengine.registry import init_default_scope
from mmengine.runner import Runner
from mmengine.runner.checkpoint import save_checkpoint
from mmseg.models import EncoderDecoder
from mmseg.structures import SegDataSample
from torch import Tensor

from ..choices import UNITS
from ..datasets import DRIVEVesselDataset, View
from ..datasets.synthetic import write_drive_layout
from ..feature_cache import CachedEncoder, CachedViews, FeatureCache, window_records
from ..models.encoders.standin import write_standin
from ..models.precision import native_bfloat16
from . import systems
from .limits import decoder_step, matrix_products
from .timing import interleaved

DEVICE = 'cuda' if torch.cuda.is_available() else 'cpu'
PRECISIONS = ('float32', 'bfloat16') if native_bfloat16(DEVICE) else ('float32',)


def _drive_like(folder: Path) -> Path:
    """Pictures of DRIVE's number and size, synthetic."""
    root = folder / 'pictures'
    return root if root.exists() else write_drive_layout(root, training=20, test=1, size=584)


def _step(model: EncoderDecoder) -> Callable[[dict[str, Any]], dict[str, Tensor]]:
    """A training step as a function of a batch."""
    model = model.to(DEVICE).train()
    wrapper = systems.optimizer(model)
    return lambda data: model.train_step(data, wrapper)


def steps(folder: Path, size: int, number: int, rounds: int) -> dict[str, float]:
    """Training steps, milliseconds a picture: stock, ours without and with the cache (reading included), the decoder alone."""
    data = systems.batch(number, size)
    stock = _step(systems.stock())
    variants: dict[str, Callable[..., object]] = {'stock': lambda: stock(data)}
    root = _drive_like(folder)
    for precision in PRECISIONS:
        model = systems.ours('float32', precision)
        uncached = _step(systems.ours(PRECISIONS[-1], precision))
        variants[f'ours, no cache, decoder {precision}'] = lambda uncached=uncached: uncached(data)
        dataset: Any = DRIVEVesselDataset(root, 'train', augmentation=dict(size=(size, size), zoom=1.0), verify=False)
        cache = FeatureCache(folder / 'steps', dataset.samples(), 'benchmark', precision, (size, size), model.encoder.map_shape(size, size))
        dataset.views = CachedViews(dataset.views, cache)  # a stand-in, not a subclass
        model.use_encoder(CachedEncoder(model.encoder))
        cached = _step(model)
        views = [View(i % len(dataset), i // len(dataset)) for i in range(4 * number)]
        places = iter(range(10**9))

        def read_and_step(
            dataset: Any = dataset,
            cached: Callable[[dict[str, Any]], object] = cached,
            views: list[View] = views,
            places: Iterator[int] = places,
        ) -> None:
            first = next(places) * number
            cached(pseudo_collate([dataset[views[(first + i) % len(views)]] for i in range(number)]))

        for _ in range(4):
            read_and_step()  # fill
        variants[f'ours, cache, decoder {precision}'] = read_and_step
        variants[f'limit: decoder alone, {precision}'] = decoder_step(precision, size, number, DEVICE)
    return interleaved(variants, rounds, number)


class _Clock(Hook):
    """Wall clock time of each training epoch, without validation."""

    def __init__(self) -> None:
        self.seconds: list[float] = []

    def before_train_epoch(self, runner: Runner) -> None:
        self.start = time.perf_counter()

    def after_train_epoch(self, runner: Runner) -> None:
        self.seconds.append(time.perf_counter() - self.start)


def epochs(folder: Path, size: int, number: int, rounds: int) -> dict[str, float]:
    """Epochs of the DRIVE crop config through the runner, seconds: 5 crops of each of 16 pictures, 3 epochs, each way twice."""
    taken: dict[str, list[float]] = {'no cache': [], 'cache, first epoch': [], 'cache, later epochs': []}
    root = _drive_like(folder)
    for turn in range(2):
        for enabled in (False, True):
            cfg = Config.fromfile(str(systems.CONFIGS / 'setr_mla_vitb16_frozen_native.py'))
            cfg.merge_from_dict(
                {
                    'model.backbone.weights': 'random',
                    'train_dataloader.batch_size': number,
                    'train_dataloader.sampler.repeats': 5,
                    'train_dataloader.sampler.views': 5,
                    'train_dataloader.dataset.augmentation.size': (size, size),
                    'train_cfg.max_epochs': 3,
                    'default_hooks.feature_cache.enabled': enabled,
                    'default_hooks.feature_cache.folder': str(folder / f'epochs{turn}'),
                    'default_hooks.checkpoint.interval': 100,
                    'log_level': 'WARNING',
                }
            )
            cfg.train_dataloader.dataset.data_root = str(root)
            cfg.val_dataloader = cfg.val_evaluator = cfg.val_cfg = None
            cfg.default_hooks.checkpoint.save_best = None
            cfg.work_dir = str(folder / f'run{turn}{enabled}')
            cfg.experiment_name = f'benchmark{time.time_ns()}'
            clock = _Clock()
            runner = Runner.from_cfg(cfg)
            runner.register_hook(clock)
            runner.train()
            if enabled:
                taken['cache, first epoch'].append(clock.seconds[0])
            taken['cache, later epochs' if enabled else 'no cache'] += clock.seconds[1:]
    found = {name: float(np.median(seconds)) for name, seconds in taken.items()}
    alone = interleaved({'decoder': decoder_step(PRECISIONS[-1], size, number, DEVICE)}, rounds)['decoder']
    return {**found, f'limit: decoder alone, {PRECISIONS[-1]}': alone * -(-16 * 5 // number) / 1e3}


def _picture() -> dict[str, Any]:
    """A test picture of DRIVE's size, all of it field of view."""
    generator = torch.Generator().manual_seed(0)
    fov = np.ones((584, 565), np.uint8)
    sample = SegDataSample(metainfo=dict(img_shape=(584, 565), ori_shape=(584, 565), fov=fov))
    return dict(inputs=[torch.randint(256, (3, 584, 565), generator=generator, dtype=torch.uint8)], data_samples=[sample])


def _predict(model: EncoderDecoder) -> Callable[[], None]:
    model = model.to(DEVICE).eval()

    def predict() -> None:
        with torch.no_grad():
            model.test_step(_picture())

    return predict


def inference(folder: Path, size: int, number: int, rounds: int) -> dict[str, float]:
    """A 584x565 picture by 16 windows of 224, four at a time, milliseconds: stock ``slide_inference``, ours, and its limit."""
    variants = {'stock': _predict(systems.stock())}
    for precision in PRECISIONS:
        variants[f'ours, {precision}'] = _predict(systems.ours(precision, precision))
        variants[f"limit: the encoder's matrix products alone, {precision}"] = matrix_products(precision, 224, 16, 4, DEVICE)
    return interleaved(variants, rounds)


def validation(folder: Path, size: int, number: int, rounds: int) -> dict[str, float]:
    """The same picture at every validation, milliseconds: without and with kept maps."""
    plain, keeping = (systems.ours(PRECISIONS[-1], PRECISIONS[-1]) for _ in range(2))
    keeping.use_encoder(CachedEncoder(keeping.encoder, window_records(folder / 'validation', 'benchmark')))
    return interleaved({'no cache': _predict(plain), 'cache': _predict(keeping)}, rounds)


def checkpoints(folder: Path, size: int, number: int, rounds: int) -> dict[str, float]:
    """A checkpoint with Adam's state after a step, MB."""
    sizes = {}
    weights = write_standin(folder / 'standin.pth')
    for name, model in (('stock', systems.stock()), ('ours', systems.ours(weights=str(weights)))):
        model = model.to(DEVICE).train()
        wrapper = systems.optimizer(model)
        model.train_step(systems.batch(number, size), wrapper)
        state = model.state_dict()
        if name == 'ours':
            state = model.slim_state_dict(state)
        path = folder / f'{name}.pth'
        save_checkpoint(dict(state_dict=state, optimizer=wrapper.state_dict()), str(path))
        sizes[name] = path.stat().st_size / 1e6
        path.unlink()
    return sizes


MEMORY_SYSTEMS = {
    'stock': systems.stock,
    'ours with the same neck and head': lambda: systems.ours(PRECISIONS[-1], 'float32', paper=True),
    'ours': lambda: systems.ours(PRECISIONS[-1], PRECISIONS[-1]),
    "the guide's, encoder trained": systems.guide,
}


def memory(folder: Path, size: int, number: int, rounds: int) -> dict[str, float]:
    """Peak memory of three training steps in a process of its own, MB: on a CPU what it has beyond the imports, on a GPU allocated."""
    code = 'from mmseg_fundus.benchmark.cases import memory_of; import sys; memory_of(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]))'
    found = {}
    for name in MEMORY_SYSTEMS:
        out = subprocess.run(
            [sys.executable, '-c', code, name, str(size), str(number)], capture_output=True, text=True, check=True, env=os.environ
        ).stdout
        found[name] = json.loads(out.strip().splitlines()[-1])
    return found


def memory_of(name: str, size: int, number: int) -> None:
    """Print the peak memory of one of :data:`MEMORY_SYSTEMS`, MB."""
    init_default_scope('mmseg')
    before = _resident('VmRSS')
    step = _step(MEMORY_SYSTEMS[name]())
    for _ in range(3):
        step(systems.batch(number, size))
    if DEVICE == 'cuda':
        print(torch.cuda.max_memory_allocated() / 1e6)
    else:
        print(_resident('VmHWM') - before)


def _resident(field: str) -> float:
    """Resident memory of this process, MB: now (``VmRSS``) or at most (``VmHWM``); Linux."""
    lines = Path('/proc/self/status').read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(field)) * 1024 / 1e6


_MEASURES = dict(step=steps, epoch=epochs, validation=validation, inference=inference, memory=memory, checkpoint=checkpoints)
CASES = {name: (_MEASURES[name], unit) for name, unit in UNITS.items()}
