"""Pictures that the encoder sees once, unposed, for all poses: in pieces on the grid of its patches, stitched, at a scale of its own."""

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import torch
import torch.nn.functional as F
from torch import Tensor

from ...errors import ConfigError
from ...geometry import Place
from ..padding import padded
from .tta import Pose
from .windows import blend_windows

KEYS = {'crop_size', 'stride', 'zoom'}
MARGIN = 2  # patches around the field of view that count as seen: as far as a decode head looks around a pixel

Maps = Sequence[Tensor]  # of each level, what one network's decode head takes


class Parts(Protocol):
    """A network in two steps; :class:`.vessel_segmentor.VesselSegmentor` is one."""

    @property
    def patch(self) -> int:
        """Side of the encoder's patches, in pixels."""

    def features(self, inputs: Tensor, shown: list[Any] | None = None, /) -> list[Maps]:
        """Maps ``(N, C, ceil(H / patch), ceil(W / patch))`` of pictures ``(N, 3, H, W)``, for each member of an ensemble."""

    def decoded(self, features: list[Maps], inputs: Tensor, pose: Pose | None = None, /) -> Tensor:
        """Logits ``(N, members * 2, H, W)`` from them, computed in a pose and turned back."""


def check_once(setting: Any, patch: int | None = None) -> None:
    """Refuse a ``test_cfg.encoder`` that contradicts itself, or the encoder's patches where they are known.

    Args:
        setting (dict, optional): ``crop_size``, ``stride``, ``zoom``; ``None`` is in order.
        patch (int, optional): Side of a patch in pixels, 1 of an encoder of which it is not known.

    Raises:
        ConfigError: Naming the setting.
    """
    if setting is None:
        return
    if not isinstance(setting, Mapping) or set(setting) - KEYS:
        raise ConfigError(
            f'VesselSegmentor: test_cfg.encoder={setting!r}: expected dict(crop_size=(height, width), stride=(height, width), zoom=1.0), '
            'any of them, or None'
        )
    if not 0 < setting.get('zoom', 1.0) <= 1:
        raise ConfigError(f'VesselSegmentor: test_cfg.encoder.zoom={setting["zoom"]} must be above 0 and at most 1')
    crop, stride = setting.get('crop_size'), setting.get('stride')
    if (crop is None and stride is not None) or any(sides is not None and (len(sides) != 2 or min(sides) < 1) for sides in (crop, stride)):
        raise ConfigError(
            f'VesselSegmentor: test_cfg.encoder has crop_size={crop}, stride={stride}: (height, width) each, no stride without crop_size'
        )
    if crop is not None and any(s > c for s, c in zip(stride or crop, crop)):
        raise ConfigError(f'VesselSegmentor: test_cfg.encoder.stride={stride} must be no larger than crop_size={crop}')
    if patch == 1:
        raise ConfigError(
            'VesselSegmentor: test_cfg.encoder needs to know the patches of the encoder, and this backbone does not say their size; '
            'set test_cfg.encoder=None'
        )
    if patch and crop is not None and any(side % patch for side in (*crop, *(stride or ()))):
        raise ConfigError(
            f'VesselSegmentor: test_cfg.encoder has crop_size={crop}, stride={stride}: pieces begin and end with a patch of the encoder, '
            f'name multiples of {patch}'
        )


def encoder_size(size: Sequence[int], setting: Mapping[str, Any]) -> tuple[int, int]:
    """Height and width at which the encoder sees a picture that the decode head sees at ``size``."""
    height, width = (max(round(side * setting.get('zoom', 1.0)), 1) for side in size)
    return height, width


