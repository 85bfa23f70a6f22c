from typing import Any

from mmengine.dist import get_world_size
from mmengine.hooks import Hook
from mmengine.hooks.hook import DATA_BATCH
from mmengine.logging import print_log
from mmengine.optim import OptimWrapper, OptimWrapperDict
from mmengine.runner import Runner
from mmseg.models.decode_heads.decode_head import BaseDecodeHead
from mmseg.registry import HOOKS
from torch import nn
from torch.optim import Optimizer
from torch.utils.hooks import RemovableHandle

from ..errors import ConfigError
from ..models.encoders.contract import backbone_of, keeps_contract

PATIENCE = 10  # steps after which a parameter without a gradient is taken to get none
REMEDY = 'Let model.backbone.trainable_blocks, or the constructor of the part, do that'


@HOOKS.register_module()
class TrainedParametersHook(Hook):
    """Sees to it that what requires a gradient is trained.

    These end the training with a line that says so: a parameter that the optimizer does not hold, or that the processes do not share
    (something set ``requires_grad`` after they were built); one of the frozen encoder that gets no gradient in the first steps (it does
    not run, or what is behind it is cut off); a decode head that is frozen as it was initialised.  Other parameters that get no gradient,
    such as a head's that its settings leave unused, are a warning.
    """

    priority = 'VERY_LOW'  # behind hooks that unfreeze something

    def __init__(self) -> None:
        self._shared: set[int] | None = None  # ids of what required a gradient when the processes met
        self._known: set[int] = set()
        self._waiting: dict[int, str] = {}  # id: name, of parameters whose first gradient has not come
        self._handles: list[RemovableHandle] = []
        self._steps = 0

    def before_run(self, runner: Runner) -> None:
        if get_world_size() > 1:
            self._shared = {id(parameter) for parameter in runner.model.parameters() if parameter.requires_grad}

    def before_train(self, runner: Runner) -> None:
        if runner._load_from or runner._resume:
            return
        heads = {name: module for name, module in _bare(runner).named_modules() if isinstance(module, BaseDecodeHead)}
        frozen = [name for name, head in heads.items() if not any(parameter.requires_grad for parameter in head.parameters())]
        if frozen:
            raise ConfigError(
                f'{", ".join(frozen)} is frozen as it was initialised, so that its predictions would stay random. LoRAModel around the '
                'whole model trains its adapter alone: put it around the encoder, '
                "model.backbone=dict(type='mmpretrain.LoRAModel', module=...); or start from a trained checkpoint (load_from)"
            )

    def before_train_iter(self, runner: Runner, batch_idx: int, data_batch: DATA_BATCH = None) -> None:
        trained = {id(parameter): (name, parameter) for name, parameter in _bare(runner).named_parameters() if parameter.requires_grad}
        new = [number for number in trained if number not in self._known]
        if not new:
            return
        self._known.update(new)
        groups = [group for optimizer in _optimizers(runner.optim_wrapper) for group in optimizer.param_groups]
        held = {id(parameter) for group in groups for parameter in group['params']}
        missed = [trained[number][0] for number in new if number not in held]
        if missed:
            raise ConfigError(
                f'{len(missed)} parameters require a gradient, but the optimizer was built without them and would never train them '
                f'({_some(missed)}): something unfroze them after the start. {REMEDY}, or set '
                "optim_wrapper.constructor='DefaultOptimWrapperConstructor', which holds frozen parameters too"
            )
        apart = [trained[number][0] for number in new if self._shared is not None and number not in self._shared]
        if apart:
            raise ConfigError(
                f'{len(apart)} parameters were unfrozen after the {get_world_size()} processes met, which would train them apart from each '
                f'other ({_some(apart)}). {REMEDY}, or train in one process'
            )
        self._steps = 0
        for number in new:
            name, parameter = trained[number]
            self._waiting[number] = name
            self._handles.append(parameter.register_hook(lambda gradient, number=number: self._waiting.pop(number, None) and None))

    def after_train_iter(
        self, runner: Runner, batch_idx: int, data_batch: DATA_BATCH = None, outputs: dict[str, Any] | None = None
    ) -> None:
        self._steps += 1
        if self._handles and (not self._waiting or self._steps >= PATIENCE):
            self._finish(_bare(runner))

    def after_train_epoch(self, runner: Runner) -> None:
        if self._handles:
            self._finish(_bare(runner))

    def _finish(self, model: nn.Module) -> None:
        while self._handles:
            self._handles.pop().remove()
        waiting, self._waiting = list(self._waiting.values()), {}
        known = keeps_contract(backbone_of(model))
        encoder = [name for name in waiting if known and name.startswith('backbone.')]
        if encoder:
            raise ConfigError(
                f'{len(encoder)} parameters of the encoder require a gradient, but got none in {self._steps} steps ({_some(encoder)}): '
                'they do not run, or what is behind them lets none through. They would never be trained; freeze or mend them'
            )
        if waiting:
            print_log(
                f'{len(waiting)} parameters require a gradient, but got none in {self._steps} steps and stay as they are: {_some(waiting)}',
                logger='current',
                level=30,
            )


def _bare(runner: Runner) -> nn.Module:
    return getattr(runner.model, 'module', runner.model)


def _optimizers(wrapper: OptimWrapper | OptimWrapperDict) -> list[Optimizer]:
    """One, or those of an ``OptimWrapperDict``."""
    return [inner.optimizer for inner in wrapper.values()] if hasattr(wrapper, 'values') else [wrapper.optimizer]


def _some(names: list[str]) -> str:
    return ', '.join(names[:3]) + (', ...' if names[3:] else '')
