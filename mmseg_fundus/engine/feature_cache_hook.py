import glob
import os
import shutil
from collections.abc import Sequence, Sized
from pathlib import Path
from typing import Any

import numpy as np
import torch
from mmengine.dataset import BaseDataset, ClassBalancedDataset, ConcatDataset, RepeatDataset
from mmengine.hooks import Hook
from mmengine.logging import print_log
from mmengine.model import BaseDataPreprocessor, BaseModel
from mmengine.runner import EpochBasedTrainLoop, Runner
from mmseg.registry import HOOKS
from mmseg.structures import SegDataSample
from torch.utils.data import DataLoader

from ..datasets import ViewSampler
from ..datasets.fov_cache import field_of_view
from ..datasets.naming import parts_of
from ..datasets.reading import picture_size, read_picture
from ..errors import ConfigError
from ..feature_cache import CachedEncoder, CachedViews, FeatureCache, digest, window_records
from ..fileio.cache_folder import cache_folder
from ..fileio.checksum import checksum
from ..fileio.record_folder import RecordFolder
from ..geometry import fov_scale
from ..models.encoders.contract import encoder_in
from ..models.encoders.protocol import Encoder
from ..models.segmentors import VesselSegmentor
from ..models.segmentors.once import encoder_size, piece_in_patches
from ..models.segmentors.tta import tta_poses
from ..models.segmentors.windows import window_starts

GB = 1e9
JOINS = (ConcatDataset, RepeatDataset, ClassBalancedDataset)  # these hand out samples as they are


