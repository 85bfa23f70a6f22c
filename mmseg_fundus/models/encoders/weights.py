"""Encoder weights: read a file, recognise its family, compare it with what is expected, check its values."""

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from ...errors import WeightsError, plain, told_as
from ...families import Normalisation
from ...fileio.archive import check_archive
from ...fileio.checksum import file_sha256
from ...fileio.safe_load import OPT_IN, safe_load
from ...named_files import find_weights
from .architecture import Architecture, architecture_of, grid_of
from .fit import match
from .layouts import FAMILIES, Found, LayoutError, as_family, recognise, some, unwrapped
from .layouts.visionfm import BRANCHES
from .vit import Shapes, describe

RANDOM, FROM_CHECKPOINT = 'random', 'from_checkpoint'  # in place of a file's name
_OPT_IN = '--allow-unsafe, or allow_unsafe=True in the config'
_COUNTS = 'num_batches_tracked'  # an integer beside the weights, of batch norm


@dataclass
class EncoderWeights:
    """What was found in a weights file.

    Attributes:
        tensors (dict[str, Tensor]): Encoder tensors under VisionFM's (timm's) names, float32.
        path (str): Absolute path of the file.
        sha256 (str): Of the whole file.
        layout (str): In words, e.g. ``"'teacher' of a student/teacher checkpoint"``.
        dropped (list[str]): Keys knowingly left out (projection head, mask token, a masked autoencoder's decoder).
        notes (list[str]): Other things done on the way (q/k/v joined, precision raised).
        family (str): Name in :data:`.layouts.FAMILIES`, or of a layout that another package registered.
        normalisation (Normalisation, optional): What pictures of the family were normalised with.
        architecture (Architecture, optional): The ViT that the tensors are; ``None`` if they are none that is known.
        native_size (int, optional): Pixels on the side of the pictures it was trained with.
        licence (str): Of the family's weights, as far as we know.
        also (tuple[str, ...]): Other families that have the same keys.
    """

    tensors: dict[str, Tensor]
    path: str
    sha256: str = ''
    layout: str = ''
    dropped: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    family: str = ''
    normalisation: Normalisation | None = None
    architecture: Architecture | None = None
    native_size: int | None = None
    licence: str = 'not stated'
    also: tuple[str, ...] = ()

    def in_words(self) -> str:
        """What was dropped, and what is bound to the family, for the log; of VisionFM and a plain ViT as short as ever."""
        known = FAMILIES.get(self.family)
        if known is None or known.name in ('visionfm', 'plain'):
            return f', {len(self.dropped)} dropped knowingly (head, mask token)' if self.dropped else ''
        dropped = f', {len(self.dropped)} dropped knowingly ({some(self.dropped)})' if self.dropped else ''
        statistics = 'not known' if self.normalisation is None else f'{self.normalisation.mean}, {self.normalisation.std}'
        return f'{dropped}; family {known.name} ({known.title}): mean, std {statistics}, size {self.native_size}, licence {self.licence}'


@dataclass(frozen=True)
class FileOfFamily:
    """A file with the family that a config says it is of; a path for whoever only reads it."""

    file: str
    family: str

    def __fspath__(self) -> str:
        return self.file

    def __str__(self) -> str:
        return self.file


def weights_of(named: Any, checkpoint_key: str = 'teacher', allow_unsafe: bool = False) -> tuple[Any, str, bool]:
    """File, branch and permission of ``weights`` as a config has it: a file's name, or ``dict(file=..., key=..., allow_unsafe=...,
    family=...)``.

    Args:
        named (str | Path | dict | None): ``weights``.
        checkpoint_key, allow_unsafe: Of the config beside ``weights``; what the dict says counts.

    Raises:
        WeightsError: If the dict has other keys, or no ``file``.
    """
    if not isinstance(named, Mapping):
        return named, checkpoint_key, allow_unsafe
    unknown = sorted(map(str, set(named) - {'file', 'key', 'allow_unsafe', 'family'}))
    if unknown or not named.get('file'):
        raise WeightsError(
            f'weights={dict(named)!r} {f"has {unknown[0]!r}" if unknown else "names no file"}; write '
            "weights=dict(file='VFM_Fundus_weights.pth', key='teacher', allow_unsafe=False), where only file must be there"
        )
    file, family = named['file'], named.get('family')
    if family and file not in (RANDOM, FROM_CHECKPOINT):
        file = FileOfFamily(os.fspath(file), str(family))
    return file, named.get('key', checkpoint_key), bool(named.get('allow_unsafe', allow_unsafe))


