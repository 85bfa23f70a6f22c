"""One photograph by what people would pick instead: CPU seconds, wall clock and memory of a prediction, each in a process of its own.

All networks have random weights: how fast they are does not depend on them.
"""

import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import cv2
import mmseg
import numpy as np
import torch
from mmengine.config import Config
from mmengine.registry import init_default_scope
from mmseg.apis import inference_model, init_model
from mmseg.registry import MODELS
from mmseg.structures import SegDataSample
from torch import Tensor

from ..choices import PEER_SETS
from ..datasets.synthetic import synthetic_fundus
from ..models.segmentors.predictor import Predictor
from ..progress import bar
from ..zoo import bundled
from .cases import DEVICE, _resident
from .networks import nnunet_like, wnet_like
from .systems import CONFIGS
from .table import where

Predict = Callable[[np.ndarray, np.ndarray, float], object]


class Photograph(NamedTuple):
    """Size of a data set's photographs, the degrees that they show, and mmsegmentation's config for them."""

    height: int
    width: int
    field_angle: float
    unet: str


PHOTOGRAPHS = {
    'DRIVE': Photograph(584, 565, 45.0, 'drive-64x64'),
    'CHASE_DB1': Photograph(960, 999, 30.0, 'chase-db1-128x128'),
    'HRF': Photograph(2336, 3504, 60.0, 'hrf-256x256'),
}  # of PEER_SETS


def _mmseg_unet(name: str) -> Predict:
    """mmsegmentation's UNet of the data set, through its own inference."""
    folder = Path(mmseg.__file__).parent / '.mim/configs/unet'
    model = init_model(str(folder / f'unet-s5-d16_fcn_4xb4-40k_{PHOTOGRAPHS[name].unet}.py'), device=DEVICE)
    return lambda picture, fov, angle: inference_model(model, np.ascontiguousarray(picture[..., ::-1]))


def _ours(config: str | Path, tta: bool) -> Predict:
    cfg = Config.fromfile(str(config)).model
    cfg.test_cfg.tta = tta
    if 'weights' in cfg.backbone:
        cfg.backbone.weights = 'random'
    model = MODELS.build(cfg).to(DEVICE).eval()

    def predict(picture: np.ndarray, fov: np.ndarray, angle: float) -> None:
        about = dict(ori_shape=picture.shape[:2], img_shape=picture.shape[:2], fov=fov, field_angle=angle)
        bgr = torch.from_numpy(np.ascontiguousarray(picture[..., ::-1].transpose(2, 0, 1)))
        model.test_step(dict(inputs=[bgr], data_samples=[SegDataSample(metainfo=about)]))

    return predict


def _plain(network: torch.nn.Module, **test_cfg: Any) -> Predict:
    network = network.to(DEVICE).eval()
    predictor = Predictor(lambda inputs, places: network(inputs), test_cfg)

    def predict(picture: np.ndarray, fov: np.ndarray, angle: float) -> Tensor:
        inputs = torch.from_numpy(picture.transpose(2, 0, 1)[None] / np.float32(255)).to(DEVICE)
        return predictor.predict(inputs, [dict(fov=fov, field_angle=angle)])

    return predict


PEERS: dict[str, Callable[[str], Predict]] = {
    'mmsegmentation, UNet and FCN head, its windows': _mmseg_unet,
    'nnU-Net-sized: 8 stages of 32 to 512, windows of 512 by half, 4 flips': lambda name: _plain(
        nnunet_like(), mode='slide', crop_size=(512, 512), stride=(256, 256), tta=dict(turns=False)
    ),
    'lwnet-sized: two U-Nets of 8, 16, 32, whole picture at 512': lambda name: _plain(wnet_like(), mode='whole', size=(512, 512)),
    'bundled model': lambda name: _ours(bundled()[0], tta=False),
    'bundled model, 8 poses': lambda name: _ours(bundled()[0], tta=True),
    'frozen ViT-B/16 and detail path': lambda name: _ours(CONFIGS / 'setr_mla_vitb16_frozen_detail.py', tta=False),
    'frozen ViT-B/16 and detail path, 8 poses': lambda name: _ours(CONFIGS / 'setr_mla_vitb16_frozen_detail.py', tta=True),
}