@HOOKS.register_module()
class FeatureCacheHook(Hook):
    """Computes a frozen encoder's maps once for each view of a training and each validation picture, and keeps them on disk.

    Says before the first step how large that becomes, and stops if it is too large.  Needs ``ViewSampler(views=N)``, a frozen
    backbone and a vessel data set's own augmentation; where one of them is not so, nothing is kept, and a line says why.

    Args:
        folder (str, optional): ``features`` in ``$FUNDUS_CACHE``, or else in ``mmseg_fundus`` in the user's cache folder.
        max_gb (float): Most that one training may need, 10^9 bytes.
        validation (bool): Keep the maps of validation pictures too.
        enabled (bool): ``False`` turns the cache off.
    """

    def __init__(self, folder: str | None = None, max_gb: float = 20.0, validation: bool = True, enabled: bool = True) -> None:
        if not isinstance(max_gb, (int, float)) or not max_gb > 0:
            raise ConfigError(f'FeatureCacheHook: max_gb={max_gb!r} must be a number above 0, in units of 10^9 bytes')
        if not isinstance(enabled, bool) or not isinstance(validation, bool):
            raise ConfigError(f'FeatureCacheHook: enabled={enabled!r}, validation={validation!r} must be True or False')
        self.folder = folder
        self.max_gb = max_gb
        self.validation = validation
        self.enabled = enabled

    def before_train(self, runner: Runner) -> None:
        model, loop = getattr(runner.model, 'module', runner.model), runner.train_loop
        if not isinstance(loop, EpochBasedTrainLoop):  # mmengine's iteration loops have started their workers already
            print_log(f'feature cache: off, train_cfg.type is {type(loop).__name__}, not EpochBasedTrainLoop', logger='current')
            return
        self.connect(model, loop.dataloader, runner.val_loop.dataloader if runner.val_loop else None, loop.max_epochs)

    def connect(
        self, model: BaseModel, train_loader: DataLoader[Any], val_loader: DataLoader[Any] | None = None, epochs: int | None = None
    ) -> bool:
        """Have a model and its data sets use the cache; ``False`` if there is something that cannot be kept.

        Args:
            model (nn.Module): The segmentor.
            train_loader, val_loader (DataLoader): ``val_loader`` may be ``None``.
            epochs (int, optional): Of the training, if known.

        Raises:
            ConfigError: If it would become larger than ``max_gb`` or than the disk has room.
        """
        reason = self._obstacle(model, train_loader) if self.enabled else 'default_hooks.feature_cache.enabled=False'
        if reason:
            print_log(f'feature cache: off, {reason}', logger='current')
            return False
        folder = Path(os.path.expanduser(self.folder)) if self.folder else cache_folder() / 'features'
        encoder, test_cfg = encoder_in(model), model.test_cfg or {}
        identity = encoder.identity()
        maker = digest(identity, _normalisation(model.data_preprocessor), *_outside(model.data_preprocessor))
        sampler: Any = train_loader.sampler  # a ViewSampler: there is no obstacle
        views, need, there, parts, caches = sampler.views_in(epochs), 0, 0, [], []
        for leaf in _leaves(train_loader):
            samples, size = leaf.samples(), leaf.views.size
            caches.append(FeatureCache(folder, samples, repr(leaf.views), maker, size, encoder.map_shape(*size)))
            need, there = need + len(samples) * views * caches[-1].bytes_per_view, there + caches[-1].size()
            parts.append(f'{len(samples)} pictures x {views} views x {caches[-1].bytes_per_view / 1e6:.2f} MB')
        windows, held_out = window_records(folder, maker), self._held_out(val_loader, test_cfg)
        if held_out:
            sizes = [_prediction_size(info, test_cfg, encoder) for info in held_out]
            kept = [windows.size([f'{glob.escape(info["name"])}-????????-*']) for info in held_out]
            need, there = need + sum(sizes), there + sum(map(min, sizes, kept))  # other ways of predicting lie there too
            parts.append(f'{len(held_out)} validation pictures, {sum(sizes) / GB:.2f} GB')
        self._check_room(need, there, ', '.join(parts), folder, (identity or {}).get('precision', 'its own precision'))
        for leaf, cache in zip(_leaves(train_loader), caches):
            leaf.views = CachedViews(leaf.views, cache)
        model.use_encoder(CachedEncoder(encoder, windows if held_out else None))
        return True

    def _held_out(self, val_loader: DataLoader[Any] | None, test_cfg: dict[str, Any]) -> list[dict[str, Any]]:
        """The samples of validation pictures whose maps are kept; those of test-time augmentation are not, unless it needs no more."""
        alone = not test_cfg.get('tta') or test_cfg.get('encoder') is not None  # a picture, whatever poses are averaged
        leaves = _leaves(val_loader) if val_loader and self.validation and alone else []
        return [info for leaf in leaves for info in leaf.samples()] if all(hasattr(leaf, 'samples') for leaf in leaves) else []

    @staticmethod
    def _obstacle(model: BaseModel, loader: DataLoader[Any]) -> str | None:
        """Why the maps of this training cannot be kept, in words."""
        if not isinstance(model, VesselSegmentor):
            return f'{type(model).__name__} is no VesselSegmentor'
        encoder = encoder_in(model)
        if trained := list(encoder.trainable):
            counted = loader.sampler if isinstance(loader.sampler, Sized) else loader.dataset
            views = len(counted) if isinstance(counted, Sized) else 'all'
            return (
                f'the encoder is trained: {len(trained)} of its parameters require a gradient ({trained[0]}, ...), so that it runs '
                f'forwards and backwards in each step, {views} views an epoch, where kept maps cost reading alone'
            )
        if unknown := encoder.why_unknown():  # a subclass or a wrapper may change the maps
            return unknown
        leaves, preprocessor = _leaves(loader), model.data_preprocessor
        if not all(getattr(leaf, 'views', None) for leaf in leaves):
            return 'the training data set has no augmentation=dict(...) of a vessel data set'
        if strange := [kind.__name__ for kind in _wrapped_in(loader.dataset) if kind not in JOINS]:
            return f'the training data set is in a {strange[0]}, which may change its pictures'
        divisor = getattr(preprocessor, 'size_divisor', None) or 1
        padded = any(side % divisor for leaf in leaves for side in leaf.views.size)
        if padded or getattr(preprocessor, 'batch_augments', None) or getattr(preprocessor, 'size', None):
            return 'the data preprocessor changes the pictures (batch_augments, size or size_divisor)'
        if not isinstance(loader.sampler, ViewSampler) or loader.sampler.views is None:
            return "every view is a new one; train_dataloader.sampler=dict(type='ViewSampler', views=N) draws N of each picture"
        return None

    def _check_room(self, need: int, there: int, parts: str, folder: Path, precision: str) -> None:
        place = next(path for path in (folder.absolute(), *folder.absolute().parents) if path.exists())
        free = shutil.disk_usage(place).free
        remedy = 'lower train_dataloader.sampler.views, or train without: default_hooks.feature_cache.enabled=False'
        if need > self.max_gb * GB:
            raise ConfigError(
                f'feature cache: {parts} would be {need / GB:.1f} GB, more than default_hooks.feature_cache.max_gb={self.max_gb:g}; '
                f'raise that, {remedy}'
            )
        if need - there > free:
            raise ConfigError(
                f'feature cache: {parts} would be {need / GB:.2f} GB, {there / GB:.2f} GB of it are in {folder}, where {free / GB:.2f} GB '
                f'are free; name another folder (default_hooks.feature_cache.folder, or $FUNDUS_CACHE), {remedy}'
            )
        print_log(
            f'feature cache: {parts}: at most {need / GB:.2f} GB in {folder} ({there / GB:.2f} GB there, {free / GB:.1f} GB free); '
            f'encoder in {precision}',
            logger='current',
        )


