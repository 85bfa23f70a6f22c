"""The trainings of ``tools/probe_encoder.py``: the same decoder, crops and steps beside each encoder."""

import copy
import functools
import hashlib
import random
from dataclasses import dataclass
from pathlib import Path

from mmengine.config import Config

from ..choices import CROPS
from ..datasets import FundusVessels
from ..errors import ConfigError, DataError
from ..version import __version__
from .config import load_config
from .training_options import apply_training_options

VIEWS = 160  # of CROPS, different ones of all pictures together, whose maps are kept
MOST_OTHERS = 20  # pictures of each other set
HELD_OUT = 0.2  # share of the training pictures
FILE, RANDOM, ZEROS = 'file', 'random weights', 'no encoder'  # what a decoder is trained beside


@dataclass(frozen=True)
class Pictures:
    """What a probe trains and is scored on; never test pictures.

    Attributes:
        dataset: Name of the set that trains.
        root: Its folder.
        train: Names of the pictures that may train, in order.
        held_out: Names of the others of the training set.
        others: Other sets: name, folder and which of their training pictures.
        digest: Of the contents of all files.
    """

    dataset: str
    root: str
    train: list[str]
    held_out: list[str]
    others: dict[str, tuple[str, list[int]]]
    digest: str

    @property
    def most(self) -> int:
        """How many may train: each needs a view of its own."""
        return min(len(self.train), VIEWS)


@dataclass(frozen=True)
class Run:
    """One training: beside what, on how many pictures, with which seed.

    Attributes:
        encoder: Name of the weights file that it belongs to.
        kind: ``FILE``, ``RANDOM`` or ``ZEROS``.
        weights: The file that is read: the encoder's, or for ``RANDOM`` its copy with other numbers.
        labels: Training pictures; all of them is their number.
        seed: Of the decoder, the order of crops, the choice of pictures, and for ``RANDOM`` of the numbers.
    """

    encoder: str
    kind: str
    weights: str
    labels: int
    seed: int

    @property
    def name(self) -> str:
        return f'{self.encoder} ({self.kind}), {self.labels} picture{"s" * (self.labels != 1)}, seed {self.seed}'


def find_pictures(dataset: str, root: Path, others: dict[str, Path]) -> Pictures:
    """Look the pictures up.

    Args:
        dataset (str): Name of a known source.
        root (Path): Its folder.
        others (dict[str, Path]): Other sets by name.

    Raises:
        DataError: If a folder does not hold what it should.
    """

    def made(name: str, folder: Path, split: str) -> FundusVessels:
        found = FundusVessels(dict(type=name, root=str(folder)), split, dict(val_fraction=HELD_OUT), verify=False)
        if not len(found):
            raise DataError(f'{folder} has no training picture of {name}')
        return found

    sets = {'train': made(dataset, root, 'train'), 'val': made(dataset, root, 'val')}
    chosen = {}
    for name, folder in others.items():
        sets[name] = made(name, folder, 'trainval')
        count = len(sets[name])
        most = min(count, MOST_OTHERS)
        chosen[name] = (str(folder), [i * count // most for i in range(most)])
    known = hashlib.sha256(repr([(name, found.files()) for name, found in sets.items()]).encode()).hexdigest()
    names = {part: [info['name'] for info in sets[part].samples()] for part in ('train', 'val')}
    return Pictures(dataset, str(root), names['train'], names['val'], chosen, known)


def labelled(pictures: Pictures, labels: int, seed: int) -> list[int]:
    """Which training pictures a run has: with one seed the few are among the many."""
    order = list(range(len(pictures.train)))
    random.Random(seed).shuffle(order)
    return sorted(order[:labels])


def probe_config(base: Path, run: Run, pictures: Pictures, work_dir: Path | str, epochs: int | None = None, crops: int = CROPS) -> Config:
    """The config of one run.

    Args:
        base (Path): What all runs share.
        run (Run): Which one.
        pictures (Pictures): Found by :func:`find_pictures`.
        work_dir (Path | str): Its output folder.
        epochs (int, optional): Instead of the config's.
        crops (int): Drawn in an epoch.

    Raises:
        ConfigError: If the config has no decoder that can do without the encoder's maps, or no augmentation.
    """
    cfg = copy.deepcopy(_read(Path(base)))
    cfg.work_dir = str(work_dir)
    if cfg.model.decode_head.get('type') != 'VesselDetailHead' or not cfg.train_dataloader.dataset.get('augmentation'):
        raise ConfigError(f'--config {base}: a VesselDetailHead and train_dataloader.dataset.augmentation are needed, as in configs/probe')
    cfg.model.backbone.weights = run.weights
    cfg.model.decode_head.context = 'zeros' if run.kind == ZEROS else 'maps'

    source = dict(type=pictures.dataset, root=pictures.root)
    common = dict(type='FundusVessels', division=dict(val_fraction=HELD_OUT))
    view, pipeline = cfg.train_dataloader.dataset.augmentation, cfg.test_dataloader.dataset.pipeline
    chosen = labelled(pictures, run.labels, run.seed)
    cfg.train_dataloader.dataset = dict(source=source, split='train', view=view, indices=chosen, **common)
    cfg.train_dataloader.sampler.update(repeats=-(-crops // len(chosen)), views=-(-VIEWS // len(chosen)))
    parts = [dict(source=source, split='val', pipeline=pipeline, test_mode=True, **common)]
    if run.labels == pictures.most:  # the other cameras, beside the largest training
        for name, (folder, indices) in pictures.others.items():
            other = dict(source=dict(type=name, root=folder), split='trainval', indices=indices)
            parts.append(dict(pipeline=pipeline, test_mode=True, **other, **common))
    tested = parts[0] if len(parts) == 1 else dict(type='ConcatDataset', datasets=parts)
    cfg.val_dataloader.dataset = cfg.test_dataloader.dataset = tested
    apply_training_options(cfg, epochs=epochs, seed=run.seed)
    cfg.train_cfg.update(val_interval=1, val_begin=cfg.train_cfg.max_epochs + 1)  # scored once, by the test at the end
    cfg.default_hooks.checkpoint.update(save_best=None)
    return cfg


@functools.cache
def _read(base: Path) -> Config:
    return load_config(base)


def run_digest(cfg: Config, run: Run, pictures: Pictures, weights_sha256: str) -> str:
    """What decides the figures of a run, in 12 hexadecimal digits: config, weights, pictures, version."""
    kept = {key: value for key, value in cfg.to_dict().items() if key not in ('work_dir', 'default_hooks', 'visualizer')}
    kept['model']['backbone'].pop('weights')
    told = repr((sorted(kept.items()), run.kind, run.seed if run.kind == RANDOM else None, weights_sha256, pictures.digest, __version__))
    return hashlib.sha256(told.encode()).hexdigest()[:12]
