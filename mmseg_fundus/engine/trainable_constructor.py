import inspect
from typing import Any

from mmengine.optim import DefaultOptimWrapperConstructor, OptimWrapper
from mmseg.registry import OPTIM_WRAPPER_CONSTRUCTORS, OPTIM_WRAPPERS, OPTIMIZERS
from torch import nn

from ..components import component
from ..errors import ConfigError
from .layer_decay import KEY, decayed


@OPTIM_WRAPPER_CONSTRUCTORS.register_module()
class TrainableOptimWrapperConstructor(DefaultOptimWrapperConstructor):
    """mmengine's constructor, leaving frozen parameters out of the optimizer.

    Without it they all land there: in its state, in every checkpoint, and in a warning line each under ``paramwise_cfg``.
    Arguments as in ``DefaultOptimWrapperConstructor``; ``paramwise_cfg=dict(layer_decay=0.75)`` lowers the rates from block to block of the
    encoder, see :func:`.layer_decay.decayed`.
    """

    def __call__(self, model: nn.Module) -> OptimWrapper:
        """Build the optimizer wrapper over the parameters that require a gradient; raises :class:`ConfigError` if there is none."""
        model = getattr(model, 'module', model)
        trainable = [parameter for parameter in model.parameters() if parameter.requires_grad]
        if not trainable:
            raise ConfigError('nothing in the model requires a gradient: there is nothing to train')
        groups: list[nn.Parameter] | list[dict[str, Any]] = trainable
        if set(self.paramwise_cfg or ()) - {KEY}:
            made: list[dict[str, Any]] = []
            self.add_params(made, model)
            groups = [group for group in made if group['params'][0].requires_grad]
        if KEY in (self.paramwise_cfg or ()):
            single = [group if isinstance(group, dict) else {'params': [group]} for group in groups]
            groups = decayed(single, model, self.paramwise_cfg[KEY], self.base_lr)
        optimizer_cfg = self.optimizer_cfg.copy()
        kind = component(optimizer_cfg['type'], OPTIMIZERS)
        if kind is None:
            raise ConfigError(f'optim_wrapper.optimizer.type={optimizer_cfg["type"]!r} is not known to mmseg or torch.optim')
        optimizer_cfg[next(iter(inspect.signature(kind).parameters))] = groups
        wrapper_cfg = {'type': 'OptimWrapper', **self.optim_wrapper_cfg}
        return OPTIM_WRAPPERS.build(wrapper_cfg, default_args=dict(optimizer=OPTIMIZERS.build(optimizer_cfg)))
