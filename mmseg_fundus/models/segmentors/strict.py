"""Loading of checkpoints that leaves nothing out and passes nothing over."""

from torch import Tensor, nn

from ...errors import CheckpointError
from ..data_preprocessor import KEPT, FundusDataPreprocessor
from ..encoders.adapt import PARTS
from .members import members_of
from .slim import fill_encoder


def check_fit(state_dict: dict[str, Tensor], prefix: str, model: nn.Module) -> None:
    """Refuse a state dict that does not fit a segmentor; the encoder of the model is put into one that has none, in place.

    Args:
        state_dict (dict): That is loaded.
        prefix (str): Of the model's names in it.
        model (nn.Module): The segmentor.

    Raises:
        CheckpointError: If a name is missing or too many, a shape is another one, or the encoder is, see :func:`.slim.fill_encoder`.
    """
    fill_encoder(state_dict, prefix, model)
    mine = {prefix + name: tensor for name, tensor in model.state_dict().items()}
    ours = isinstance(model.data_preprocessor, FundusDataPreprocessor)
    left = [f'{prefix}data_preprocessor.{name}' for name in KEPT] if ours else []  # it looks itself, and does without
    missing = [name for name in mine if name not in state_dict and name not in left and not name.endswith('num_batches_tracked')]
    unexpected = [name for name in state_dict if name not in mine and name not in left and name.startswith(prefix)]
    wrong = [
        f'{name} {tuple(state_dict[name].shape)} instead of {tuple(tensor.shape)}'
        for name, tensor in mine.items()
        if name in state_dict and state_dict[name].shape != tensor.shape and not name.endswith('.pos_embed')
    ]
    parts = []
    for names, verdict in ((missing, 'missing'), (unexpected, 'unexpected'), (wrong, 'of another shape')):
        if names:
            parts.append(f'{len(names)} {verdict} ({", ".join(names[:3])}{", ..." if len(names) > 3 else ""})')
    if parts:
        raise CheckpointError(
            f'the checkpoint does not fit the model of this config: {"; ".join(parts)}. Nothing was loaded; '
            f'use the config that it was trained with{_about_adapters(missing, unexpected)}{_about_members(state_dict, prefix, mine)}'
        )


def _about_members(state_dict: dict[str, Tensor], prefix: str, mine: dict[str, Tensor]) -> str:
    """What to do if the model and the checkpoint have not the same number of members."""
    has, wants = (members_of(name.removeprefix(prefix) for name in names if name.startswith(prefix)) for names in (state_dict, mine))
    if has == wants:
        return ''
    if has == 1:
        return ". It is of one network: set model.type='VesselSegmentor', without members"
    return f". It is an ensemble of {has}: set model.type='VesselEnsemble', model.members={has}, as the tools of this package do themselves"


def _about_adapters(missing: list[str], unexpected: list[str]) -> str:
    """What to do if an adapter alone is too many or too few."""
    names = missing + unexpected
    if not names or not all(name.endswith(PARTS) for name in names) or (missing and unexpected):
        return ''
    if unexpected:
        return '. It has an adapter (LoRA) in the encoder: set model.backbone.adapt as it was there'
    return '. It has no adapter (or a merged one): set model.backbone.adapt=None'
