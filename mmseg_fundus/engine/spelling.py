"""Finding misspelt keys in a config: what a component does not take, and what would be ignored without a word."""

import inspect
from collections.abc import Iterable
from collections.abc import Set as AbstractSet
from difflib import get_close_matches
from typing import Any

from mmengine import registry as mm
from mmengine.config import Config
from mmengine.optim import DefaultOptimWrapperConstructor
from mmengine.runner import EpochBasedTrainLoop, IterBasedTrainLoop, LogProcessor, Runner, TestLoop, ValLoop
from mmengine.utils.dl_utils import set_multi_processing
from mmseg import registry as seg
from torch.utils.data import DataLoader

from ..components import arguments, component, is_a
from ..datasets import SOURCES, FundusVessels, RandomFundusView
from ..datasets.camera_look import CameraLook
from ..errors import ConfigError
from ..models.segmentors import VesselSegmentor
from ..models.segmentors.predictor import TEST_KEYS
from .trainable_constructor import TrainableOptimWrapperConstructor

COMMON = {'type', '_scope_', '_delete_'}
LOADERS = ('train_dataloader', 'val_dataloader', 'test_dataloader')
# where a component's name is looked up, by the key that it stands under; elsewhere as one level up
REGISTRIES = {
    **dict.fromkeys(('model', 'data_preprocessor', 'tta_model', 'ema_model'), seg.MODELS),
    **dict.fromkeys(('dataset', 'datasets'), seg.DATASETS),
    'source': SOURCES,
    **dict.fromkeys(('pipeline', 'transforms', 'train_pipeline', 'val_pipeline', 'test_pipeline', 'tta_pipeline'), seg.TRANSFORMS),
    **dict.fromkeys(('default_hooks', 'custom_hooks'), seg.HOOKS),
    **dict.fromkeys(('val_evaluator', 'test_evaluator', 'metrics'), seg.METRICS),
    **{'optim_wrapper': seg.OPTIM_WRAPPERS, 'optimizer': seg.OPTIMIZERS, 'param_scheduler': seg.PARAM_SCHEDULERS},
    **{'visualizer': seg.VISUALIZERS, 'vis_backends': seg.VISBACKENDS, 'log_processor': seg.LOG_PROCESSORS},
    **{'init_cfg': mm.WEIGHT_INITIALIZERS, 'collate_fn': mm.FUNCTIONS, 'worker_init_fn': mm.FUNCTIONS},
}
NOT_COMPONENTS = {'adapt', 'metainfo', 'backend_args', 'custom_keys', 'paramwise_cfg', 'clip_grad', 'batch_augments'}
MMENGINE_HOOKS = ('runtime_info', 'timer', 'sampler_seed', 'logger', 'param_scheduler', 'checkpoint')  # of mmengine's own accord
CLIP = {'max_norm', 'norm_type', 'clip_value', 'error_if_nonfinite', 'foreach'}
PARAMWISE = {
    *('custom_keys', 'lr_mult', 'decay_mult', 'bias_lr_mult', 'bias_decay_mult', 'norm_decay_mult', 'flat_decay_mult'),
    *('dwconv_decay_mult', 'dcn_offset_lr_mult', 'bypass_duplicate', 'layer_decay'),
}


def _taken(*kinds: Any) -> set[str]:
    """Names that one of several classes or functions takes."""
    return set().union(*(arguments(kind)[0] for kind in kinds))


def _plain_parts() -> dict[str, set[str]]:
    """Names that parts of a config without a ``type`` may hold, by place."""
    loader = {*inspect.signature(DataLoader.__init__).parameters, 'num_batch_per_epoch', 'disable_subprocess_warning'}
    return {
        **dict.fromkeys(LOADERS, loader),
        'train_cfg': _taken(EpochBasedTrainLoop, IterBasedTrainLoop) | {'by_epoch'},
        'val_cfg': _taken(ValLoop),
        'test_cfg': _taken(TestLoop),
        'optim_wrapper': _taken(component('OptimWrapper', seg.OPTIM_WRAPPERS)) | {'constructor', 'paramwise_cfg'},
        'optim_wrapper.clip_grad': CLIP,
        'optim_wrapper.paramwise_cfg': PARAMWISE,
        'log_processor': _taken(LogProcessor),
        'randomness': {'seed', 'diff_rank_seed', 'deterministic'} | _taken(Runner.set_randomness),
        'env_cfg': {'cudnn_benchmark', 'mp_cfg', 'dist_cfg', 'resource_limit'},
        'env_cfg.mp_cfg': _taken(set_multi_processing),
        'env_cfg.dist_cfg': {'backend', 'timeout', 'init_backend', 'init_method', 'port', 'rank', 'world_size'},
        'auto_scale_lr': {'enable', 'base_batch_size'},
        'custom_imports': {'imports', 'allow_failed_imports'},
        'model.test_cfg': {'mode', 'crop_size', 'stride'},
    }


def _standard(constructor: Any) -> bool:
    """Whether ``paramwise_cfg`` goes to mmengine's own constructor, or ours, which takes the same."""
    found = component(constructor, seg.OPTIM_WRAPPER_CONSTRUCTORS) if constructor else DefaultOptimWrapperConstructor
    return found in (DefaultOptimWrapperConstructor, TrainableOptimWrapperConstructor)


