from typing import NamedTuple

_ROUNDING = 0.005


class Normalisation(NamedTuple):
    """What pictures were normalised with in the training of an encoder: RGB, in units of 0 to 1."""

    mean: tuple[float, float, float]
    std: tuple[float, float, float]

    def near(self, other: 'Normalisation') -> bool:
        """Whether another one is the same but for rounding."""
        return all(abs(a - b) <= _ROUNDING for mine, its in zip(self, other) for a, b in zip(mine, its))

    def in_words(self) -> str:
        """``'mean (0.485, 0.456, 0.406), std (0.229, 0.224, 0.225)'``."""
        mean, std = (', '.join(f'{value:.3f}' for value in values) for values in self)
        return f'mean ({mean}), std ({std})'
