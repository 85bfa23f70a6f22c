import functools
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import torch
from mmseg.registry import MODELS
from torch import Tensor, nn

from ...errors import ConfigError
from ..encoders.adapt import is_adapted
from ..encoders.frozen import FrozenEncoder
from ..encoders.positions import resize_table, rotary_angles
from ..encoders.timm_model import timm_model, timm_shapes, timm_version
from ..encoders.trained import checked_indices, checked_trainable, first_trained
from ..encoders.weights import FROM_CHECKPOINT, RANDOM, check_given, load_encoder, read_encoder, read_fitting, weights_of
from ..precision import check_precision, computing_in, resolve_precision


@MODELS.register_module()
class FrozenTimmEncoder(FrozenEncoder):
    """A ViT of timm whose weights are loaded exactly and then left alone: layer scale, registers, rotary positions, any patch size.

    Sizes, eps and activation are the timm model's.  Class token and registers take part in attention and are dropped from the maps.

    The parts of the timm model run one by one, not by its ``forward_intermediates``, for two reasons: the position table is resized as
    the family does (:attr:`antialias`), and the graph can be traced for ONNX with any picture size.  Nothing else differs; no graph is
    kept before the first part that is trained, because autograd keeps none there.

    Args:
        weights (str | Path | dict): As of :class:`.FrozenVisionTransformer`, of any family.
        model (str, optional): timm's name, such as ``'vit_base_patch16_dinov3'``; the file's by default.  Needed with ``'random'`` and
            ``'from_checkpoint'``.
        options (dict, optional): What ``timm.create_model`` takes beside it, such as ``img_size=224`` (of the position table); over what
            the file says.
        out_indices, norm_outputs, trainable_blocks, precision, compile, adapt: As of :class:`.FrozenVisionTransformer`.

    Attributes:
        antialias (bool): How the position table is resized: timm's way (bicubic, antialiased), which is that of DINOv2 with registers
            too; or without antialiasing, as DINOv2 without registers and transformers' CLIP.

    Shapes:
        Input ``(N, 3, H, W)``, any size; padded at the right and bottom with zeros to multiples of the patch size.
        Output: one ``(N, embed_dims, ceil(H / patch_size), ceil(W / patch_size))`` map for each of ``out_indices``.

    Raises:
        WeightsError: If the weights are missing, unreadable or do not fit.
        ConfigError: If timm is missing, cannot build the model, or the arguments contradict each other.
    """

    if TYPE_CHECKING:  # torch.jit.trace would read it, too
        net: Any  # with parts as timm's classes have them

    def __init__(
        self,
        weights: str | dict[str, Any] | None = None,
        model: str | None = None,
        options: Mapping[str, Any] | None = None,
        out_indices: Sequence[int] | None = None,
        norm_outputs: bool = False,
        trainable_blocks: int | str = 0,
        precision: str = 'float32',
        compile: bool = False,
        adapt: dict[str, Any] | None = None,
    ) -> None:
        super().__init__()
        file, key, allow_unsafe = weights_of(weights)
        check_given('FrozenTimmEncoder', file)
        self.model, self.options = self._architecture(file, key, allow_unsafe, model, options)
        self.net = timm_model(self.model, self.options)
        self.patch_size, self.embed_dims = self.net.patch_embed.patch_size[0], self.net.embed_dim
        self.out_indices = checked_indices(out_indices, len(self.net.blocks))
        self.levels = len(self.out_indices)
        self.norm_outputs = norm_outputs
        self.trainable_blocks = checked_trainable(trainable_blocks, self.out_indices[-1] + 1)
        self.precision = check_precision('FrozenTimmEncoder', precision)
        self.compile_encoder = compile
        self.adapt = adapt
        bare = 'clip' in self.model or ('dinov2' in self.model and self.net.reg_token is None)
        self.antialias = not bare  # decided by the model alone, so that a checkpoint without the file has the same maps
        self._remember()
        self.has_weights = file != FROM_CHECKPOINT
        if file not in (RANDOM, FROM_CHECKPOINT):
            found = load_encoder(file, self._shapes(self.net), key, allow_unsafe)
            self._take(found, {f'net.{name}': tensor for name, tensor in found.tensors.items()})
        self.freeze(self._trained_parts(), f'trainable_blocks={self.trainable_blocks}', adapt)

    @staticmethod
    def _architecture(
        file: Any, key: str, allow_unsafe: bool, model: str | None, options: Mapping[str, Any] | None
    ) -> tuple[str, dict[str, Any]]:
        """Name and options of the timm model: those of the file, where the config does not say others."""
        seen = None if file in (RANDOM, FROM_CHECKPOINT) else read_encoder(file, key, allow_unsafe).architecture
        name = model or (seen.name if seen is not None else None)
        if name is None:
            told = 'tells no architecture' if file in (RANDOM, FROM_CHECKPOINT) else 'holds no ViT that is known here'
            raise ConfigError(f"weights={str(file)!r} {told}; name it, as timm does: model.backbone.model='vit_base_patch16_dinov3', ...")
        known = dict(seen.options) if seen is not None and model in (None, seen.name) else {}
        return name, {**known, **(options or {})}

    @staticmethod
    def _shapes(net: nn.Module) -> dict[str, tuple[int, ...]]:
        return {name: tuple(tensor.shape) for name, tensor in net.state_dict().items()}

    @classmethod
    def check_file(
        cls,
        weights: str | dict[str, Any] | None = None,
        model: str | None = None,
        options: Mapping[str, Any] | None = None,
        **settings: Any,
    ) -> None:
        """Whether the constructor would find and fit ``weights``; takes its arguments, raises its errors, builds nothing."""
        file, key, allow_unsafe = weights_of(weights)
        if file not in (None, RANDOM, FROM_CHECKPOINT):
            read_fitting(file, timm_shapes(*cls._architecture(file, key, allow_unsafe, model, options)), key, allow_unsafe)

    # ---- the contract

    def identity(self) -> dict[str, Any] | None:
        """What decides the maps of a given input: weights, architecture, settings, arithmetic; ``None`` with an adapter."""
        if is_adapted(self):
            return None
        return {
            'class': f'{type(self).__module__}.{type(self).__qualname__}',
            'fingerprint': self.fingerprint().hex(),
            'timm': timm_version(),
            'model': self.model,
            'options': {name: self.options[name] for name in sorted(self.options)},
            'antialias': self.antialias,
            'out_indices': list(self.out_indices),
            'norm_outputs': self.norm_outputs,
            'precision': resolve_precision(self.precision, self.net.patch_embed.proj.weight.device),
        }

    def without_file(self) -> dict[str, Any]:
        """timm's name and options, see :meth:`.FrozenEncoder.without_file`."""
        return {'type': 'FrozenTimmEncoder', 'model': self.model, 'options': self.options}

    def make_plain(self) -> None:
        """From now on compute in float32 and uncompiled."""
        self.precision, self.compile_encoder = 'float32', False

    def _trained_parts(self) -> list[nn.Module | nn.Parameter]:
        running = self.out_indices[-1] + 1
        parts = list(self.net.blocks[max(running - self.trainable_blocks, 0) : running]) if self.trainable_blocks else []
        if self.trainable_blocks and self.norm_outputs:
            parts.append(self.net.norm)
        if self.trainable_blocks > running:
            first = (self.net.patch_embed, self.net.norm_pre, self.net.cls_token, self.net.reg_token, self.net.pos_embed)
            parts += [part for part in first if part is not None]
        return parts

    # ---- forward

    def encode(self, inputs: Tensor) -> tuple[Tensor, ...]:
        """One map for each of ``out_indices``; see the class for shapes."""
        if torch.is_grad_enabled():
            first_trained(self, inputs, 'net.blocks', 'net.norm')  # refuses what is to be trained but does not run
        run = _compiled_run() if self.compile_encoder else FrozenTimmEncoder._run
        with computing_in(self.precision, inputs.device):
            return tuple(level.float() for level in run(self, inputs))

    def _run(self, inputs: Tensor) -> list[Tensor]:
        net, maps = self.net, []
        x = net.patch_embed(inputs)  # (N, h, w, C)
        grid = (x.shape[1], x.shape[2])
        x = net.norm_pre(self._tokens(x.flatten(1, 2), grid))
        rope = self._rope(grid)
        for i, block in enumerate(net.blocks[: self.out_indices[-1] + 1]):
            if rope is None:
                x = block(x)
            else:
                x = block(x, rope=rope[i] if net.rope_mixed else rope)
            if i in self.out_indices:
                tokens = net.norm(x) if self.norm_outputs else x
                maps.append(tokens[:, net.num_prefix_tokens :].transpose(1, 2).unflatten(2, grid))
        return maps

    def _tokens(self, x: Tensor, grid: tuple[int, int]) -> Tensor:
        """Patches ``(N, h * w, C)`` with their positions, behind class token and registers."""
        net = self.net
        before = [token.expand(x.shape[0], -1, -1) for token in (net.cls_token, net.reg_token) if token is not None]
        if net.pos_embed is None:
            return torch.cat((*before, x), dim=1)
        prefix = 0 if net.no_embed_class else net.num_prefix_tokens
        table = resize_table(net.pos_embed, tuple(net.patch_embed.grid_size), grid, prefix, self.antialias)
        return torch.cat((*before, x + table), dim=1) if net.no_embed_class else torch.cat((*before, x), dim=1) + table

    def _rope(self, grid: tuple[int, int]) -> Tensor | None:
        rope = getattr(self.net, 'rope', None)
        if rope is None:
            return None
        if type(rope).__name__ == 'RotaryEmbeddingDinoV3':
            return rotary_angles(rope.periods, grid)
        return rope.get_embed(shape=grid)


@functools.cache
def _compiled_run() -> Callable[..., list[Tensor]]:
    return torch.compile(FrozenTimmEncoder._run)
