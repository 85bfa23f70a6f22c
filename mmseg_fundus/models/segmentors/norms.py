"""Normalisation layers: what to do where one cannot work, and how they cost nothing in a prediction."""

import contextlib
from collections.abc import Iterator, Sequence

from mmcv.cnn import ConvModule
from torch import nn

from ...errors import TrainingError


def norms_in_convolutions(model: nn.Module, on: bool = True) -> None:
    """Have the batch norms of mmcv's ``ConvModule`` computed inside their convolutions as long as they are not trained.

    The same but for rounding, and an array less for each; parameters and checkpoints stay as they are (arXiv:2305.11624).
    """
    for module in model.modules():
        if isinstance(module, ConvModule):
            module.turn_on_efficient_conv_bn_eval(on)


def other_norm(model: nn.Module) -> str:
    """In words, a normalisation that takes a single picture, whatever its size, in place of a model's batch norms."""
    widths = {module.num_features for module in model.modules() if isinstance(module, nn.modules.batchnorm._NormBase)}
    groups = next(number for number in (8, 4, 2, 1) if all(width % number == 0 and width > number for width in widths) or number == 1)
    return f"another normalisation, norm_cfg=dict(type='GN', num_groups={groups}) in the part of model that has it"


@contextlib.contextmanager
def norms_explained(model: nn.Module, shape: Sequence[int]) -> Iterator[None]:
    """Raises :class:`TrainingError` where a norm layer has one value to normalise.

    Args:
        model (nn.Module): That is trained.
        shape (Sequence[int]): ``(N, C, H, W)`` of the batch.
    """
    try:
        yield
    except ValueError as error:
        text = str(error)
        if 'Expected more than 1' in text:
            number, _, height, width = shape
            raise TrainingError(
                f'a batch of {number} picture(s) of {height}x{width} leaves a norm layer one value per channel, of which no statistics '
                f'can be made ({text}). Use 2 pictures or more (--batch-size 2; train_dataloader.drop_last=True if only the last batch of '
                'an epoch is so small), larger pictures (train_dataloader.dataset.augmentation.size) if its map is not pooled, or '
                f'{other_norm(model)}'
            ) from error
        raise
