"""An encoder whose maps are kept, between the float32 of a model and the float16 of the disk."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

import numpy as np
import torch
from mmengine.logging import print_log
from torch import Tensor, nn

from ..errors import ConfigError
from ..fileio.checksum import checksum
from ..fileio.record_folder import RecordFolder
from ..geometry import Picture, Place
from .keys import MapKey, digest

if TYPE_CHECKING:
    from ..families import Normalisation
    from ..models.encoders.protocol import Encoder
    from ..models.encoders.weights import EncoderWeights


class CachedEncoder:
    """In the place of an encoder that keeps the contract of ``models.encoders``, which it keeps itself: reads maps where it can.

    Beside its inputs it is told what each of them shows.  The maps of a view that came through :class:`.CachedViews` (its
    :class:`.MapKey`) and of a part of a picture that is predicted (its :class:`~mmseg_fundus.geometry.Place`) are computed once, and
    kept.  They have float16's precision, also where they were just computed.

    As soon as a parameter of the encoder requires a gradient, nothing is read or kept any more.  What is to be known of the contract is
    said there; each member is the encoder's.

    Args:
        encoder (Encoder): Computes what is missing; its ``identity()`` is not ``None``.
        windows (RecordFolder, optional): Of the maps of predicted pictures that this encoder, with this normalisation, makes; without,
            predictions are computed each time.  Those of test-time augmentation always are.
    """

    def __init__(self, encoder: Encoder, windows: RecordFolder | None = None) -> None:
        self.encoder = encoder
        self.windows = windows
        self.off = False
        self._folders: dict[str, RecordFolder] = {}
        self._pictures: WeakKeyDictionary[Picture, tuple[str, int]] = WeakKeyDictionary()

    # ---- the contract

    @property
    def source(self) -> EncoderWeights | None:
        return self.encoder.source

    @property
    def patch_size(self) -> int:
        return self.encoder.patch_size

    @property
    def embed_dims(self) -> int:
        return self.encoder.embed_dims

    @property
    def normalisation(self) -> Normalisation | None:
        return self.encoder.normalisation

    @property
    def has_weights(self) -> bool:
        return self.encoder.has_weights

    @property
    def in_weights_file(self) -> bool:
        return self.encoder.in_weights_file

    @property
    def trainable(self) -> dict[str, nn.Parameter]:
        return self.encoder.trainable

    def own_tensors(self) -> dict[str, Tensor]:
        return self.encoder.own_tensors()

    def fingerprint(self) -> bytes:
        return self.encoder.fingerprint()

    def identity(self) -> dict[str, Any] | None:
        return self.encoder.identity()

    def why_unknown(self) -> str | None:
        return self.encoder.why_unknown()

    def map_shape(self, height: int, width: int) -> tuple[int, int, int, int]:
        return self.encoder.map_shape(height, width)

    def check_trainable(self) -> None:
        self.encoder.check_trainable()

    def make_plain(self) -> None:
        self.off = True  # what was kept is of another arithmetic
        self.encoder.make_plain()

    def __call__(self, inputs: Tensor, shown: Sequence[Place | MapKey | None] | None = None) -> tuple[Tensor, ...]:
        """Maps of each level, ``(N, C, h, w)`` float32.

        Args:
            inputs (Tensor): ``(N, 3, H, W)``, normalised and padded.
            shown (list[Place | MapKey | None], optional): What each of them shows; with ``None`` in it the maps are not kept, without
                the list they keep all their precision too.

        Raises:
            ConfigError: If a value is too large for float16.
        """
        keys = None if shown is None or self._is_trained() else self._keys(inputs, shown)
        if keys is None:
            return self.encoder(inputs)
        maps = {i: key.maps for i, key in enumerate(keys) if key and key.maps is not None}
        missing = [i for i in range(len(keys)) if i not in maps]
        if missing:
            for i, half in zip(missing, self._computed(inputs[missing] if len(missing) < len(keys) else inputs)):
                maps[i], key = half, keys[i]
                if key:
                    self._folder(key).write(key.name, key.number, half.cpu().numpy(), key.seal)
        with torch.autocast(inputs.device.type, enabled=False):
            return from_half(torch.stack([maps[i].to(inputs.device) for i in range(len(keys))]))

    # ---- keeping

    def _is_trained(self) -> bool:
        """A hook may have unfrozen the encoder after the start."""
        if not self.off and self.trainable:
            self.off = True
            print_log('feature cache: off from here on, the encoder is trained now', logger='current', level=30)
        return self.off

    def _keys(self, inputs: Tensor, shown: Sequence[Place | MapKey | None]) -> Sequence[MapKey | None] | None:
        """Under what the maps of the inputs are kept, with those that are there; ``None`` if they are to be computed as ever."""
        windows, places = self.windows, [item for item in shown if isinstance(item, Place)]
        if places:
            if windows is None or any(place.pose is not None for place in places):
                return None
            shape = self.map_shape(*inputs.shape[2:])
            return [self._window_key(windows, item, shape) if isinstance(item, Place) else None for item in shown]
        keys = [item for item in shown if item is None or isinstance(item, MapKey)]
        return keys if len(keys) == len(shown) else None

    def _window_key(self, windows: RecordFolder, place: Place, shape: tuple[int, ...]) -> MapKey:
        if place.picture not in self._pictures:
            self._pictures[place.picture] = _contents(place.picture)
        name, seal = self._pictures[place.picture]
        name = f'{name}-{digest(place.box, place.size, place.window)}'
        maps = windows.read(name, 0, shape, np.float16, seal)
        return MapKey(str(windows.folder), name, 0, seal, None if maps is None else torch.from_numpy(maps))

    def _folder(self, key: MapKey) -> RecordFolder:
        return self._folders.setdefault(key.folder, RecordFolder(key.folder))

    def _computed(self, inputs: Tensor) -> Tensor:
        """Maps in float16, computed in the encoder's own precision, whatever autocast is on around it."""
        with torch.autocast(inputs.device.type, enabled=False):
            return to_half(self.encoder(inputs))


def _contents(picture: Picture) -> tuple[str, int]:
    """What a picture's maps are kept under: its name and a checksum of its values and field of view; and the checksum."""
    seal, meta = checksum(picture.values.cpu().numpy()), picture.meta
    if 'fov' in meta:
        seal = checksum(f'{meta.get("field_angle")} degrees'.encode(), checksum(meta['fov'], seal))
    return f'{meta.get("name", "picture")}-{seal:08x}', seal


def to_half(maps: Sequence[Tensor]) -> Tensor:
    """Maps ``(N, C, h, w)`` of each level as one float16 tensor ``(N, levels, h, w, C)``."""
    half = torch.stack([level.permute(0, 2, 3, 1).half() for level in maps], dim=1)
    if not torch.isfinite(half).all():
        largest = max(float(level.abs().max()) for level in maps)
        raise ConfigError(
            f'the encoder puts out values up to {largest:.3g}, which half precision cannot hold (65504), so its maps cannot be kept; '
            'train without the cache: default_hooks.feature_cache.enabled=False'
        )
    return half


def from_half(half: Tensor) -> tuple[Tensor, ...]:
    """The other way: ``(N, C, h, w)`` float32 of each level."""
    return tuple(half[:, level].float().permute(0, 3, 1, 2) for level in range(half.shape[1]))
