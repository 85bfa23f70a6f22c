"""An encoder as another package would write it."""

from mmseg.registry import MODELS
from torch import nn

from mmseg_fundus.models.encoders import FrozenEncoder


@MODELS.register_module()
class StridedEncoder(FrozenEncoder):
    """Two convolutions and a batch norm: two maps of ``width`` channels at an eighth of the resolution."""

    def __init__(self, weights=None, width=24, gain=1.0):
        super().__init__()
        self.weights, self.width, self.gain = weights, width, gain  # decide the maps, so a cache must know them
        self.patch_size, self.embed_dims, self.levels = 8, width, 2
        self.first = nn.Sequential(nn.Conv2d(3, width, 8, 8), nn.BatchNorm2d(width), nn.GELU())
        self.second = nn.Conv2d(width, width, 3, padding=1)
        self.load_weights(weights)
        self.freeze()

    def encode(self, inputs):
        fine = self.first(inputs)
        return fine, self.gain * self.second(fine)