def check_spelling(cfg: Config, origin: str, options: Iterable[str] = ()) -> None:
    """Refuse a key that a component does not take, or that nothing reads, where it looks like one that is meant.

    What is unlike every known name is left to the component, as is one whose names cannot be known (``**kwargs`` that go elsewhere).

    Args:
        cfg (Config): With ``options`` merged.
        origin (str): The file's name, for the message.
        options (Iterable[str]): Dotted keys of ``--cfg-options``.

    Raises:
        ConfigError: Naming the key, where it stands, and the name that is meant.
    """
    walk = _Walk(origin, options)
    for name, value in cfg.items():
        if name in REGISTRIES or name in walk.plain:
            walk.visit(value, name, REGISTRIES.get(name, seg.LOOPS), None)
    _check_hooks(cfg.get('default_hooks'), walk)


def _check_hooks(hooks: dict[str, Any] | None, walk: '_Walk') -> None:
    hooks = hooks or {}
    for name, hook in hooks.items():
        if isinstance(hook, dict) and 'type' not in hook and name not in MMENGINE_HOOKS:
            walk.refuse('default_hooks', name, [*MMENGINE_HOOKS, *(known for known in hooks if known != name)], 'takes no {}', 0.6)
            raise ConfigError(f'{walk.origin}: default_hooks.{name} has no type; every hook but {", ".join(MMENGINE_HOOKS)} needs one')
        if name not in MMENGINE_HOOKS:
            walk.refuse('default_hooks', name, MMENGINE_HOOKS, 'would get one more hook, {}', 0.85)


class _Walk:
    """A config's parts, one below the other."""

    def __init__(self, origin: str, options: Iterable[str]) -> None:
        self.origin = origin
        self.options = set(options)
        self.plain = _plain_parts()

    def visit(self, node: Any, where: str, registry: mm.Registry, scope: str | None) -> None:
        """Check a part and what is below it.

        Args:
            node: Any value.
            where (str): Its dotted place.
            registry (Registry): For its ``type``.
            scope (str, optional): Of a config of another package that it was inherited from.
        """
        if isinstance(node, (list, tuple)):
            for i, item in enumerate(node):
                self.visit(item, f'{where}.{i}', registry, scope)
        if not isinstance(node, dict):
            return
        scope = node.get('_scope_') or scope
        if where == 'optim_wrapper' and not _standard(node.get('constructor')):
            self.plain.pop('optim_wrapper.paramwise_cfg', None)  # another constructor, other settings
        if 'type' in node:
            self._component(node, where, registry, scope)
        elif where in self.plain:
            self._compare(node, where, self.plain[where], 'takes no {}', 0.75)
        for key, value in node.items():
            place = f'{where}.{key}'
            below = registry
            if where in LOADERS and key in ('sampler', 'batch_sampler'):
                below = seg.DATA_SAMPLERS
            elif isinstance(key, str):
                below = REGISTRIES.get(key, registry)
            if key not in NOT_COMPONENTS or place in self.plain:
                self.visit(value, place, below, scope)

    def _component(self, node: dict[str, Any], where: str, registry: mm.Registry, scope: str | None) -> None:
        kind = node['type']
        scoped = isinstance(kind, str) and scope and '.' not in kind
        found = (component(f'{scope}.{kind}', registry) if scoped else None) or component(kind, registry)
        if found is None or where.endswith('.clip_grad'):
            return
        names, open_ended = arguments(found)
        known = names | self.plain.get(where, set()) if where in ('optim_wrapper', 'train_cfg') else names
        name = getattr(found, '__name__', str(found))
        self._compare(node, where, known, f'gives {name} an argument {{}} that it does not take', 0.9 if open_ended else 0.82)
        if where == 'model':
            if is_a(node, VesselSegmentor, seg.MODELS):
                self.plain.pop('model.test_cfg', None)
                self._compare(node.get('test_cfg') or {}, 'model.test_cfg', TEST_KEYS, 'takes no {}', 0.6)
        if is_a(node, FundusVessels, seg.DATASETS):
            for key in ('augmentation', 'view'):
                self._view(node.get(key), f'{where}.{key}')

    def _view(self, view: Any, where: str) -> None:
        """Check the arguments of a random view, and of the look within."""
        if isinstance(view, dict):
            self._compare(view, where, _taken(RandomFundusView), 'takes no {}', 0.6)
            look = view.get('look')
            self._compare(look if isinstance(look, dict) else {}, f'{where}.look', set(CameraLook._fields), 'takes no {}', 0.6)

    def _compare(self, node: dict[str, Any], where: str, known: AbstractSet[str], verdict: str, cutoff: float) -> None:
        for key in node:
            if isinstance(key, str) and key not in known and key not in COMMON:
                self.refuse(where, key, known, verdict, cutoff)

    def refuse(self, where: str, key: str, known: Iterable[str], verdict: str, cutoff: float) -> None:
        """Raise if ``key`` is like one of the ``known`` names."""
        close = get_close_matches(key, list(known), n=1, cutoff=cutoff)
        if close:
            source = f'--cfg-options {where}.{key}' if f'{where}.{key}' in self.options else self.origin
            raise ConfigError(f'{source}: {where} {verdict.format(repr(key))}; did you mean {close[0]!r}?')
