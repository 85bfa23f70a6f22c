"""The blocks of an encoder, whatever library it is from."""

from torch import nn


def blocks_of(network: nn.Module) -> list[nn.Module]:
    """The blocks of a network, in the order in which they stand.

    They are the members of its outermost lists of two or more trainable parts of one class: the blocks of a ViT, the stages of a Swin
    transformer, the residual blocks of a ResNet.

    Args:
        network (nn.Module): An encoder, or a wrapper around one.

    Returns:
        list[nn.Module]: Empty if it has no such list.
    """
    if isinstance(network, (nn.ModuleList, nn.Sequential)):
        parts = [part for part in network if next(part.parameters(), None) is not None]
        if len(parts) > 1 and len({type(part) for part in parts}) == 1:
            return parts
    return [block for child in network.children() for block in blocks_of(child)]


def places_of_parameters(network: nn.Module) -> tuple[dict[int, int], int]:
    """Where each parameter of a network stands.

    Args:
        network (nn.Module): As of :func:`blocks_of`.

    Returns:
        tuple[dict[int, int], int]: ``id(parameter)`` to the number of its block, -1 before the first block, or the number of blocks behind
        it and outside of all; and that number.
    """
    blocks = blocks_of(network)
    inside = {id(parameter): i for i, block in enumerate(blocks) for parameter in block.parameters()}
    places, outside = {}, -1
    for parameter in network.parameters():
        if id(parameter) in inside:
            outside = len(blocks)
        places[id(parameter)] = inside.get(id(parameter), outside)
    return places, len(blocks)
