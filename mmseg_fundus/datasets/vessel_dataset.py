import logging
import os
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from mmcv.transforms import LoadImageFromFile
from mmengine.dist import is_main_process
from mmengine.logging import print_log
from mmseg.datasets import BaseSegDataset, PackSegInputs
from mmseg.registry import DATASETS
from PIL import Image

from ..errors import ConfigError, DataError
from .layout import find_root, hold_out, index_folder, pair
from .reading import PICTURE_SUFFIXES, read_mask, read_picture
from .transforms import LoadVesselAnnotations, RandomFundusView
from .view_sampler import View

SPLITS = ('train', 'val', 'trainval', 'test')


@DATASETS.register_module()
class FundusVesselDataset(BaseSegDataset):
    """Fundus photographs with vessel labels and, if there, field-of-view masks, read as they lie on disk.

    This class reads plain folders of one's own pictures: ``<img_dir>/<id>.*`` and ``<label_dir>/<id>.*`` (and ``<fov_dir>/<id>.*``),
    any picture format, paired by file name.  The public data sets are subclasses that know their layout (:meth:`list_samples`).

    Labels are 0 background, 1 vessel, and 255 (ignored by loss and metrics) outside the field of view.

    Args:
        data_root (str): The data set's folder.
        split (str): ``'train'`` and ``'val'`` share the training pictures (seeded hold-out), ``'trainval'`` is all of them, ``'test'``
            the test pictures.
        val_fraction (float): Share of the training pictures held out, above 0 and below 1.
        split_seed (int): Seed of the hold-out.
        augmentation (dict, optional): Arguments of :class:`~mmseg_fundus.datasets.RandomFundusView`; makes the training pipeline
            load, augment, pack.  Not together with ``pipeline``.
        pipeline (list): An mmseg pipeline instead.
        verify (bool): Decode every file once at start, on the main process, and compare sizes.
        img_dir, label_dir, fov_dir (str): Folders below ``data_root``; ``{part}`` stands for ``training`` or ``test``.  ``fov_dir``
            is looked at if it is given.
        **kwargs: ``indices``, ``test_mode``, ``metainfo``, ``lazy_init``, ``serialize_data``, ``max_refetch`` of ``BaseSegDataset``.

    Raises:
        DataError: Naming the file or folder that is missing, unpaired, of another size or unreadable.
        ConfigError: If the arguments contradict each other.
    """

    METAINFO = dict(classes=('background', 'vessel'), palette=[[0, 0, 0], [255, 255, 255]])

    def __init__(
        self,
        data_root,
        split='train',
        val_fraction=0.1,
        split_seed=42,
        augmentation=None,
        pipeline=(),
        verify=True,
        img_dir='{part}/images',
        label_dir='{part}/labels',
        fov_dir=None,
        indices=None,
        test_mode=False,
        metainfo=None,
        lazy_init=False,
        serialize_data=True,
        max_refetch=0,
    ):
        if split not in SPLITS:
            raise ConfigError(f'{type(self).__name__}: split={split!r} is unknown, use one of {", ".join(SPLITS)}')
        if augmentation is not None and pipeline:
            raise ConfigError(f'{type(self).__name__}: give augmentation or pipeline, not both')
        self.split = split
        self.val_fraction = val_fraction
        self.split_seed = split_seed
        self.verify = verify
        self.folders = dict(img_dir=img_dir, label_dir=label_dir, fov_dir=fov_dir)
        super().__init__(
            data_root=str(data_root),
            data_prefix=dict(),
            pipeline=list(pipeline) or training_pipeline(augmentation),
            indices=indices,
            test_mode=test_mode,
            metainfo=metainfo,
            lazy_init=lazy_init,
            serialize_data=serialize_data,
            max_refetch=max_refetch,
        )

    def list_samples(self, root: Path, part: str) -> list:
        """Samples of one part of the data set; what a subclass writes for its layout.

        Args:
            root (Path): The data set's folder, which exists.
            part (str): ``'training'`` or ``'test'``.

        Returns:
            list[dict]: With ``img_path``, ``seg_map_path`` and perhaps ``fov_path``, see :func:`.layout.pair`.
        """
        if part == 'test' and '{part}' not in self.folders['img_dir']:
            print_log(
                f"{type(self).__name__}: img_dir={self.folders['img_dir']!r} has no {{part}}, so that 'test' reads the same pictures as "
                'the training splits do',
                logger='current',
                level=logging.WARNING,
            )
        found = {}
        for role, folder in self.folders.items():
            if folder is not None:
                found[role] = index_folder(root / folder.format(part=part), r'(.+)\.\w+', f'<id>.png ({", ".join(PICTURE_SUFFIXES)})')
        return pair(found['img_dir'], found['label_dir'], found.get('fov_dir'))

    def prepare_data(self, idx):
        """The sample at ``idx`` (int), or the random view of it that a :class:`View` stands for, through the pipeline."""
        if not isinstance(idx, View):
            return super().prepare_data(idx)
        info = self.get_data_info(idx.index)
        info['view_seed'] = (idx.seed, idx.epoch, idx.index)
        return self.pipeline(info)

    def load_data_list(self) -> list:
        """Find the samples of the split and check them."""
        root = find_root(self.data_root)
        samples = self.list_samples(root, 'test' if self.split == 'test' else 'training')
        if self.split in ('train', 'val'):
            samples = hold_out(samples, self.val_fraction, self.split_seed)[self.split == 'val']
        if self.verify and is_main_process():
            verify_samples(samples, f'{type(self).__name__} {root} ({self.split})')
        for sample in samples:
            sample.update(label_map=None, reduce_zero_label=False, seg_fields=[])
        return samples


def training_pipeline(augmentation) -> list:
    """Load a picture and its label, draw a random view if ``augmentation`` is not ``None``, pack."""
    return [
        dict(type=LoadImageFromFile, imdecode_backend='pillow', color_type='color_ignore_orientation'),
        dict(type=LoadVesselAnnotations),
        *([dict(type=RandomFundusView, **augmentation)] if augmentation is not None else []),
        dict(type=PackSegInputs),
    ]


def verify_sample(sample: dict) -> None:
    """Decode one sample's files and compare their sizes; raises :class:`DataError` naming the file."""
    height, width = read_picture(sample['img_path']).shape[:2]
    for key in ('seg_map_path', 'fov_path'):
        if key in sample:
            mask = read_mask(sample[key])
            if mask.shape != (height, width):
                raise DataError(
                    f'{sample[key]} is {mask.shape[1]}x{mask.shape[0]} pixels, its picture {sample["img_path"]} is {width}x{height}'
                )
            if key == 'fov_path' and not mask.any():
                raise DataError(f'{sample[key]} is empty: no pixel lies in the field of view')


def verify_samples(samples: list, name: str) -> None:
    """Check all samples, several at a time, and log one line."""
    start = time.perf_counter()
    with ThreadPoolExecutor(min(8, os.cpu_count() or 1)) as pool:
        for _ in pool.map(verify_sample, samples):
            pass
    with Image.open(samples[0]['img_path']) as first:
        size = 'x'.join(map(str, first.size))
    print_log(f'{name}: {len(samples)} pictures ({size} pixels the first) checked in {time.perf_counter() - start:.1f} s', logger='current')
