"""Learning rates that fall from block to block of an encoder, the first blocks learning least."""

from typing import Any

from mmengine.logging import print_log
from torch import nn

from ..errors import ConfigError
from ..models.encoders.blocks import places_of_parameters
from ..models.encoders.contract import backbone_of

KEY = 'layer_decay'  # in optim_wrapper.paramwise_cfg


def decayed(groups: list[dict[str, Any]], model: nn.Module, decay: float, rate: float | None) -> list[dict[str, Any]]:
    """Parameter groups of an optimizer with a rate for each block of the encoder.

    Of the n blocks up to the last that is trained, block i (from 0) has the rate times ``decay ** (n - i)``, what stands before them
    (embedding, tokens) times ``decay ** (n + 1)``; what stands behind them and outside of the encoder has the whole rate.  As BEiT's and
    mmpretrain's, for every encoder that is made of blocks (:func:`.blocks.blocks_of`).

    Args:
        groups (list[dict]): ``params`` with one parameter each, and settings; ``lr`` among them counts instead of ``rate``.
        model (nn.Module): The segmentor.
        decay (float): Above 0, at most 1.
        rate (float): ``optimizer.lr``.

    Returns:
        list[dict]: One group for those of the same settings, the whole rate first: that is the one that curves show.

    Raises:
        ConfigError: If the decay is no such number, the optimizer has no rate, or nothing in the encoder's blocks is trained.
    """
    if isinstance(decay, bool) or not isinstance(decay, (int, float)) or not 0 < decay <= 1:
        raise ConfigError(f'optim_wrapper.paramwise_cfg.{KEY}={decay!r} must be a number above 0, at most 1 (0.75: three quarters a block)')
    if rate is None:
        raise ConfigError(f'optim_wrapper.paramwise_cfg.{KEY}={decay} lowers optim_wrapper.optimizer.lr, which is missing; give that')
    backbone = backbone_of(model)
    places, count = places_of_parameters(backbone)
    trained = [places[id(parameter)] for parameter in backbone.parameters() if parameter.requires_grad]
    inside = [place for place in trained if place < count]
    if not inside:
        which = f'none of the {count} blocks' if count else 'no block, for it has none,'
        raise ConfigError(
            f'optim_wrapper.paramwise_cfg.{KEY}={decay} lowers the rates of the encoder, but {which} of {type(backbone).__name__} is '
            'trained; leave it out, or train some: model.backbone.trainable_blocks=2, or model.backbone.adapt'
        )
    blocks = max(inside) + 1
    found: dict[tuple[int, str], dict[str, Any]] = {}
    for group in groups:
        place = min(places.get(id(group['params'][0]), count), blocks)
        settings = {**group, 'lr': group.get('lr', rate) * decay ** (blocks - place), 'params': []}
        key = (-place, repr(sorted((name, value) for name, value in settings.items() if name != 'params')))
        found.setdefault(key, settings)['params'] += group['params']
    ordered = sorted(found, key=lambda key: key[0])
    _tell([(-key[0], found[key]['lr']) for key in ordered], blocks, decay)
    return [found[key] for key in ordered]


def _tell(groups: list[tuple[int, float]], blocks: int, decay: float) -> None:
    """One line with the rates: of what stands behind the blocks, of each block, of what stands before them."""
    rates: dict[str, list[str]] = {}
    for place, rate in groups:
        name = 'before the blocks' if place < 0 else f'block {place}' if place < blocks else 'decoder'
        rates.setdefault(name, []).append(f'{rate:.3g}')
    listed = ', '.join(f'{name} {" / ".join(dict.fromkeys(values))}' for name, values in rates.items())
    print_log(f'learning rates ({KEY}={decay}): {listed}', logger='current')
