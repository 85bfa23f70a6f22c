import logging
import re
from pathlib import Path

from mmengine.dist import is_main_process
from mmengine.logging import print_log
from mmseg.datasets import BaseSegDataset
from mmseg.registry import DATASETS

from ..classes import metainfo
from ..errors import ConfigError, DataError, FundusError, NothingThereError
from ..fileio.checksum import file_sha256
from .arguments import check_classes, check_pipeline
from .division import divide, hold_out
from .label_file import LABEL_VALUES
from .layout import UNLABELLED, converted, find_root, index_folder, list_converted, missing, pair
from .naming import unique_names
from .reading import PICTURE_SUFFIXES, read_picture
from .transforms import FOV_MODES, LoadVesselAnnotations
from .verify import verify_samples
from .views import Drawn, View, Views, plain_steps

SPLITS = ('train', 'val', 'trainval', 'test', 'all')


@DATASETS.register_module()
class FundusVesselDataset(BaseSegDataset):
    """Fundus photographs with vessel labels and, if there, field-of-view masks, read as they lie on disk.

    This class reads plain folders of one's own pictures: ``<img_dir>/<id>.*`` and ``<label_dir>/<id>.*`` (and ``<fov_dir>/<id>.*``),
    any picture format, paired by file name.  The public data sets are subclasses that know their layout (:meth:`list_samples`).

    Labels are 0 background, 1 vessel, and 255 (ignored by loss and metrics) outside the field of view and where the file says so.

    Args:
        data_root (str): The data set's folder.
        split (str): ``'train'`` and ``'val'`` share the training pictures (seeded hold-out), ``'trainval'`` is all of them, ``'test'``
            the test pictures, ``'all'`` both.
        val_fraction (float): Share of the training pictures held out, above 0 and below 1.
        split_seed (int): Seed of the hold-out.
        division (dict, optional): Another division into training and test pictures than the usual one, see :func:`.divide`:
            ``dict(first=N)``, ``dict(folds=K, fold=I)`` or ``dict(file='split.json')``.
        label_values (str): What the numbers in label files mean: ``'auto'``, ``'indices'`` (0, 1, and 255 ignored), ``'white'`` or
            ``'not_black'``, see :func:`.read_label`.
        observer (str): Whose labels: ``'first'`` or, where the set has them, ``'second'``.
        fov (str): Field of view: ``'auto'`` is the shipped mask, or found in the picture where there is none, ``'found'`` always
            found (:func:`.find_fov`), ``'none'`` the whole frame.
        field_angle (float, optional): Degrees that the field of view shows; the public set's (DRIVE 45, STARE 35, CHASE_DB1 30, HRF
            60, FIVES 50), else 45.  Matters where a config gives ``pixels_per_degree``.
        augmentation (dict, optional): Arguments of :class:`~mmseg_fundus.datasets.RandomFundusView`; makes the training pipeline
            load, augment, pack.  Not together with ``pipeline``.
        pipeline (list): An mmseg pipeline instead.
        verify (bool): Decode every file once at start, on the main process, and compare sizes.
        keep_decoded (bool): Keep decoded pictures of a small data set in the cache folder, for the views that are drawn.
        img_dir, label_dir, fov_dir (str): Folders below ``data_root``; ``{part}`` stands for ``training`` or ``test``.  ``fov_dir``
            is looked at if it is given.
        img_suffix, label_suffix, fov_suffix (str): What the file names have between the id and the dot, e.g. ``'_mask'``.
        **kwargs: ``indices``, ``test_mode``, ``metainfo`` (no other classes), ``lazy_init``, ``serialize_data``, ``max_refetch`` of
            ``BaseSegDataset``.

    Raises:
        DataError: Naming the file or folder that is missing, unpaired, of another size or unreadable.
        ConfigError: If the arguments contradict each other.
    """

    FIELD_ANGLE = 45.0  # degrees that the field of view shows, of most fundus cameras
    OBSERVERS = {}  # of a public set: observer -> what a label's name has behind the picture's
    IDS = {}  # of a public set: part -> how its pictures' names begin
    ANNOTATE = LoadVesselAnnotations  # the training pipeline's second step

    METAINFO = metainfo()

    def __init__(
        self,
        data_root,
        split='train',
        val_fraction=0.1,
        split_seed=42,
        division=None,
        observer='first',
        fov='auto',
        field_angle=None,
        augmentation=None,
        pipeline=(),
        verify=True,
        keep_decoded=True,
        img_dir='{part}/images',
        label_dir='{part}/labels',
        fov_dir=None,
        img_suffix='',
        label_suffix='',
        fov_suffix='',
        label_values='auto',
        indices=None,
        test_mode=False,
        metainfo=None,
        lazy_init=False,
        serialize_data=True,
        max_refetch=0,
    ):
        if split not in SPLITS:
            raise ConfigError(f'{type(self).__name__}: split={split!r} is unknown, use one of {", ".join(SPLITS)}')
        if fov not in FOV_MODES:
            raise ConfigError(f'{type(self).__name__}: fov={fov!r} is unknown, use one of {", ".join(FOV_MODES)}')
        if observer != 'first' and observer not in self.OBSERVERS:
            known = ', '.join(self.OBSERVERS) if self.OBSERVERS else 'first; label_dir and label_suffix choose the labels'
            raise ConfigError(f'{type(self).__name__}: observer={observer!r} has no labels in this data set, which has: {known}')
        if label_values not in LABEL_VALUES:
            raise ConfigError(f'{type(self).__name__}: label_values={label_values!r} is unknown, use one of {", ".join(LABEL_VALUES)}')
        if field_angle is not None and not 0 < field_angle <= 360:
            raise ConfigError(f'{type(self).__name__}: field_angle={field_angle} must lie in (0, 360], in degrees')
        if augmentation is not None and pipeline:
            raise ConfigError(f'{type(self).__name__}: give augmentation or pipeline, not both')
        check_pipeline(type(self).__name__, pipeline)
        check_classes(type(self).__name__, metainfo, self.METAINFO['classes'])
        self.split = split
        self.val_fraction = val_fraction
        self.split_seed = split_seed
        self.division = division
        self.observer = observer
        self.fov = fov
        self.label_values = label_values
        self.field_angle = self.FIELD_ANGLE if field_angle is None else field_angle
        self.verify = verify
        self.views = None if augmentation is None else Views(augmentation, self.ANNOTATE, keep_decoded)
        self._files = None
        self.folders = dict(picture=(img_dir, img_suffix), label=(label_dir, label_suffix), fov=(fov_dir, fov_suffix))
        super().__init__(
            data_root=str(data_root),
            data_prefix=dict(),
            pipeline=list(pipeline) or (self.views.steps if self.views else plain_steps(self.ANNOTATE)),
            indices=indices,
            test_mode=test_mode,
            metainfo=metainfo,
            lazy_init=lazy_init,
            serialize_data=serialize_data,
            max_refetch=max_refetch,
        )
        if self.views:
            self.views.samples = self.samples

    def list_samples(self, root: Path, part: str) -> list:
        """Samples of one part of the data set; what a subclass writes for its layout.

        Args:
            root (Path): The data set's folder, which exists.
            part (str): ``'training'`` or ``'test'``.

        Returns:
            list[dict]: With ``img_path``, ``seg_map_path`` and perhaps ``fov_path``, see :func:`.layout.pair`.
        """
        if part == 'test' and '{part}' not in self.folders['picture'][0] and self.division is None:
            print_log(
                f"{type(self).__name__}: img_dir={self.folders['picture'][0]!r} has no {{part}}, so that 'test' reads the same pictures "
                'as the training splits do; divide them with division=dict(first=N), dict(folds=K, fold=I) or dict(file=...)',
                logger='current',
                level=logging.WARNING,
            )
        found = {}
        for role, (folder, suffix) in self.folders.items():
            if folder is None:
                continue
            others = [s for r, (f, s) in self.folders.items() if r != role and f == folder]
            pattern = ''.join(rf'(?!.+{re.escape(other)}\.[.\w]+$)' for other in others if len(other) > len(suffix))
            found[role] = index_folder(
                root / self._folder(role, folder, part),
                rf'{pattern}(.+?){re.escape(suffix)}\.\w+?(?:\.gz)?',
                f'<id>{suffix}.png ({", ".join(PICTURE_SUFFIXES)})',
                others='|'.join(rf'.+{re.escape(other)}\.\w+?(?:\.gz)?' for other in others),
            )
        return pair(found['picture'], found['label'], found.get('fov'))

    def _folder(self, role: str, folder: str, part: str) -> str:
        try:
            return folder.format(part=part)
        except (KeyError, ValueError, IndexError) as error:
            raise ConfigError(f'{type(self).__name__}: the {role} folder {folder!r} may hold {{part}} and no other braces') from error

    def _list(self, root: Path, part: str) -> list:
        try:
            if self.OBSERVERS and converted(root):
                return list_converted(root, part, self.OBSERVERS[self.observer])
            return self.list_samples(root, part)
        except NothingThereError as error:
            if part != 'test':
                raise
            raise NothingThereError(f'{error}. {UNLABELLED}') from error

    def _list_split(self, root: Path) -> tuple:
        """Samples of the split, before a hold-out is taken from them; and the hold-out that a split file names."""
        part = 'test' if self.split == 'test' else 'training'
        flat = not self.OBSERVERS and '{part}' not in self.folders['picture'][0]
        if self.division is None and (self.split != 'all' or flat):
            return self._list(root, part), None
        samples = self._list(root, part) if flat else self._list(root, 'training') + self._list(root, 'test')
        if self.split == 'all':
            return samples, None
        divided = divide(samples, self.division, root)
        return divided[part], divided.get('val')

    def prepare_data(self, idx):
        """The sample at ``idx`` (int), or the random view of it that a :class:`View` stands for, through the pipeline.

        Raises:
            DataError: Naming the file that has gone, or was damaged, since the data set was verified.
        """
        try:
            return self._prepare(idx)
        except FundusError:
            raise
        except Exception as error:
            if isinstance(error, OSError) and error.filename:  # which would be lost on the way out of a worker
                raise DataError(f'{error.filename}: {error.strerror}') from error
            info = self.get_data_info(idx.index if isinstance(idx, View) else idx)
            read_picture(info['img_path'])  # says which one it is, if it is the picture: mmcv's loader does not
            raise

    def _prepare(self, idx):
        if not isinstance(idx, View):
            return super().prepare_data(idx)
        info = self.get_data_info(idx.index)
        if self.views:
            return self.views.view(info, idx.number, idx.seed)
        return self.pipeline(dict(info, view=Drawn(info['name'], idx.number, idx.seed)))

    def samples(self) -> list:
        """All samples, in order."""
        return [self.get_data_info(i) for i in range(len(self))]

    def get_cat_ids(self, idx) -> list:
        """Classes in the label of a picture (mmengine's ``ClassBalancedDataset`` asks)."""
        info = self.get_data_info(idx)
        label = self.ANNOTATE().transform(dict(info, img=read_picture(info['img_path'])))['gt_seg_map']
        return [value for value in (0, 1) if (label == value).any()]

    def describe(self) -> dict:
        """What the figures were measured on, for ``results.json``."""
        shipped = 'fov_path' in self.get_data_info(0)
        return {
            'class': type(self).__name__,
            'root': str(Path(self.data_root).expanduser().absolute()),
            **{name: getattr(self, name) for name in ('split', 'division', 'observer')},
            **({'label_values': self.label_values} if self.label_values != 'auto' else {}),
            'field_of_view': 'whole frame' if self.fov == 'none' else 'shipped' if shipped else 'found',
            'pictures': len(self),
        }

    def files(self) -> dict:
        """``{name: {'picture': ..., 'label': ..., 'fov': ...}}``: 16 hexadecimal digits of each file's SHA-256, read once."""
        if self._files is None:
            roles = {'picture': 'img_path', 'label': 'seg_map_path', 'fov': 'fov_path'}
            infos = [self.get_data_info(i) for i in range(len(self))]
            self._files = {
                info['name']: {role: file_sha256(info[key])[:16] for role, key in roles.items() if key in info} for info in infos
            }
        return self._files

    def load_data_list(self) -> list:
        """Find the samples of the split and check them."""
        root = find_root(self.data_root)
        samples, held_out = self._list_split(root)
        if not samples:
            raise DataError(f'{root} has no picture for split={self.split!r}')
        parts = {'test': ['test'], 'all': ['training', 'test']}.get(self.split, ['training']) if self.division is None else []
        note = missing(samples, [id for part in parts for id in self.IDS.get(part, [])])
        if held_out is not None:
            samples = {'val': held_out, 'trainval': samples + held_out}.get(self.split, samples)
        elif self.split in ('train', 'val'):
            samples = hold_out(samples, self.val_fraction, self.split_seed)[self.split == 'val']
        for sample, name in zip(samples, unique_names([sample['img_path'] for sample in samples], root)):
            if self.fov != 'auto':
                sample.pop('fov_path', None)
            sample.update(name=name, fov_mode=self.fov, field_angle=self.field_angle, label_values=self.label_values)
            sample.update(label_map=None, reduce_zero_label=False, seg_fields=[])
        if self.verify and is_main_process():
            verify_samples(samples, f'{type(self).__name__} {root} ({self.split})', note)
        return samples
