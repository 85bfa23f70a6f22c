"""Memory and open files under load: a long training of a tiny set, a folder of thousands of pictures, one very large picture.

Example:
    python tests/faults/load.py --epochs 200 --pictures 10000 --megapixels 100 --out docs/load.md
"""

import argparse
import os
import sys
import tempfile
import time
from pathlib import Path

sys.path[:0] = [str(Path(__file__).resolve().parents[i]) for i in (2, 1)]

import numpy as np  # noqa: E402
import torch  # noqa: E402
from mmengine.hooks import Hook  # noqa: E402
from mmengine.runner import Runner  # noqa: E402
from mmseg.registry import HOOKS  # noqa: E402
from page import write_page  # noqa: E402
from PIL import Image  # noqa: E402
from tiny import write_config, write_weights  # noqa: E402

from mmseg_fundus.apis import FundusVesselInferencer  # noqa: E402
from mmseg_fundus.datasets import FundusVesselDataset, View  # noqa: E402
from mmseg_fundus.datasets.synthetic import write_drive_layout  # noqa: E402
from mmseg_fundus.engine import load_config  # noqa: E402


def resident() -> float:
    """Resident memory of this process, MB."""
    return int(Path('/proc/self/statm').read_text().split()[1]) * os.sysconf('SC_PAGE_SIZE') / 1e6


def handles() -> int:
    return len(os.listdir('/proc/self/fd'))


class Curve:
    """Memory and handles over a number of equal steps; the first fifth, in which caches fill, is left out of the slope."""

    def __init__(self):
        self.memory, self.files = [], []

    def note(self) -> None:
        self.memory.append(resident())
        self.files.append(handles())

    def __str__(self) -> str:
        steady = np.array(self.memory[len(self.memory) // 5 :])
        slope = np.polyfit(np.arange(len(steady)), steady, 1)[0] * 1000
        files = self.files[len(self.files) // 5 :]
        tenths = ', '.join(f'{self.memory[i]:.0f}' for i in np.linspace(0, len(self.memory) - 1, 11).astype(int))
        return (
            f'memory {tenths} MB at each tenth, slope {slope:+.1f} kB a step over the last {len(steady)} steps; '
            f'open files {files[0]} to {files[-1]}, at most {max(files)}'
        )


def epochs(folder: Path, number: int) -> str:
    curve = Curve()

    @HOOKS.register_module()
    class CurveHook(Hook):
        def after_val_epoch(self, runner, metrics=None):
            curve.note()

    data = write_drive_layout(folder / 'DRIVE', training=6, test=2, size=64)
    config = write_config(folder, write_weights(folder / 'w.pth'), data, "default_hooks['curve'] = dict(type='CurveHook')")
    cfg = load_config(config, {'train_cfg.max_epochs': number, 'log_level': 'ERROR'})
    Runner.from_cfg(cfg).train()
    return f'{number} epochs of 5 pictures, each validated and saved: {curve}'


def many_pictures(folder: Path, number: int) -> str:
    rng, curve = np.random.default_rng(0), Curve()
    for part in ('images', 'labels'):
        (folder / 'training' / part).mkdir(parents=True)
    label = Image.fromarray((np.add.outer(np.arange(48), np.arange(48)) % 12 < 2).astype(np.uint8) * 255)
    for i in range(number):
        Image.fromarray(rng.integers(40, 200, (48, 48, 3), np.uint8)).save(folder / f'training/images/{i:05d}.png', compress_level=1)
        label.save(folder / f'training/labels/{i:05d}.png')
    start = time.monotonic()
    dataset = FundusVesselDataset(folder, 'trainval', fov='none', augmentation=dict(size=(48, 48)))
    checked = time.monotonic() - start
    for i in range(len(dataset)):
        dataset[View(i, 0)]
        if i % max(number // 100, 1) == 0:
            curve.note()
    return f'{number} pictures of 48x48, a view of each (a step is a hundredth of them; checked at start in {checked:.0f} s): {curve}'


def large_picture(folder: Path, megapixels: float) -> str:
    side = int((megapixels * 1e6) ** 0.5)
    picture = np.zeros((side, side, 3), np.uint8)
    y, x = np.ogrid[:side, :side]
    picture[(y - side / 2) ** 2 + (x - side / 2) ** 2 < (0.48 * side) ** 2] = (150, 80, 40)
    Image.fromarray(picture).save(folder / 'large.png', compress_level=1)
    del picture
    data = write_drive_layout(folder / 'DRIVE2', training=6, test=2, size=64)
    config = write_config(folder, write_weights(folder / 'w2.pth'), data, name='large.py')
    cfg = load_config(config)
    cfg.work_dir = str(folder / 'large_work')
    runner = Runner.from_cfg(cfg)
    state = runner.model.slim_state_dict(runner.model.state_dict())
    torch.save({'meta': {}, 'state_dict': state}, folder / 'large.pth')
    before, start = resident(), time.monotonic()
    prediction = FundusVesselInferencer(config, folder / 'large.pth', device='cpu')(folder / 'large.png')
    peak = next(int(line.split()[1]) for line in Path('/proc/self/status').read_text().splitlines() if line.startswith('VmHWM')) / 1e3
    shape = prediction.mask.shape
    return (
        f'a picture of {shape[0]}x{shape[1]} read, its field of view found, predicted whole by a tiny model: '
        f'{time.monotonic() - start:.0f} s, memory {before:.0f} MB before, {peak:.0f} MB at most'
    )


def main():
    parser = argparse.ArgumentParser(description=__doc__.split('\n')[0])
    parser.add_argument('--epochs', type=int, default=200, metavar='N')
    parser.add_argument('--pictures', type=int, default=10000, metavar='N')
    parser.add_argument('--megapixels', type=float, default=100, metavar='N')
    parser.add_argument('--out', type=Path, metavar='FILE', help='write what was seen there (Markdown)')
    args = parser.parse_args()
    torch.set_num_threads(1)
    seen = []
    with tempfile.TemporaryDirectory(prefix='load-') as scratch:
        os.environ['FUNDUS_CACHE'] = f'{scratch}/cache'
        for run, number in ((many_pictures, args.pictures), (epochs, args.epochs), (large_picture, args.megapixels)):
            folder = Path(scratch) / run.__name__
            folder.mkdir()
            seen.append(f'- {run(folder, number)}')
            print(seen[-1], flush=True)
    if args.out:
        write_page(args.out, 'Load', 'Memory is resident memory of the process.', seen)


if __name__ == '__main__':
    main()
