"""Test-time augmentation: the poses of a picture whose probabilities are averaged."""

from typing import Any, NamedTuple

import torch
from torch import Tensor

from ...errors import ConfigError


class Pose(NamedTuple):
    """A picture at a scale, perhaps mirrored left to right, then turned by quarter turns (counter-clockwise)."""

    scale: float
    mirror: bool
    turns: int

    def apply(self, image: Tensor) -> Tensor:
        """``(N, C, H, W)`` mirrored and turned; the scale is left to who predicts."""
        return _turned(image.flip(3) if self.mirror else image, self.turns)

    def undo(self, logits: Tensor) -> Tensor:
        """The way back."""
        logits = _turned(logits, -self.turns)
        return logits.flip(3) if self.mirror else logits


def _turned(image: Tensor, turns: int) -> Tensor:
    """By quarter turns; itself where there is nothing to turn, of which ``rot90`` would make a copy, 98 MB of a picture of HRF."""
    return torch.rot90(image, turns, (2, 3)) if turns % 4 else image


def tta_poses(setting: bool | str | dict[str, Any] | None) -> list[Pose]:
    """The poses that ``test_cfg.tta`` stands for.

    Args:
        setting (bool | str | dict): ``False`` none but the picture itself; ``True`` all eight flips and quarter turns; ``'flips'`` four of
            them, short for ``dict(turns=False)``: itself, left-right, up-down, both; or ``dict(flips=True, turns=True, scales=(1.0,))``,
            any of them.

    Returns:
        list[Pose]: The picture as it is first.

    Raises:
        ConfigError: If the setting is something else.
    """
    if setting in (None, False):
        setting = dict(flips=False, turns=False)
    elif setting is True:
        setting = {}
    elif setting == 'flips':
        setting = dict(turns=False)
    if not isinstance(setting, dict) or set(setting) - {'flips', 'turns', 'scales'}:
        raise ConfigError(f"test_cfg.tta={setting!r}: expected True, False, 'flips' or dict(flips=True, turns=True, scales=(1.0,))")
    flips, turns, scales = setting.get('flips', True), setting.get('turns', True), setting.get('scales', (1.0,))
    if not scales or min(scales) <= 0:
        raise ConfigError(f'test_cfg.tta: scales={scales} must all be above 0')
    # (mirror, turns); up-down is left-right and half a turn
    poses = [(False, 0)]
    if turns:
        poses += [(False, 1), (False, 2), (False, 3)]
    if flips:
        poses += [(True, t) for t in range(4)] if turns else [(True, 0), (True, 2), (False, 2)]
    return [Pose(float(scale), mirror, turn) for scale in scales for mirror, turn in poses]
