"""What of an encoder is trained, and where in a backbone it is: judged by its parameters, not by what a wrapper passes on."""

from collections.abc import Sequence
from typing import Protocol

from torch import Tensor, nn

from ...errors import ConfigError


class Blocks(Protocol):
    """What :func:`first_trained` reads of a ViT."""

    norm_outputs: bool
    training: bool

    @property
    def out_indices(self) -> Sequence[int]: ...

    @property
    def trainable(self) -> dict[str, nn.Parameter]: ...


def is_trained(module: nn.Module) -> bool:
    """Whether a parameter in a module requires a gradient."""
    return any(parameter.requires_grad for parameter in module.parameters())


def train_where_trained(module: nn.Module, mode: bool) -> nn.Module:
    """Set the parts that are trained to ``mode``, frozen ones to eval; dropout and the like do as what they are in.  Returns ``module``."""
    module.training = bool(mode and is_trained(module))
    if not module.training:
        for part in module.modules():
            part.training = False
        return module
    for child in module.children():
        if next(child.parameters(), None) is None:
            child.train(True)
        else:
            train_where_trained(child, mode)
    return module


def first_trained(vit: 'Blocks', x: Tensor, blocks: str = 'layers', norm: str = 'ln1') -> int | None:
    """From where on the forward pass of a ViT needs gradients.

    Args:
        vit (nn.Module): With its blocks, of which those up to the last of ``out_indices`` run.
        x (Tensor): Its input; if that requires a gradient, something in front of the encoder is trained.
        blocks, norm (str): Where its blocks and its final norm are.

    Returns:
        int | None: The block; -1 for the embedding, one past the last for the final norm, ``None`` if nothing needs one.

    Raises:
        ConfigError: In training, if a parameter is to be trained that does not run.
    """
    last = vit.out_indices[-1]
    needed, idle = [-1] if x.requires_grad else [], list[str]()
    for name in vit.trainable:
        is_norm = name.startswith(f'{norm}.')
        stage = int(name[len(blocks) + 1 :].partition('.')[0]) if name.startswith(f'{blocks}.') else last + 1 if is_norm else -1
        runs = stage <= last or (is_norm and vit.norm_outputs)
        if runs:
            needed.append(stage)
        else:
            idle.append(name)
    if idle and vit.training:
        pattern = blocks.replace('.', r'\.')
        raise ConfigError(
            f'{len(idle)} parameters of the encoder require a gradient, but do not run and would never be trained ({idle[0]}, ...): '
            f'out_indices={tuple(vit.out_indices)} ends with block {last}, norm_outputs={vit.norm_outputs}. Train only blocks 0 to {last} '
            rf"(of LoRAModel: targets=[dict(type='{pattern}\.[0-{last}]\..*qkv')]), or change these settings"
        )
    return min(needed, default=None)


def quarters(depth: int) -> list[int]:
    """The last block of each quarter of a depth, counted from 0: ``[2, 5, 8, 11]`` of 12; fewer of less than four blocks."""
    return sorted({max(-(-depth * part // 4), 1) - 1 for part in (1, 2, 3, 4)})


def checked_indices(out_indices: Sequence[int] | None, depth: int) -> list[int]:
    """``out_indices`` of an encoder of some depth, counted from 0; ``None`` stands for :func:`quarters`.

    Raises:
        ConfigError: If they are not ascending numbers of its blocks.
    """
    if out_indices is None:
        return quarters(depth)
    indices = [index + depth if index < 0 else index for index in out_indices]
    if not indices or sorted(set(indices)) != indices or not all(0 <= index < depth for index in indices):
        raise ConfigError(f'out_indices={tuple(out_indices)} must be ascending block numbers from 0 to {depth - 1}')
    return indices


def checked_trainable(blocks: int | str, running: int) -> int:
    """``trainable_blocks`` as a number: ``'all'`` is one more than the blocks that run.

    Raises:
        ConfigError: If it is neither ``'all'`` nor a number of blocks that run.
    """
    if blocks == 'all':
        return running + 1
    if not isinstance(blocks, int) or isinstance(blocks, bool) or not 0 <= blocks <= running:
        raise ConfigError(f"trainable_blocks={blocks!r} must be 'all' or a number from 0 to {running} (the blocks that run)")
    return blocks


def persistent_buffers(module: nn.Module) -> dict[str, tuple[nn.Module, str]]:
    """The buffers that a state dict holds, by name: the module that each is in and its name there (a buffer itself may be replaced)."""
    found = {}
    for place, part in module.named_modules():
        for key, buffer in part._buffers.items():
            if buffer is not None and key not in part._non_persistent_buffers_set:
                found[f'{place}.{key}' if place else key] = (part, key)
    return found


def is_as_built(module: nn.Module, own: dict[str, Tensor]) -> bool:
    """Whether a module has its ``own`` parameters and buffers under their names, nothing else, and no forward hooks."""
    hooked = any(part._forward_hooks or part._forward_pre_hooks for part in module.modules())
    buffers = {name: getattr(owner, key) for name, (owner, key) in persistent_buffers(module).items()}
    tensors = {**dict(module.named_parameters()), **buffers}
    return not hooked and tensors.keys() == own.keys() and all(tensors[name] is mine for name, mine in own.items())


def names_in(model: nn.Module, tensors: dict[str, Tensor]) -> dict[str, str]:
    """Where named tensors of a part are now in a model, ``{name in the model: name in tensors}``; those that were taken out are not."""
    names = {id(tensor): name for name, tensor in tensors.items()}
    places = (*model.named_parameters(remove_duplicate=False), *model.named_buffers(remove_duplicate=False))
    return {place: names[id(tensor)] for place, tensor in places if id(tensor) in names}


def keep_all_tensors(model: nn.Module, part: nn.Module) -> None:
    """Have a model's state dict hold all of a part.

    Hooks of that part may drop tensors: ``LoRAModel``'s leave the adapter alone, so that an encoder that no file has would be lost.
    """
    if {name for name, _ in model.named_parameters()} <= set(model.state_dict()):
        return
    for module in part.modules():
        module._state_dict_hooks.clear()
        module._load_state_dict_post_hooks.clear()  # these say nothing of what is missing
