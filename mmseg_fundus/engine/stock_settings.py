"""What mmengine's users may write into a config, and a training here cannot follow."""

from mmengine.config import Config
from mmengine.device import get_device
from mmengine.optim import AmpOptimWrapper
from mmseg.registry import DATA_SAMPLERS, OPTIM_WRAPPER_CONSTRUCTORS, OPTIM_WRAPPERS

from ..components import component, is_a, takes
from ..errors import ConfigError
from .layer_decay import KEY


def check_stock_settings(cfg: Config) -> None:
    """Refuse settings that would be passed over, or that mmengine stops at without saying what to do.

    Args:
        cfg (Config): Of a training.

    Raises:
        ConfigError: If there is one: ``runner_type``, ``strategy``, ``AmpOptimWrapper`` on a CPU, an ``optim_wrapper`` without optimizer,
            ``layer_decay`` with a constructor that does not know it, a sampler that inherits the arguments of ``ViewSampler``.
    """
    if cfg.get('runner_type', 'Runner') != 'Runner' or cfg.get('strategy'):
        raise ConfigError(
            'runner_type, strategy: tools/train.py has a runner of its own, which checks what it resumes, and would pass over them; leave '
            "them out, or train with mmsegmentation's own tools/train.py"
        )
    wrapper = cfg.optim_wrapper
    if is_a(wrapper, AmpOptimWrapper, OPTIM_WRAPPERS) and get_device() == 'cpu':
        raise ConfigError(
            "optim_wrapper.type='AmpOptimWrapper' is for GPUs, and there is none; leave it out; model.precision='bfloat16' and "
            "model.backbone.precision='bfloat16' compute in half precision on a CPU"
        )
    if 'optimizer' not in wrapper and 'constructor' not in wrapper:
        raise ConfigError(
            f'optim_wrapper has no optimizer, but {", ".join(wrapper)}; write optim_wrapper.optimizer=dict(type=..., lr=...), with '
            "paramwise_cfg for rates of parts; several optimizers need a constructor of one's own (optim_wrapper.constructor)"
        )
    constructor = component(wrapper.get('constructor', 'DefaultOptimWrapperConstructor'), OPTIM_WRAPPER_CONSTRUCTORS)
    if KEY in (wrapper.get('paramwise_cfg') or ()) and getattr(constructor, '__module__', '').startswith(('mmengine.', 'mmpretrain.')):
        raise ConfigError(
            f'optim_wrapper.paramwise_cfg.{KEY}: {getattr(constructor, "__name__", constructor)} passes over it; '
            "write optim_wrapper.constructor='TrainableOptimWrapperConstructor'"
        )
    sampler = (cfg.get('train_dataloader') or {}).get('sampler') or {}
    inherited = [name for name in ('views', 'repeats') if name in sampler and not takes(sampler, name, DATA_SAMPLERS)]
    kind = component(sampler.get('type'), DATA_SAMPLERS)
    if inherited and kind is not None:
        raise ConfigError(
            f'train_dataloader.sampler: {kind.__name__} does not take {" and ".join(inherited)}, which the base config gives its '
            f"ViewSampler; write sampler=dict(_delete_=True, type='{kind.__name__}', ...)"
        )
