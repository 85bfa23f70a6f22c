"""Checkpoints that leave a frozen encoder out and name it instead: a few MB in place of hundreds."""

import torch
from torch import Tensor, nn

from ...errors import CheckpointError
from ..checkpoints import FINGERPRINT as KEY
from ..encoders.contract import encoder_in
from ..encoders.trained import names_in


def _left_out(model: nn.Module, prefix: str = '') -> dict[str, Tensor]:
    """What a slim checkpoint of a model leaves out, by name: the encoder's own tensors, or all of a backbone that is not ours."""
    own = encoder_in(model).own_tensors()
    return {prefix + place: own[name] for place, name in names_in(model, own).items()}


def slim_state_dict(state_dict: dict[str, Tensor], model: nn.Module) -> dict[str, Tensor]:
    """A model's state without its encoder, if that is frozen and came out of a weights file; else all of it.

    What was put around or into the encoder (an adapter, running statistics) stays, trained or not.

    Args:
        state_dict (dict): Of a segmentor.
        model (nn.Module): The segmentor.

    Returns:
        dict: Without the encoder's own tensors and with :data:`KEY`, or ``state_dict`` itself.
    """
    encoder = encoder_in(model)
    if not encoder.in_weights_file:
        return state_dict
    left_out = _left_out(model)
    slim = {name: tensor for name, tensor in state_dict.items() if name not in left_out}
    slim[KEY] = torch.frombuffer(bytearray(encoder.fingerprint()), dtype=torch.uint8)
    return slim


def fill_encoder(state_dict: dict[str, Tensor], prefix: str, model: nn.Module) -> None:
    """Put the encoder that a model has into a state dict that has none, in place; one of a slim checkpoint must be the same.

    Raises:
        CheckpointError: If the model has another encoder than the checkpoint was trained with, or none yet.
    """
    encoder = encoder_in(model)
    wanted = state_dict.pop(prefix + KEY, None)
    mine = _left_out(model, prefix)
    if any(name in state_dict for name in mine):
        return
    others = [name for name in state_dict if name.startswith(f'{prefix}backbone.')]
    if not encoder.has_weights and wanted is None and others:
        raise CheckpointError(
            f'the checkpoint holds another encoder than the one of this config: it has {others[0]}, ... ({len(others)} tensors), but not '
            f'{next(iter(mine))}. Name the network: export_checkpoint.py, which made the file, said with which --cfg-options'
        )
    if not encoder.has_weights:
        raise CheckpointError(
            'the checkpoint holds the decoder alone: its frozen encoder is in the weights file it was trained with, and '
            "weights='from_checkpoint' names none; name that file (--weights FILE), or make a full one with tools/export_checkpoint.py"
        )
    if wanted is not None:
        found = encoder.fingerprint()
        if bytes(wanted.tolist()) != found:
            source = encoder.source
            raise CheckpointError(
                f'the checkpoint was trained with another frozen encoder (fingerprint {bytes(wanted.tolist()).hex()[:16]}) than '
                f'{source.path if source else "the one of this config"} ({found.hex()[:16]}); name the weights file it was trained with'
            )
    state_dict.update({name: tensor.detach() for name, tensor in mine.items()})
