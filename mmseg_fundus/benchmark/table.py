import os
import platform
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from ..stack import installed_versions
from ..version import __version__

TITLES = {
    'step': 'Training step',
    'epoch': 'Epoch of the DRIVE crop config (16 pictures, 5 crops each)',
    'validation': 'Validation, 584x565 by 16 windows, same picture again',
    'inference': 'Inference, 584x565 by 16 windows',
    'memory': 'Peak memory of training steps',
    'checkpoint': 'Checkpoint with optimizer',
}


def machine() -> dict[str, Any]:
    """What a benchmark ran on."""
    processor = platform.processor()
    info = Path('/proc/cpuinfo')
    if info.exists():
        processor = next((line.split(':')[1].strip() for line in info.read_text().splitlines() if line.startswith('model name')), processor)
    return {
        'processor': processor,
        'cores': os.cpu_count(),
        'threads': torch.get_num_threads(),
        'GPU': torch.cuda.get_device_name(0) if torch.cuda.is_available() else None,
        'python': platform.python_version(),
        'torch': torch.__version__,
        'mmseg_fundus': __version__,
        **installed_versions(),
    }


def where(about: Mapping[str, Any]) -> str:
    """What :func:`machine` found, in a line."""
    device = about['GPU'] or f'{about["processor"]}, {about["cores"]} cores, no GPU'
    versions = ', '.join(f'{name} {version}' for name, version in about.items() if name not in ('processor', 'cores', 'threads', 'GPU'))
    return f'{device}, {about["threads"]} threads; {versions}'


def markdown(report: Mapping[str, Any]) -> str:
    """A benchmark's report as a page: machine, sizes, and a table for each case with ratios to its first row."""
    lines = [
        '# Benchmark',
        '',
        'Made by `python tools/benchmark.py --markdown docs/benchmark.md`; the systems are in `mmseg_fundus/benchmark/systems.py`.',
        '',
        f'{where(report["machine"])}. ViT-B/16, {report["size"]} pixels, batch {report["batch"]}; '
        f'medians of {report["rounds"]} interleaved rounds.',
        '',
        'A `limit` does only the part of the work that is left when all else is free: what no cache and no fusing can save.',
    ]
    for case, found in report['cases'].items():
        first = next(iter(found['values'].values()))
        lines += ['', f'## {TITLES[case]}', '', f'| | {found["unit"]} | first row / this |', '|---|---|---|']
        lines += [f'| {name} | {value:.4g} | {first / value:.2f} |' for name, value in found['values'].items()]
    return '\n'.join(lines) + '\n'
