"""Checkpoints that leave a frozen encoder out and name it instead: a few MB in place of hundreds."""

import torch

from ...errors import CheckpointError
from ..checkpoints import FINGERPRINT as KEY


def slim_state_dict(state_dict: dict, backbone) -> dict:
    """A model's state without its encoder, if that is frozen and came out of a weights file; else all of it.

    Args:
        state_dict (dict): Of a segmentor.
        backbone (nn.Module): The segmentor's.

    Returns:
        dict: Without ``backbone.*`` and with :data:`KEY`, or ``state_dict`` itself.
    """
    if not getattr(backbone, 'in_weights_file', False):
        return state_dict
    slim = {name: tensor for name, tensor in state_dict.items() if not name.startswith('backbone.')}
    slim[KEY] = torch.frombuffer(bytearray(backbone.fingerprint()), dtype=torch.uint8)
    return slim


def fill_encoder(state_dict: dict, prefix: str, backbone) -> None:
    """Put the encoder that a model has into a state dict that has none, in place; one of a slim checkpoint must be the same.

    Raises:
        CheckpointError: If the model has another encoder than the checkpoint was trained with, or none yet.
    """
    wanted = state_dict.pop(prefix + KEY, None)
    mine = {f'{prefix}backbone.{name}': tensor for name, tensor in backbone.state_dict().items()}
    if any(name in state_dict for name in mine):
        return
    if not getattr(backbone, 'has_weights', True):
        raise CheckpointError(
            'the checkpoint holds the decoder alone: its frozen encoder is in the weights file it was trained with, and '
            "weights='from_checkpoint' names none; name that file (--weights FILE), or make a full one with tools/export_checkpoint.py"
        )
    if wanted is not None and hasattr(backbone, 'fingerprint'):
        found = backbone.fingerprint()
        if bytes(wanted.tolist()) != found:
            source = getattr(backbone, 'source', None)
            raise CheckpointError(
                f'the checkpoint was trained with another frozen encoder (fingerprint {bytes(wanted.tolist()).hex()[:16]}) than '
                f'{source.path if source else "the one of this config"} ({found.hex()[:16]}); name the weights file it was trained with'
            )
    state_dict.update(mine)
