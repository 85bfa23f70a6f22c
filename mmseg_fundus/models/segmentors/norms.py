"""What to do where a normalisation layer cannot work, in place of torch's words."""

import contextlib

from ...errors import TrainingError

OTHER_NORM = "another normalisation, norm_cfg=dict(type='GN', num_groups=8) in the part of model that has it"


@contextlib.contextmanager
def norms_explained(shape):
    """Raises :class:`TrainingError` where a norm has one value to normalise, or is ``SyncBN`` without a GPU.

    Args:
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
                f'{OTHER_NORM}'
            ) from error
        if 'SyncBatchNorm expected' in text:
            raise TrainingError(f'{text}: SyncBN works on GPUs only; use norm_cfg=dict(type="BN"), and leave sync_bn out') from error
        raise
