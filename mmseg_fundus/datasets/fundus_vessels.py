import copy
from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar

from mmcv.transforms import BaseTransform
from mmengine.dist import is_main_process
from mmseg.datasets import BaseSegDataset
from mmseg.registry import DATASETS

from ..classes import metainfo
from ..errors import ConfigError, DataError, FundusError
from ..fileio.checksum import file_sha256
from .arguments import check_classes, check_keywords, check_pipeline
from .division import SPLITS, Division
from .layout import find_root
from .naming import picture_names, unique_names
from .reading import read_picture
from .sources import Source, build_source
from .transforms import LoadFieldOfView, LoadVesselAnnotations
from .verify import verify_samples
from .views import Drawn, View, Views, plain_steps

BASE = ('indices', 'test_mode', 'metainfo', 'lazy_init', 'serialize_data', 'max_refetch')  # of BaseSegDataset, that mean something here


@DATASETS.register_module()
class FundusVessels(BaseSegDataset):
    """Fundus photographs with vessel labels, of one source or several, read as they lie on disk; random views of them for training.

    Labels are 0 background, 1 vessel, and 255 (ignored by loss and metrics) outside the field of view and where the file says so.
    A sample holds ``name`` (no two are the same), ``img_path``, ``seg_map_path``, perhaps ``fov_path``, and its source's ``fov_mode``,
    ``field_angle``, ``label_values`` and ``source`` (its place in ``sources``).

    Args:
        source (dict | list[dict]): What is read: ``dict(type='DRIVE', root='data/DRIVE', observer=..., fov=..., field_angle=...,
            division=...)``, see :class:`.Source`; several are trained on together, each with its own angle, observer and division.
        split (str): ``'train'`` and ``'val'`` share the training pictures (seeded hold-out), ``'trainval'`` is all of them, ``'test'``
            the test pictures, ``'all'`` both; of each source.
        division (dict, optional): ``dict(val_fraction=0.1, seed=42)`` and another division into training and test pictures than the
            usual one, see :meth:`.Division.of`: ``first=N``, ``folds=K, fold=I`` or ``file='split.json'``.
        view (dict, optional): Arguments of :class:`~mmseg_fundus.datasets.RandomFundusView`; makes the training pipeline load, draw a
            view, pack.  Not together with ``pipeline``.
        pipeline (list): An mmseg pipeline instead.
        verify (bool): Decode every file once at start, on the main process, and compare sizes.
        keep_decoded (bool): Keep decoded pictures of small data sets in the cache folder, for the views that are drawn.
        **base: ``indices``, ``test_mode``, ``metainfo`` (no other classes), ``lazy_init``, ``serialize_data``, ``max_refetch`` of
            ``BaseSegDataset``.

    Raises:
        DataError: Naming the file or folder that is missing, unpaired, of another size or unreadable.
        ConfigError: If the arguments contradict each other.
    """

    METAINFO = metainfo()
    KEYWORDS: ClassVar[tuple[str, ...]] = BASE
    ANNOTATE: ClassVar[type[BaseTransform] | None] = (
        None  # the pipeline's second step, where it is not that of pictures with labels, or without
    )
    _VIEW = 'view'  # what the argument is called

    def __init__(
        self,
        source: Source | dict[str, Any] | Sequence[Source | dict[str, Any]],
        split: str = 'train',
        division: Division | dict[str, Any] | None = None,
        view: dict[str, Any] | None = None,
        pipeline: Sequence[Any] = (),
        verify: bool = True,
        keep_decoded: bool = True,
        **base: Any,
    ) -> None:
        owner = type(self).__name__
        if 'data_root' in base or 'augmentation' in base:
            raise ConfigError(
                f'{owner}: {", ".join(base)} are settings of another data set class, inherited perhaps; write dataset=dict(_delete_=True, '
                f"type='{owner}', source=dict(type=..., root=...), view=dict(...), ...)"
            )
        check_keywords(type(self), base, FundusVessels)
        if split not in SPLITS:
            raise ConfigError(f'{owner}: split={split!r} is unknown, use one of {", ".join(SPLITS)}')
        self.sources = [self._checked(one) for one in (source if isinstance(source, (list, tuple)) else [source])]
        if not self.sources:
            raise ConfigError(f'{owner}: source=[] names no data set')
        if len({one.labelled for one in self.sources}) > 1:
            raise ConfigError(f'{owner}: some of its sources have labels and others have none; make two data sets of them')
        if view is not None and pipeline:
            raise ConfigError(f'{owner}: give {self._VIEW} or pipeline, not both')
        check_pipeline(owner, pipeline)
        check_classes(owner, base.get('metainfo'), self.METAINFO['classes'])
        self.split = split
        self.divisions = [Division.of(division if one.division is None else one.division) for one in self.sources]
        self.verify = verify
        self.annotate = self.ANNOTATE or (LoadVesselAnnotations if self.sources[0].labelled else LoadFieldOfView)
        views = None if view is None else Views(view, self.annotate, keep_decoded)
        self.views: Any = views  # or what somebody puts in their place, see Views
        self._files: dict[str, dict[str, str]] | None = None
        super().__init__(
            data_root=', '.join(one.root for one in self.sources),
            data_prefix=dict(),
            pipeline=list(pipeline) or (views.steps if views else plain_steps(self.annotate)),
            **base,
        )
        if views:
            views.samples = self.samples

    def _checked(self, settings: Any) -> Source:
        source = build_source(settings)
        return source.check(f'{type(self).__name__}: source {source.name}')

    # ---- what the sources have in common

    @property
    def observer(self) -> str:
        """Whose labels, of all sources."""
        return ', '.join(dict.fromkeys(source.observer for source in self.sources))

    @property
    def observers(self) -> list[str]:
        """Observers that all sources have."""
        return [name for name in self.sources[0].observers if all(name in source.observers for source in self.sources)]

    @property
    def field_angle(self) -> float | str:
        """Degrees that the field of view shows; of several sources that differ, all of them in words."""
        angles = list(dict.fromkeys(source.field_angle for source in self.sources))
        return angles[0] if len(angles) == 1 else ', '.join(map(str, angles))

    def labelled_by(self, observer: str) -> 'FundusVessels':
        """The same pictures with another observer's labels; no file is decoded.

        Raises:
            NothingThereError: If this observer has no label of them.
            DataError: If some of the labels are missing, or the same file as this observer's.
            ConfigError: If one of the sources has no such observer.
        """
        other = copy.copy(self)
        other.verify, other._files, other._fully_initialized = False, None, False
        other.sources = [copy.copy(source) for source in self.sources]
        for source in other.sources:
            source.observer = observer
            if getattr(source.list_samples, '__self__', None) is self:  # a subclass lists its pictures itself
                setattr(source, 'list_samples', other.list_samples)  # noqa: B010 (mypy: a method)
            other._checked(source)
        other.full_init()
        ours, theirs = self.samples(), other.samples()
        names = [[info['name'] for info in samples] for samples in (ours, theirs)]
        if names[0] != names[1]:
            odd = ', '.join(sorted({*names[0]} ^ {*names[1]})[:5])
            raise DataError(f'{self.data_root}: the labels of observer {observer!r} are not of the same pictures ({odd})')
        same = [info['seg_map_path'] for info, other_info in zip(ours, theirs) if info['seg_map_path'] == other_info['seg_map_path']]
        if same and observer != self.observer:
            raise DataError(f'{same[0]} is the label of observer {observer!r} and of {self.observer!r}; each needs a file of its own')
        return other

    # ---- reading

    def prepare_data(self, idx: int) -> Any:
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
            info = self.get_data_info(int(idx))
            read_picture(info['img_path'])  # says which one it is, if it is the picture: mmcv's loader does not
            raise

    def _prepare(self, idx: int) -> Any:
        if not isinstance(idx, View):
            return super().prepare_data(idx)
        info = self.get_data_info(idx.index)
        if self.views:
            return self.views.view(info, idx.number, idx.seed)
        return self.pipeline(dict(info, view=Drawn(info['name'], idx.number, idx.seed)))

    def samples(self) -> list[dict[str, Any]]:
        """All samples, in order."""
        return [self.get_data_info(i) for i in range(len(self))]

    def get_cat_ids(self, idx: int) -> list[int]:
        """Classes in the label of a picture (mmengine's ``ClassBalancedDataset`` asks)."""
        info = self.get_data_info(idx)
        label = self.annotate().transform(dict(info, img=read_picture(info['img_path'])))['gt_seg_map']
        return [value for value in (0, 1) if (label == value).any()]

    # ---- what a record of results says

    def describe(self) -> dict[str, Any]:
        """What figures were measured on and what finds the same pictures again, for ``results.json``; of several sources in ``parts``."""
        samples = self.samples()
        parts = [self._describe(i, [info for info in samples if info['source'] == i]) for i in range(len(self.sources))]
        if len(parts) == 1:
            return parts[0]
        fov = ', '.join(dict.fromkeys(part['field_of_view'] for part in parts))
        return {'class': type(self).__name__, 'split': self.split, 'field_of_view': fov, 'pictures': len(samples), 'parts': parts}

    def _describe(self, i: int, samples: list[dict[str, Any]]) -> dict[str, Any]:
        source, division = self.sources[i], self.divisions[i]
        root = Path(source.root).expanduser().absolute()
        shipped = bool(samples) and 'fov_path' in samples[0]
        hold_out = {'val_fraction': division.val_fraction, 'split_seed': division.val_seed}
        return {
            'class': self._class_of(source),
            'root': str(root),
            'split': self.split,
            'division': division.way,
            'observer': source.observer,
            **({'label_values': source.label_values} if source.label_values != 'auto' else {}),
            'field_of_view': 'whole frame' if source.fov == 'none' else 'shipped' if shipped else 'found',
            'field_angle': source.field_angle,
            'pictures': len(samples),
            **source.remarks(root),
            'arguments': {**source.arguments(), **hold_out},
        }

    def _class_of(self, source: Source) -> str:
        return source.data_set or source.name  # the name that the same pictures have in older results

    def files(self) -> dict[str, dict[str, str]]:
        """``{name: {'picture': ..., 'label': ..., 'fov': ...}}``: 16 hexadecimal digits of each file's SHA-256, read once."""
        if self._files is None:
            roles = {'picture': 'img_path', 'label': 'seg_map_path', 'fov': 'fov_path'}
            self._files = {
                info['name']: {role: file_sha256(info[key])[:16] for role, key in roles.items() if key in info} for info in self.samples()
            }
        return self._files

    # ---- finding the files

    def load_data_list(self) -> list[dict[str, Any]]:
        """Find the samples of the split and check them."""
        samples = [sample for i in range(len(self.sources)) for sample in self._load(i)]
        if len(self.sources) > 1:
            for sample, name in zip(samples, picture_names(samples)):
                sample['name'] = name
        return samples

    def _load(self, i: int) -> list[dict[str, Any]]:
        source = self.sources[i]
        root = find_root(source.root)
        samples, note = self.divisions[i].samples(source, root, self.split)
        for sample, name in zip(samples, unique_names([sample['img_path'] for sample in samples], root)):
            if source.fov != 'auto':
                sample.pop('fov_path', None)
            sample.update(name=name, fov_mode=source.fov, field_angle=source.field_angle, label_values=source.label_values, source=i)
            sample.update(label_map=None, reduce_zero_label=False, seg_fields=[])
        if self.verify and is_main_process():
            verify_samples(samples, f'{self._class_of(source)} {root} ({self.split})', note)
        return samples
