"""What everything outside may ask an encoder."""

from torch import nn

from .trained import find_encoder


def encoder_of(backbone: nn.Module):
    """The encoder of a backbone: itself, or what a wrapper such as mmpretrain's ``LoRAModel`` holds."""
    return find_encoder(backbone)
