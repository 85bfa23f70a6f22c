from collections.abc import Iterable

from mmseg.registry import MODELS
from torch import Tensor

from ...errors import ConfigError
from ..encoders.frozen import FrozenEncoder


@MODELS.register_module()
class NoEncoder(FrozenEncoder):
    """In the place of an encoder where there is none: the decode head sees the picture alone, and no weights file is read.

    Its one map has no channels.  It goes with ``VesselDetailHead(in_channels=0, context='none')`` and without a neck.

    Args:
        patch_size (int): Pictures are padded to multiples of it, in pixels.

    Raises:
        ConfigError: If ``patch_size`` is below 1.
    """

    embed_dims, levels = 0, 1

    def __init__(self, patch_size: int = 16) -> None:
        super().__init__()
        if patch_size < 1:
            raise ConfigError(f'NoEncoder: patch_size={patch_size} must be 1 or more')
        self.patch_size = patch_size
        self.freeze()

    def encode(self, inputs: Tensor) -> Iterable[Tensor]:
        height, width = (side // self.patch_size for side in inputs.shape[2:])
        return (inputs.new_zeros(len(inputs), 0, height, width),)