def _leaves(loader: DataLoader[Any]) -> list[Any]:
    """The data sets that a loader reads, each once."""
    return list({id(part): part for part in parts_of(loader.dataset)}.values())


def _wrapped_in(dataset: BaseDataset) -> list[type]:
    """The classes of what data sets are in, one in another."""
    inner = getattr(dataset, 'datasets', None) or ([dataset.dataset] if hasattr(dataset, 'dataset') else [])
    return [type(dataset)] * bool(inner) + [kind for one in inner for kind in _wrapped_in(one)]


def _normalisation(preprocessor: BaseDataPreprocessor) -> int:
    """Checksum of what a data preprocessor makes of every grey value in every channel."""
    probe = torch.stack([torch.arange(256).roll(85 * channel).reshape(16, 16) for channel in range(3)]).to(torch.uint8)
    inputs = preprocessor(dict(inputs=[probe], data_samples=[SegDataSample()]), training=False)['inputs']
    return checksum(inputs.cpu().numpy())


def _outside(preprocessor: BaseDataPreprocessor) -> list[str]:
    """What a data preprocessor does to the surroundings of a field of view, if it does anything."""
    return [outside] if (outside := getattr(preprocessor, 'outside', 'as it is')) != 'as it is' else []


def _prediction_size(info: dict[str, Any], test_cfg: dict[str, Any], encoder: Encoder) -> int:
    """Most bytes that the maps of one picture take when it is predicted as ``test_cfg`` says."""
    native, once = picture_size(info['img_path']), test_cfg.get('encoder')
    size: Sequence[int] = test_cfg.get('size') or native
    windows, zoom, sliding = 1, 1.0, test_cfg.get('mode') == 'slide'
    if sliding:
        zoom = test_cfg.get('zoom', 1.0)
        if test_cfg.get('pixels_per_degree'):
            fov = field_of_view(info, read_picture(info['img_path']))
            zoom *= fov_scale(fov, test_cfg['pixels_per_degree'], info['field_angle'])
        size = native
    if once is not None:
        scales = {pose.scale for pose in tta_poses(test_cfg.get('tta', False))}
        return sum(_size_once([max(round(side * scale * zoom), 1) for side in size], once, encoder) for scale in scales)
    if sliding:
        scaled = [max(round(side * zoom), 1) for side in size]
        windows = int(np.prod([len(window_starts(*sides)) for sides in zip(scaled, test_cfg['crop_size'], test_cfg['stride'])]))
        size = [min(*sides) for sides in zip(scaled, test_cfg['crop_size'])]
    return windows * RecordFolder.record_size(encoder.map_shape(*size), np.float16)


def _size_once(size: Sequence[int], once: dict[str, Any], encoder: Encoder) -> int:
    """Most bytes of a picture that the decode head sees at ``size`` and the encoder once."""
    size, windows = encoder_size(size, once), 1
    pieces = piece_in_patches(once, encoder.patch_size)
    if pieces is not None:
        grid = [-(-side // encoder.patch_size) for side in size]
        windows = int(np.prod([len(window_starts(*sides)) for sides in zip(grid, *pieces)]))
        size = [encoder.patch_size * min(*sides) for sides in zip(grid, pieces[0])]
    return windows * RecordFolder.record_size(encoder.map_shape(*size), np.float16)
