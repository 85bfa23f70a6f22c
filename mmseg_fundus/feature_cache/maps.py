"""A frozen encoder's maps, out of a cache or computed and kept; between the float32 of a model and the float16 of the disk."""

import numpy as np
import torch
from torch import Tensor

from ..errors import ConfigError
from ..fileio.record_folder import RecordFolder


def to_half(maps: tuple) -> Tensor:
    """Maps ``(N, C, h, w)`` of each level as one float16 tensor ``(N, levels, h, w, C)``."""
    half = torch.stack([level.permute(0, 2, 3, 1).half() for level in maps], dim=1)
    if not torch.isfinite(half).all():
        largest = max(float(level.abs().max()) for level in maps)
        raise ConfigError(
            f'the encoder puts out values up to {largest:.3g}, which half precision cannot hold (65504), so its maps cannot be kept; '
            'train without the cache: default_hooks.feature_cache.enabled=False'
        )
    return half


def from_half(half: Tensor) -> tuple:
    """The other way: ``(N, C, h, w)`` float32 of each level."""
    return tuple(half[:, level].float().permute(0, 3, 1, 2) for level in range(half.shape[1]))


def _encoded(encode, inputs: Tensor) -> Tensor:
    """Maps in float16, computed in the encoder's own precision, whatever autocast is on around it."""
    with torch.autocast(inputs.device.type, enabled=False):
        return to_half(encode(inputs))


def training_maps(encode, cache, inputs: Tensor, samples: list) -> tuple:
    """Maps of a training batch: those that the samples bring, the others computed and kept.

    Args:
        encode (callable): ``(N, 3, H, W)`` to the maps of each level.
        cache (FeatureCache): That the samples came through.
        inputs (Tensor): ``(N, 3, H, W)``, normalised.
        samples (list[SegDataSample]): See :class:`.CachedViews`.

    Returns:
        tuple[Tensor]: ``(N, C, h, w)`` float32 of each level, with float16's precision, also where they were just computed.
    """
    maps = [sample.get('encoder_maps') for sample in samples]
    missing = [i for i, found in enumerate(maps) if found is None]
    if missing:
        for i, half in zip(missing, _encoded(encode, inputs[missing] if len(missing) < len(maps) else inputs)):
            maps[i] = half
            if 'map_key' in samples[i].metainfo:
                cache.keep(half.cpu().numpy(), samples[i].metainfo['map_key'])
    with torch.autocast(inputs.device.type, enabled=False):
        return from_half(torch.stack(maps))


class PictureMaps:
    """The maps of one picture's windows, numbered in the order in which a prediction asks for them.

    Args:
        records (RecordFolder): Of pictures that are predicted in this very way.
        name (str): The picture's.
        seal (int): Its checksum.
    """

    def __init__(self, records: RecordFolder, name: str, seal: int):
        self.records = records
        self.name = name
        self.seal = seal
        self.number = 0

    def encode(self, encode, inputs: Tensor, map_shape) -> tuple:
        """Maps of the next windows ``(B, 3, h, w)``, read if all are there, else computed by ``encode`` and kept."""
        numbers = range(self.number, self.number + len(inputs))
        self.number += len(inputs)
        found = [self.records.read(self.name, number, map_shape, np.float16, self.seal) for number in numbers]
        if all(maps is not None for maps in found):
            return from_half(torch.from_numpy(np.stack(found)).to(inputs.device))
        half = _encoded(encode, inputs)
        for number, maps in zip(numbers, half.cpu().numpy()):
            self.records.write(self.name, number, maps, self.seal)
        return from_half(half)