def check_given(encoder: str, file: Any) -> None:
    """Raise :class:`WeightsError` if an encoder, named by its class, was given no weights."""
    if file is None:
        raise WeightsError(
            f'{encoder} was given no weights: set model.backbone.weights (or --weights FILE) to a file such as VFM_Fundus_weights.pth, or '
            "to 'random' if an untrained encoder is really meant"
        )


def _load(path: str | os.PathLike[str], allow_unsafe: bool) -> tuple[Path, Any]:
    found = find_weights(path)
    with told_as(WeightsError):
        return found, safe_load(found, allow_unsafe or bool(os.environ.get(OPT_IN)), mapped=True, opt_in=_OPT_IN)


def read_encoder(path: str | os.PathLike[str], checkpoint_key: str = 'teacher', allow_unsafe: bool = False) -> EncoderWeights:
    """Read the encoder tensors of a checkpoint, whatever they are called in it, without checking that they fit a model.

    Understands the families of :data:`.layouts.LAYOUTS`.

    Args:
        path (str | Path): The file.
        checkpoint_key (str): ``'teacher'`` (as VisionFM's own loader does) or ``'student'``; for files that hold both.
        allow_unsafe (bool): See :func:`.safe_load.safe_load`.

    Returns:
        EncoderWeights: Without ``sha256`` (see :func:`load_encoder`).

    Raises:
        WeightsError: If the file cannot be read, lacks the branch, or two of its keys mean the same tensor.
    """
    if checkpoint_key not in BRANCHES:
        raise WeightsError(f"checkpoint_key must be 'teacher' or 'student', not {checkpoint_key!r}")
    file, loaded = _load(path, allow_unsafe)
    try:
        family, found = recognise(loaded, checkpoint_key)
        if isinstance(path, FileOfFamily):
            as_family(found, path.family)
            family = path.family
    except LayoutError as error:
        raise WeightsError(f'{file} {error}') from error
    notes = _told(loaded) + found.notes
    architecture = architecture_of(found.tensors, found.family, found.heads)
    return EncoderWeights(
        tensors=found.tensors,
        path=str(file),
        layout=found.layout,
        dropped=found.dropped,
        notes=notes,
        family=family,
        normalisation=found.normalisation,
        architecture=architecture,
        native_size=_native_size(found, architecture),
        licence=found.family.licence if found.family else 'not stated',
        also=found.also,
    )


def _native_size(found: Found, architecture: Architecture | None) -> int | None:
    """Pixels on the side of the pictures that the family was trained with, or else that the position table was made for."""
    if found.family and found.family.size:
        return found.family.size
    table = found.tensors.get('pos_embed')
    if architecture is None or table is None or table.ndim != 3:
        return None
    return grid_of(table.shape[1])[0] * architecture.patch or None


def _told(loaded: dict[str, Any]) -> list[str]:
    """What a file says of itself: a stand-in's label, where an encoder that was pretrained here comes from."""
    told = (getattr(loaded.get('args'), 'standin', None), getattr(loaded, 'metadata', loaded).get('about'))
    return [plain(text, 200) for text in told if isinstance(text, str)]


def load_encoder(
    path: str | os.PathLike[str], expected: Shapes | None = None, checkpoint_key: str = 'teacher', allow_unsafe: bool = False
) -> EncoderWeights:
    """Read encoder weights that fit exactly: every expected tensor there, nothing else, all of the right shape and finite.

    Args:
        path (str | Path): The file.
        expected (dict, optional): ``{name: shape}``, from :func:`.vit.expected_shapes`; ``None`` for what the architecture has that the
            file itself seems to be.
        checkpoint_key (str): See :func:`read_encoder`.
        allow_unsafe (bool): See :func:`.safe_load.safe_load`.

    Returns:
        EncoderWeights: Complete, with the file's SHA-256.

    Raises:
        WeightsError: Naming what did not fit and what the file seems to be.
    """
    return _checked(read_fitting(path, expected, checkpoint_key, allow_unsafe))


