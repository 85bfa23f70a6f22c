"""What a pixel can be.  The one place that says so: a third class is written here, into a head and into a metric.

The classes are alternatives: a network gives each pixel one logit for each class, and their softmax is the probability of each.
Vessel is one of them, wherever it stands; the figures are those of vessel against everything else.
Functions take tensors of torch.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from torch import Tensor

CLASSES = ('background', 'vessel')
BACKGROUND, VESSEL = CLASSES.index('background'), CLASSES.index('vessel')  # as labels have them, too
NUMBER = len(CLASSES)
PALETTE = [[0, 0, 0], [255, 255, 255]]  # RGB of each class
HOW_MANY = 'two classes'
IN_WORDS = f'vessels are segmented with {HOW_MANY} ({", ".join(CLASSES)}) and softmax'
IGNORE = 255  # of a label: outside the field of view, or not known; counts for nothing
MOST_SPREAD = 0.5  # the largest standard deviation that probabilities can have
OUTSIDE = tuple(10.0 if name == 'background' else -10.0 for name in CLASSES)  # logits where no vessel can be


def metainfo() -> dict[str, Any]:
    """``METAINFO`` of a data set of vessels."""
    return dict(classes=CLASSES, palette=[list(colour) for colour in PALETTE])


def vessel_probability(logits: 'Tensor', dim: int = 1) -> 'Tensor':
    """Probability of vessel from logits that have the classes in dimension ``dim``, which the result does not have."""
    return logits.softmax(dim=dim).select(dim, VESSEL)


def vessel_log_odds(logits: 'Tensor') -> 'Tensor':
    """Log odds of vessel ``(N, 1, H, W)`` from logits ``(N, classes, H, W)``; its sigmoid is :func:`vessel_probability`."""
    return logits[:, VESSEL : VESSEL + 1] - logits[:, BACKGROUND : BACKGROUND + 1]  # with more classes: minus the logsumexp of the others


def is_vessel(logits: 'Tensor') -> 'Tensor':
    """Where vessel is the most probable class, ``(N, H, W)`` bool, from logits ``(N, classes, H, W)``; a tie is background."""
    return logits[:, VESSEL] > logits[:, BACKGROUND]  # with more classes: than each of the others
