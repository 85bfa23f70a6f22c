"""What of an encoder is trained, and where in a backbone it is: judged by its parameters, not by what a wrapper passes on."""

from torch import Tensor, nn

from ...errors import ConfigError


def is_trained(module: nn.Module) -> bool:
    """Whether a parameter in a module requires a gradient."""
    return any(parameter.requires_grad for parameter in module.parameters())


def train_where_trained(module: nn.Module, mode: bool) -> nn.Module:
    """Set the parts that are trained to ``mode``, frozen ones to eval; dropout and the like do as what they are in.  Returns ``module``."""
    module.training = bool(mode and is_trained(module))
    for child in module.children():
        if next(child.parameters(), None) is None:
            child.train(module.training)
        else:
            train_where_trained(child, mode)
    return module


def first_trained(vit: nn.Module, x: Tensor) -> int | None:
    """From where on the forward pass of a ViT needs gradients.

    Args:
        vit (FrozenVisionTransformer): With its ``layers``, of which those up to the last of ``out_indices`` run.
        x (Tensor): Its input; if that requires a gradient, something in front of the encoder is trained.

    Returns:
        int | None: The block; -1 for the embedding, one past the last for the final norm, ``None`` if nothing needs one.

    Raises:
        ConfigError: In training, if a parameter is to be trained that does not run.
    """
    last = vit.out_indices[-1]
    needed, idle = [-1] if x.requires_grad else [], []
    for name, parameter in vit.named_parameters():
        if not parameter.requires_grad:
            continue
        part, _, rest = name.partition('.')
        stage = int(rest.partition('.')[0]) if part == 'layers' else last + 1 if part == 'ln1' else -1
        runs = stage <= last or (part == 'ln1' and vit.norm_outputs)
        (needed if runs else idle).append(stage if runs else name)
    if idle and vit.training:
        raise ConfigError(
            f'{len(idle)} parameters of the encoder require a gradient, but do not run and would never be trained ({idle[0]}, ...): '
            f'out_indices={tuple(vit.out_indices)} ends with block {last}, norm_outputs={vit.norm_outputs}. Train only blocks 0 to {last} '
            rf"(of LoRAModel: targets=[dict(type='layers\.[0-{last}]\..*qkv')]), or change these settings"
        )
    return min(needed, default=None)


def is_as_built(module: nn.Module, own: dict) -> bool:
    """Whether a module has its ``own`` parameters under their names, nothing else, and no forward hooks."""
    hooked = any(part._forward_hooks or part._forward_pre_hooks for part in module.modules())
    tensors = {**dict(module.named_parameters()), **dict(module.named_buffers())}
    return not hooked and tensors.keys() == own.keys() and all(tensors[name] is mine for name, mine in own.items())


def find_encoder(backbone: nn.Module) -> nn.Module:
    """The part of a backbone that has its weights from a file: itself, or what a wrapper such as mmpretrain's ``LoRAModel`` holds.

    Args:
        backbone (nn.Module): Of a segmentor.

    Returns:
        nn.Module: The one module with ``own_tensors`` (see :class:`.FrozenVisionTransformer`); ``backbone`` if there is none, or several.
    """
    found = [module for module in backbone.modules() if hasattr(type(module), 'own_tensors')]
    return found[0] if len(found) == 1 else backbone


def names_in(model: nn.Module, tensors: dict) -> dict:
    """Where named parameters of a part are now in a model, ``{name in the model: name in tensors}``; those that were taken out are not."""
    names = {id(parameter): name for name, parameter in tensors.items()}
    return {place: names[id(parameter)] for place, parameter in model.named_parameters() if id(parameter) in names}


def keep_all_tensors(model: nn.Module, part: nn.Module) -> None:
    """Have a model's state dict hold all of a part.

    Hooks of that part may drop tensors: ``LoRAModel``'s leave the adapter alone, so that an encoder that no file has would be lost.
    """
    if {name for name, _ in model.named_parameters()} <= set(model.state_dict()):
        return
    for module in part.modules():
        module._state_dict_hooks.clear()
        module._load_state_dict_post_hooks.clear()  # these say nothing of what is missing