def read_fitting(
    path: str | os.PathLike[str], expected: Shapes | None = None, checkpoint_key: str = 'teacher', allow_unsafe: bool = False
) -> EncoderWeights:
    """Read encoder weights whose names and shapes fit, without looking at their values (arguments and errors: :func:`load_encoder`)."""
    found = read_encoder(path, checkpoint_key, allow_unsafe)
    seems = describe({name: tuple(tensor.shape) for name, tensor in found.tensors.items()})
    if expected is None and found.architecture is None:
        raise WeightsError(f'{found.path} holds no ViT that is known: it seems to be {seems}, read as {found.layout}. Nothing was loaded')
    if expected is None and found.architecture is not None:
        shapes, wanted = found.architecture.expected(), f'a {found.architecture.in_words}, which it seems to be'
        result = match(found.tensors, shapes, any_grid=False)
        if found.architecture.width % 64:
            found.notes.append(f'{found.architecture.heads} heads of attention are assumed, the file does not tell')
    else:
        shapes = expected or {}
        wanted = f'the encoder of this config, {describe(shapes)}'
        result = match(found.tensors, shapes)
    if not result.complete:
        other = expected is not None and found.architecture is not None and seems != describe(shapes)  # a ViT, but another
        advice = ". To have the file decide: model.backbone=dict(_delete_=True, type='FoundationEncoder', weights=FILE)" if other else ''
        seems = f': the file seems to be {seems},' if expected is not None else ','
        raise WeightsError(
            f'{found.path} does not fit {wanted}{seems} read as {found.layout}; {result}. Nothing was loaded{advice}. See the whole list '
            'with: python tools/check_weights.py FILE'
        )
    return found


def load_exact(path: str | os.PathLike[str], module: torch.nn.Module, allow_unsafe: bool = False) -> EncoderWeights:
    """Read a state dict that fits a module of any kind exactly, under the module's own names; flat, or in ``state_dict`` or ``model``.

    Args:
        path (str | Path): The file.
        module (nn.Module): Whose parameters and buffers are expected; not changed.
        allow_unsafe (bool): See :func:`.safe_load.safe_load`.

    Raises:
        WeightsError: As :func:`load_encoder`.
    """
    file, loaded = _load(path, allow_unsafe)
    if not isinstance(loaded, dict):
        raise WeightsError(f'{file} holds a {type(loaded).__name__}; a dict of tensors was expected')
    source, layout = unwrapped(loaded)
    wrong = next((str(key) for key, value in source.items() if not isinstance(key, str) or not isinstance(value, Tensor)), None)
    if wrong is not None:
        raise WeightsError(f'{file} holds {plain(wrong)!r}, which is no tensor; a state dict of {type(module).__name__} was expected')
    found = EncoderWeights(dict(source), str(file), '', layout, notes=_told(loaded), family='exact')
    result = match(found.tensors, {name: tuple(tensor.shape) for name, tensor in module.state_dict().items()}, any_grid=False)
    if not result.complete:
        raise WeightsError(f'{file} does not fit {type(module).__name__}, read as {layout}: {result}. Nothing was loaded')
    return _checked(found)


def _checked(found: EncoderWeights) -> EncoderWeights:
    """The same weights in float32 with the file's SHA-256, if the file is undamaged and every value finite."""
    with told_as(WeightsError):
        check_archive(Path(found.path))
    raised = 0
    for name, tensor in found.tensors.items():
        if name.endswith(_COUNTS) and found.family == 'exact' and tensor.dtype == torch.int64:
            continue
        if not tensor.is_floating_point() or tensor.layout != torch.strided:
            raise WeightsError(f'{found.path}: {name} holds {tensor.dtype} values, {tensor.layout}; dense floating point was expected')
        found.tensors[name] = tensor.to(torch.float32)
        if not torch.isfinite(found.tensors[name]).all():  # as float32: larger float64 values become infinite
            raise WeightsError(f'{found.path}: {name} holds NaN or infinite values; the file is damaged or its training diverged')
        raised += tensor.dtype != torch.float32
    if raised:
        found.notes.append(f'{raised} tensors converted to float32')
    found.sha256 = file_sha256(found.path)
    return found
