from typing import NamedTuple


class Normalisation(NamedTuple):
    """What pictures were normalised with in the training of an encoder: RGB, in units of 0 to 1."""

    mean: tuple[float, float, float]
    std: tuple[float, float, float]
