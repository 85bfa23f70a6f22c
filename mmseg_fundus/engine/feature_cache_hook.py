import io
import shutil
from pathlib import Path

import numpy as np
import torch
from mmengine.hooks import Hook
from mmengine.logging import print_log
from mmseg.registry import HOOKS
from PIL import Image

from ..checksum import checksum
from ..datasets import FundusVesselDataset, RandomFundusView, ViewSampler
from ..datasets.fov_cache import cache_folder
from ..datasets.reading import read_bytes
from ..errors import ConfigError
from ..feature_cache import FeatureCache, RecordFolder, digest
from ..feature_cache.cache import VERSION
from ..models.segmentors import VesselSegmentor
from ..models.segmentors.windows import window_starts

GB = 1e9


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

    def __init__(self, folder=None, max_gb=20.0, validation=True, enabled=True):
        if not max_gb > 0:
            raise ConfigError(f'FeatureCacheHook: max_gb={max_gb} must be above 0')
        self.folder = folder
        self.max_gb = max_gb
        self.validation = validation
        self.enabled = enabled

    def before_train(self, runner) -> None:
        model = getattr(runner.model, 'module', runner.model)
        loop = runner.train_loop
        epochs = loop.max_epochs if runner.cfg.train_cfg.get('by_epoch', True) else None
        self.connect(model, loop.dataloader, runner.val_loop.dataloader if runner.val_loop else None, epochs)

    def connect(self, model, train_loader, val_loader=None, epochs=None) -> bool:
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
        folder = Path(self.folder).expanduser() if self.folder else cache_folder() / 'features'
        dataset, sampler = train_loader.dataset, train_loader.sampler
        drawing: RandomFundusView = dataset.pipeline.transforms[-2]
        backbone = model.backbone
        encoder = digest(VERSION, backbone.identity(), _normalisation(model.data_preprocessor))
        samples = [dataset.get_data_info(i) for i in range(len(dataset))]
        cache = FeatureCache(folder, samples, repr(drawing), encoder, drawing.size, backbone.map_shape(*drawing.size))
        views = sampler.views if epochs is None else min(sampler.views, epochs * sampler.repeats)
        need = len(samples) * views * cache.bytes_per_view
        parts = [f'{len(samples)} pictures x {views} views x {cache.bytes_per_view / 1e6:.2f} MB']
        folders = [cache.views, cache.maps]
        validation = None
        if val_loader is not None and self.validation and isinstance(val_loader.dataset, FundusVesselDataset):
            prediction = {name: value for name, value in (model.test_cfg or {}).items() if name not in ('threshold', 'window_batch')}
            if not prediction.get('tta'):
                validation = RecordFolder(folder / f'pictures-{digest(encoder, prediction)}')
                folders.append(validation)
                held = [val_loader.dataset.get_data_info(i)['img_path'] for i in range(len(val_loader.dataset))]
                size = sum(_prediction_size(path, prediction, backbone) for path in held)
                parts.append(f'{len(held)} validation pictures, {size / GB:.2f} GB')
                need += size
        self._check_room(need, ', '.join(parts), folder, folders, backbone.identity()['precision'])
        model.feature_cache = dataset.feature_cache = cache
        if validation is not None:
            model.validation_records = validation
            val_loader.dataset.tell_contents = True
        return True

    @staticmethod
    def _obstacle(model, loader) -> str | None:
        """Why the maps of this training cannot be kept, in words."""
        if not isinstance(model, VesselSegmentor) or not hasattr(model.backbone, 'identity'):
            return f'the backbone {type(getattr(model, "backbone", model)).__name__} cannot be told from others'
        if model.backbone.trainable_blocks:
            return 'the encoder is trained (model.backbone.trainable_blocks)'
        if getattr(model.data_preprocessor, 'batch_augments', None) or getattr(model.data_preprocessor, 'size', None):
            return 'the data preprocessor changes the pictures (batch_augments or size)'
        dataset = loader.dataset
        if not isinstance(dataset, FundusVesselDataset) or not dataset.draws:
            return 'the training data set has no augmentation=dict(...) of a vessel data set'
        if not isinstance(loader.sampler, ViewSampler) or loader.sampler.views is None:
            return "every view is a new one; train_dataloader.sampler=dict(type='ViewSampler', views=N) draws N of each picture"
        return None

    def _check_room(self, need: int, parts: str, folder: Path, folders: list, precision: str) -> None:
        there = sum(records.size() for records in folders)
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


def _normalisation(preprocessor) -> int:
    """Checksum of what a data preprocessor makes of every grey value in every channel."""
    probe = torch.stack([torch.arange(256).roll(85 * channel).reshape(16, 16) for channel in range(3)]).to(torch.uint8)
    inputs = preprocessor(dict(inputs=[probe], data_samples=None), training=False)['inputs']
    return checksum(inputs.cpu().numpy())


def _prediction_size(path, test_cfg: dict, backbone) -> int:
    """Most bytes that the maps of one picture take when it is predicted as ``test_cfg`` says."""
    width, height = Image.open(io.BytesIO(read_bytes(path))).size
    windows = 1
    if test_cfg.get('mode') == 'slide':
        scaled = [max(round(side * test_cfg.get('zoom', 1.0)), 1) for side in (height, width)]
        windows = np.prod([len(window_starts(*sides)) for sides in zip(scaled, test_cfg['crop_size'], test_cfg['stride'])])
        size = [min(*sides) for sides in zip(scaled, test_cfg['crop_size'])]
    else:
        size = test_cfg.get('size') or (height, width)
    return int(windows) * RecordFolder.record_size(backbone.map_shape(*size), np.float16)