def peers(photographs: Iterable[str] = PEER_SETS, systems: Iterable[str] = tuple(PEERS), rounds: int = 3) -> dict[str, Any]:
    """Predictions of one photograph of each size, the systems in turn.

    Args:
        photographs (Sequence[str]): Of :data:`PHOTOGRAPHS`.
        systems (Sequence[str]): Of :data:`PEERS`.
        rounds (int): Processes of each; medians are given.

    Returns:
        dict: Photograph to system to ``cpu`` and ``wall`` (seconds) and ``memory`` (peak of the process, MB; on a GPU what was
        allocated).
    """
    code = 'import sys; from mmseg_fundus.benchmark.peers import measure; measure(*sys.argv[1:])'
    taken: dict[str, dict[str, list[dict[str, float]]]] = {name: {system: [] for system in systems} for name in photographs}
    calls = [(name, system) for name, by_system in taken.items() for system in by_system] * rounds
    with bar('predict', len(calls)) as shown:
        for name, system in calls:
            command = [sys.executable, '-W', 'ignore', '-c', code, system, name]
            out = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True, env=os.environ).stdout
            taken[name][system].append(json.loads(out.strip().splitlines()[-1]))
            shown.step()

    def median(found: list[dict[str, float]]) -> dict[str, float]:
        return {key: statistics.median(one[key] for one in found) for key in found[0]}

    return {name: {system: median(found) for system, found in by_system.items()} for name, by_system in taken.items()}


@torch.no_grad()
def measure(system: str, name: str) -> None:
    """Print what one prediction takes, after one of a small picture; JSON."""
    init_default_scope('mmseg')
    predict = PEERS[system](name)
    about = PHOTOGRAPHS[name]
    size = min(about.height, about.width)
    square, _, inside = synthetic_fundus(0, min(size, 1024))
    predict(_resized(square, 256), _resized(inside, 256), about.field_angle)  # not smaller: eight stages halve it seven times
    picture, fov = _framed(_resized(square, size), about), _framed(_resized(inside, size), about)
    start, cpu = time.perf_counter(), time.process_time()
    predict(picture, fov, about.field_angle)
    if DEVICE == 'cuda':
        torch.cuda.synchronize()
    taken = {'cpu': time.process_time() - cpu, 'wall': time.perf_counter() - start}
    memory = torch.cuda.max_memory_allocated() / 1e6 if DEVICE == 'cuda' else _resident('VmHWM')
    print(json.dumps({**taken, 'memory': memory}))


def _resized(square: np.ndarray, size: int) -> np.ndarray:
    return np.asarray(cv2.resize(square, (size, size)), np.uint8)


def _framed(square: np.ndarray, about: Photograph) -> np.ndarray:
    """A square picture in the middle of a black frame of a photograph's size."""
    frame = np.zeros((about.height, about.width, *square.shape[2:]), square.dtype)
    top, left = (about.height - len(square)) // 2, (about.width - len(square)) // 2
    frame[top : top + len(square), left : left + len(square)] = square
    return frame


def peers_markdown(report: Mapping[str, Any]) -> str:
    """The report of ``tools/benchmark.py --peers`` as a page: a table for each photograph, with ratios to its first row."""
    lines = [
        '# One photograph, by what people would pick instead',
        '',
        f'Made by `python tools/benchmark.py --peers {" ".join(report["peers"])} --rounds {report["rounds"]} --markdown docs/peers.md`; '
        'the systems are',
        'in `mmseg_fundus/benchmark/peers.py`.',
        'All have random weights: this is about time and memory, not about what they find. `first row / this` is of CPU seconds.',
        '',
        f'{where(report["machine"])}. Each prediction in a process of its own, the systems in turn, medians of {report["rounds"]} rounds;',
        'of time imports and building the network are not counted; memory is the peak of the process with both.',
    ]
    for name, found in report['peers'].items():
        first = next(iter(found.values()))['cpu']
        lines += [
            '',
            f'## {name}, {PHOTOGRAPHS[name].height} x {PHOTOGRAPHS[name].width}',
            '',
            '| | CPU s | wall s | MB | first row / this |',
            '|---|---|---|---|---|',
        ]
        for system, taken in found.items():
            lines.append(f'| {system} | {taken["cpu"]:.3g} | {taken["wall"]:.3g} | {taken["memory"]:.0f} | {first / taken["cpu"]:.3g} |')
    return '\n'.join(lines) + '\n'