def piece_in_patches(setting: Mapping[str, Any], patch: int) -> tuple[tuple[int, int], tuple[int, int]] | None:
    """``crop_size`` and ``stride`` in patches; ``None`` if pictures are seen whole."""
    crop = setting.get('crop_size')
    if crop is None:
        return None
    stride = setting.get('stride') or crop
    return (crop[0] // patch, crop[1] // patch), (stride[0] // patch, stride[1] // patch)


def features_once(
    network: Parts,
    inputs: Tensor,
    places: list[Place],
    fov: Tensor | None,
    size: tuple[int, int],
    setting: Mapping[str, Any],
    window_batch: int = 4,
) -> list[Maps]:
    """The maps of whole pictures, on the patch grid of the pictures scaled to ``size``.

    Args:
        network (Parts): Computes them.
        inputs (Tensor): Pictures ``(N, 3, H, W)``; scaled once, by the zoom of the encoder too.
        places (list[Place]): What they show, N.
        fov (Tensor, optional): ``(N, 1, H, W)`` bool; pieces that see nothing of it, or of two patches around it, are zeros.
        size (tuple[int]): Height and width that the decode head sees them at.
        setting (dict): ``test_cfg.encoder``, see :func:`check_once`.
        window_batch (int): Pieces at a time.

    Returns:
        list[Maps]: Of each member, maps ``(N, C, ceil(height / patch), ceil(width / patch))``.

    Raises:
        ConfigError: If the maps of the network lie on another grid.
    """
    patch, seen = network.patch, encoder_size(size, setting)
    scaled = scaled_to(inputs, seen)
    places = [place.scaled(seen) for place in places]
    pieces = piece_in_patches(setting, patch)
    if pieces is None:
        maps = _checked(network.features(scaled, places), scaled.shape[2:], patch)
    else:
        maps = _stitched(network, scaled, places, fov, *pieces, window_batch)
    return maps if seen == size else [[_on_grid(level, size, seen, patch) for level in one] for one in maps]


def scaled_to(inputs: Tensor, size: tuple[int, int]) -> Tensor:
    """Pictures ``(N, C, H, W)`` at another size, antialiased; themselves at their own."""
    return inputs if size == tuple(inputs.shape[2:]) else F.interpolate(inputs, size=size, mode='bilinear', antialias=True)


def _checked(maps: list[Maps], size: Sequence[int], patch: int) -> list[Maps]:
    grid = tuple(-(-side // patch) for side in size)
    other = next((tuple(level.shape[2:]) for one in maps for level in one if tuple(level.shape[2:]) != grid), None)
    if other:
        raise ConfigError(
            f'test_cfg.encoder: a map of {other[0]}x{other[1]} comes out of encoder and neck for a picture of {size[0]}x{size[1]}, where '
            f'patches of {patch} make {grid[0]}x{grid[1]}; only such maps can be put together and turned, set test_cfg.encoder=None'
        )
    return maps


def _stitched(
    network: Parts,
    inputs: Tensor,
    places: list[Place],
    fov: Tensor | None,
    window: tuple[int, int],
    stride: tuple[int, int],
    window_batch: int,
) -> list[Maps]:
    """Maps of pieces, blended as windows of logits are; a pixel of a window is a patch here."""
    patch = network.patch
    patches = F.pixel_unshuffle(padded(inputs, patch), patch)  # (N, 3 * patch * patch, h, w): nothing is computed, so nothing is lost
    channels: list[list[int]] = []

    def predict(tiles: Tensor, corners: list[tuple[int, int, int]]) -> Tensor:
        height, width = (patch * side for side in tiles.shape[2:])
        shown = [places[n]._replace(window=(patch * y, patch * x, height, width)) for n, y, x in corners]
        maps = _checked(network.features(F.pixel_shuffle(tiles, patch), shown), (height, width), patch)
        channels[:] = [[level.shape[1] for level in one] for one in maps]
        return torch.cat([level.float() for one in maps for level in one], dim=1)

    seen = None if fov is None else _seen_patches(fov, inputs.shape[2:], patch)
    whole = blend_windows(predict, patches, window, stride, window_batch, seen, inputs.new_zeros(1))
    levels = iter(whole.split([number for one in channels for number in one], dim=1))
    return [[next(levels) for _ in one] for one in channels]


def _seen_patches(fov: Tensor, size: Sequence[int], patch: int) -> Tensor | None:
    """``(N, 1, h, w)`` bool: patches that see the field of view, and those around; ``None``, all of them, if nothing does."""
    inside = F.interpolate(fov.float(), size=tuple(size), mode='area') if fov.shape[2:] != size else fov.float()
    near = F.max_pool2d(F.max_pool2d(padded(inside, patch), patch), 2 * MARGIN + 1, 1, MARGIN) > 0
    return near if near.any() else None


def _on_grid(maps: Tensor, size: tuple[int, int], seen: tuple[int, int], patch: int) -> Tensor:
    """Maps of a picture that the encoder saw at the size ``seen``, on the patch grid of its ``size``: bilinear, the border goes on."""
    factors = tuple(side / own for side, own in zip(size, seen))
    rows, columns = (-(-side // patch) for side in size)
    finer = F.interpolate(F.pad(maps, (0, 2, 0, 2), mode='replicate'), scale_factor=factors, mode='bilinear', align_corners=False)
    return finer[:, :, :rows, :columns]
