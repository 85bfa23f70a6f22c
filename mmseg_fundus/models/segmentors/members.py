"""What the members of an ensemble are called in a state dict, and their mean; plain functions."""

import math
from collections.abc import Iterable

from torch import Tensor

from ...classes import NUMBER

OTHERS = 'others'  # of a VesselEnsemble: its members but the first, ``others.<i>.<neck or decode_head>. ...``


def members_of(names: Iterable[object]) -> int:
    """How many members the state dict with these names has; 1 of a model that is no ensemble."""
    parts = (name.split('.') for name in names if isinstance(name, str))
    numbers = [part[1] for part in parts if part[0] == OTHERS and len(part) > 2 and part[1].isdecimal()]
    return 1 + max((int(number[:6]) + 1 for number in numbers), default=0)


def mean_logits(logits: Tensor, dim: int = 1) -> Tensor:
    """Logits whose softmax is the mean probability of members: log probabilities.

    Args:
        logits (Tensor): ``members * classes`` in dimension ``dim``, the classes of a member beside each other.

    Returns:
        Tensor: ``classes`` in that dimension.
    """
    by_member = logits.unflatten(dim, (-1, NUMBER))
    return by_member.log_softmax(dim=dim + 1).logsumexp(dim=dim) - math.log(by_member.shape[dim])
