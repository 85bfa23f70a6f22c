import functools
from collections.abc import Callable, Sequence
from math import isqrt
from typing import TYPE_CHECKING, Any, TypedDict

import torch
from mmpretrain.models import VisionTransformer
from mmpretrain.models.utils import resize_pos_embed
from mmseg.registry import MODELS
from torch import Tensor, nn
from typing_extensions import Unpack

from ...components import refuse_unknown
from ...errors import ConfigError, WeightsError
from ..encoders.adapt import is_adapted
from ..encoders.frozen import FrozenEncoder
from ..encoders.trained import checked_indices, checked_trainable, first_trained
from ..encoders.vit import Shapes, expected_shapes, to_mmpretrain
from ..encoders.weights import FROM_CHECKPOINT, RANDOM, check_given, load_encoder, read_encoder, read_fitting, weights_of
from ..precision import check_precision, computing_in, resolve_precision

SIZES = ('embed_dims', 'num_layers', 'num_heads', 'feedforward_channels')  # of an arch


class OldArguments(TypedDict, total=False):
    """Arguments that configs of before may have: beside ``weights`` what is in it now, and mmengine's ways of loading, refused."""

    checkpoint_key: str
    allow_unsafe: bool
    init_cfg: Any
    pretrained: Any


@MODELS.register_module()
class FrozenVisionTransformer(FrozenEncoder, VisionTransformer):
    """A plain ViT whose weights are loaded exactly and then left alone.

    mmpretrain's ``VisionTransformer`` with VisionFM's settings (LayerNorm eps 1e-6, exact GELU, patch embedding with bias, no layer
    scale, dropout or drop path).  The class token takes part in attention and is dropped from the output maps.

    Frozen means: no parameter requires a gradient, every frozen module is in eval mode whatever ``train()`` is called, the forward
    pass runs under ``torch.no_grad()`` up to the first block with a parameter that is trained.  ``requires_grad`` of the parameters
    decides, whoever sets it (``trainable_blocks``, mmpretrain's ``LoRAModel`` around it, a subclass, a hook).

    Weights load in the constructor, so training, testing, ``init_model`` and resuming all have them, or stop.  Loading a training
    checkpoint on top is checked too: one that brings a different encoder, or part of one, is refused.

    Args:
        weights (str | Path | dict): A VisionFM / iBOT checkpoint (:data:`~mmseg_fundus.models.encoders.layouts.LAYOUTS` has the families);
            ``'random'`` for an untrained encoder; ``'from_checkpoint'`` if a full training checkpoint brings the encoder, in which
            case a forward pass before that is an error.  ``dict(file=..., key='student', allow_unsafe=True)`` says which branch of a
            file that holds two, and that the file may be unpickled without restrictions, which runs code in it (``_delete_=True`` in it
            where a config inherits a name).
        arch (str | dict, optional): An mmpretrain ViT arch: ``'base'``, ``'large'``, ``'deit-small'``, or a dict with ``embed_dims``,
            ``num_layers``, ``num_heads``, ``feedforward_channels``.  The file's by default, ``'base'`` without a file.
        patch_size (int, optional): Pixels on the side of a patch; the file's by default, or 16.
        pretrain_size (int, optional): Pixels on the side of the pictures the position table was made for; the file's by default, or 224.
            A file with another square table overrides it.
        out_indices (Sequence[int], optional): Blocks whose output is returned, counted from 0, ascending; negative from the end.  By
            default the last of each quarter: (2, 5, 8, 11) of 12.
        norm_outputs (bool): Pass each map through the encoder's final LayerNorm, as VisionFM's own decoder does.  Otherwise maps
            are the raw residual stream, the last block's included.
        trainable_blocks (int | str): 0 keeps everything frozen; ``n`` trains the last n of the blocks that run (and the final norm
            if ``norm_outputs``); ``'all'`` trains everything that runs.
        precision (str): Of convolution and matrix products: ``'float32'``, ``'bfloat16'``, or ``'auto'``, bfloat16 where the machine
            computes it natively.  The residual stream, norms and maps are float32 in each case.
        compile (bool): Let ``torch.compile`` translate the encoder when it first runs; takes a while, needs a C++ compiler.
        adapt (dict): ``dict(type='LoRA', rank=8, targets=('qkv', 'proj'))`` trains small matrices beside the frozen weights, see
            :class:`~mmseg_fundus.models.encoders.adapt.LoRA`; not together with ``trainable_blocks``.
        **old: ``checkpoint_key`` (``'teacher'``), ``allow_unsafe``: as ``key`` and ``allow_unsafe`` in ``weights``.

    Shapes:
        Input ``(N, 3, H, W)``, any size; padded at the right and bottom with zeros to multiples of the patch size.
        Output: one ``(N, embed_dims, ceil(H / patch_size), ceil(W / patch_size))`` map for each of ``out_indices``.

    Raises:
        WeightsError: If the weights are missing, unreadable or do not fit.
        ConfigError: If the arguments contradict each other.
    """

    if TYPE_CHECKING:  # what mmpretrain's constructor sets; torch.jit.trace would read these annotations, too
        arch_settings: dict[str, int]
        arch_zoo: dict[str, dict[str, int]]
        out_indices: list[int]
        img_size: tuple[int, ...]
        patch_resolution: tuple[int, int]
        interpolate_mode: str
        cls_token: nn.Parameter
        pos_embed: nn.Parameter
        patch_embed: nn.Module
        layers: nn.ModuleList
        ln1: nn.Module
        _format_output: Callable[[Tensor, tuple[int, int]], Tensor]

    def __init__(
        self,
        weights: str | dict[str, Any] | None = None,
        arch: str | dict[str, int] | None = None,
        patch_size: int | None = None,
        pretrain_size: int | None = None,
        out_indices: Sequence[int] | None = None,
        norm_outputs: bool = False,
        trainable_blocks: int | str = 0,
        precision: str = 'float32',
        compile: bool = False,
        adapt: dict[str, Any] | None = None,
        **old: Unpack[OldArguments],
    ) -> None:
        refuse_unknown(type(self).__name__, old, OldArguments)
        for name in ('init_cfg', 'pretrained'):
            if old.get(name) is not None:
                raise ConfigError(
                    f'FrozenVisionTransformer takes no {name} (mmengine loads that without checking); name the file with '
                    'model.backbone.weights=...'
                )
        file, key, allow_unsafe = weights_of(weights, old.get('checkpoint_key', 'teacher'), old.get('allow_unsafe', False))
        check_given(type(self).__name__, file)
        arch, patch_size, pretrain_size = self._completed(file, key, allow_unsafe, arch, patch_size, pretrain_size)
        indices = checked_indices(out_indices, self.sizes(arch)['num_layers'])
        super().__init__(
            arch=arch,
            img_size=pretrain_size,
            patch_size=patch_size,
            out_indices=indices,
            norm_cfg=dict(type='LN', eps=1e-6),
            out_type='featmap',
            final_norm=True,
        )
        self.patch_size = patch_size
        self.norm_outputs = norm_outputs
        self.precision = check_precision('FrozenVisionTransformer', precision)
        self.compile_encoder = compile
        self.trainable_blocks = checked_trainable(trainable_blocks, indices[-1] + 1)
        self._remember()  # these tensors, whatever is put around and between them later
        self.has_weights = file != FROM_CHECKPOINT
        if file == RANDOM:
            VisionTransformer.init_weights(self)
            nn.init.trunc_normal_(self.cls_token, std=0.02)
        elif file != FROM_CHECKPOINT:
            expected = self._expected(self.arch_settings, patch_size, self.pos_embed.shape[1])
            found = load_encoder(file, expected, key, allow_unsafe)
            self._take(found, {to_mmpretrain(name): tensor for name, tensor in found.tensors.items()})
        self._is_init = True  # mmengine's init_weights() has nothing left to do
        self.adapt = adapt
        self.freeze(self._trained_parts(), f'trainable_blocks={self.trainable_blocks}', adapt)

    @classmethod
    def sizes(cls, arch: str | dict[str, int]) -> dict[str, int]:
        """The sizes of an arch name or dict; raises :class:`ConfigError` for an unknown name or a missing size."""
        if isinstance(arch, str):
            if arch not in cls.arch_zoo:
                raise ConfigError(f'arch={arch!r} is unknown, use one of {", ".join(sorted(cls.arch_zoo))}, or a dict of sizes')
            return cls.arch_zoo[arch]
        missing = set(SIZES) - set(arch)
        if missing:
            raise ConfigError(f'arch={dict(arch)} leaves out {", ".join(sorted(missing))}')
        return arch

    @classmethod
    def _completed(
        cls,
        file: Any,
        key: str,
        allow_unsafe: bool,
        arch: str | dict[str, int] | None,
        patch_size: int | None,
        pretrain_size: int | None,
    ) -> tuple[str | dict[str, int], int, int]:
        """Arch, patch size and size of pretraining, those that are ``None`` as the file has them."""
        if None in (arch, patch_size, pretrain_size) and file not in (None, RANDOM, FROM_CHECKPOINT):
            seen = read_encoder(file, key, allow_unsafe).architecture
            if seen is not None and not seen.plain and arch is None:
                raise WeightsError(
                    f'{file} holds a {seen.in_words}, FrozenVisionTransformer computes plain ViTs alone; set '
                    "model.backbone.type='FoundationEncoder', which takes both"
                )
            if seen is not None and seen.plain:
                sizes = (seen.width, seen.depth, seen.heads, seen.feedforward)
                arch = arch or dict(zip(SIZES, sizes))
                patch_size = patch_size or seen.patch
                pretrain_size = pretrain_size or seen.options.get('img_size')
        return arch or 'base', patch_size or 16, pretrain_size or 224

    @staticmethod
    def _expected(sizes: dict[str, int], patch_size: int, num_tokens: int) -> Shapes:
        return expected_shapes(sizes['embed_dims'], sizes['num_layers'], sizes['feedforward_channels'], patch_size, num_tokens)

    @classmethod
    def check_file(
        cls,
        weights: str | dict[str, Any] | None = None,
        checkpoint_key: str = 'teacher',
        allow_unsafe: bool = False,
        arch: str | dict[str, int] | None = None,
        patch_size: int | None = None,
        pretrain_size: int | None = None,
        **settings: Any,
    ) -> None:
        """Whether the constructor would find and fit ``weights``; takes its arguments, raises its errors, builds nothing."""
        file, key, allow_unsafe = weights_of(weights, checkpoint_key, allow_unsafe)
        if file not in (None, RANDOM, FROM_CHECKPOINT):
            arch, patch_size, pretrain_size = cls._completed(file, key, allow_unsafe, arch, patch_size, pretrain_size)
            expected = cls._expected(cls.sizes(arch), patch_size, (pretrain_size // patch_size) ** 2 + 1)
            read_fitting(file, expected, key, allow_unsafe)

    # ---- the contract

    @property
    def levels(self) -> int:  # type: ignore[override]  # follows out_indices
        return len(self.out_indices)

    def identity(self) -> dict[str, Any] | None:
        """What decides the maps of a given input: weights, settings and arithmetic; ``None`` with an adapter, which training changes."""
        if is_adapted(self):
            return None
        return {
            'class': f'{type(self).__module__}.{type(self).__qualname__}',
            'fingerprint': self.fingerprint().hex(),
            'heads': self.arch_settings['num_heads'],
            'out_indices': list(self.out_indices),
            'norm_outputs': self.norm_outputs,
            'precision': resolve_precision(self.precision, self.pos_embed.device),
        }

    def without_file(self) -> dict[str, Any]:
        """Arch and patch size, see :meth:`.FrozenEncoder.without_file`; nothing for a ViT-B/16."""
        own = {key: self.arch_settings[key] for key in SIZES}
        arch = max((name for name, sizes in self.arch_zoo.items() if sizes == own), key=len, default=own)
        usual = own == self.arch_zoo['base'] and self.patch_size == 16
        return {} if usual else dict(type='FrozenVisionTransformer', arch=arch, patch_size=self.patch_size)

    def make_plain(self) -> None:
        """From now on compute in float32 and uncompiled."""
        self.precision, self.compile_encoder = 'float32', False

    def init_weights(self) -> None:
        self._is_init = True

    def _prepare_pos_embed(self, state_dict: dict[str, Tensor], prefix: str, *args: Any, **kwargs: Any) -> None:
        """Before any ``load_state_dict``: take over the position table's grid.

        Replaces mmpretrain's hook of this name, which resizes the table at loading and again in every forward pass.
        """
        table = state_dict.get(prefix + 'pos_embed', self.pos_embed)
        grid = isqrt(table.shape[1] - 1)
        if table.shape != self.pos_embed.shape and table.ndim == 3 and grid * grid == table.shape[1] - 1:
            self.pos_embed = nn.Parameter(self.pos_embed.new_zeros(1, table.shape[1], self.embed_dims), self.pos_embed.requires_grad)
            if self._own is not None:
                self._own['pos_embed'] = self.pos_embed
            self.patch_resolution = (grid, grid)
            self.img_size = (grid * self.patch_size,) * 2

    def _trained_parts(self) -> list[nn.Module | nn.Parameter]:
        running = self.out_indices[-1] + 1
        first = max(running - self.trainable_blocks, 0)
        parts: list[nn.Module | nn.Parameter] = list(self.layers[first:running]) if self.trainable_blocks else []
        if self.trainable_blocks and self.norm_outputs:
            parts.append(self.ln1)
        if self.trainable_blocks > running:
            parts += [self.patch_embed, self.cls_token, self.pos_embed]
        return parts

    # ---- forward

    def _embed(self, x: Tensor) -> tuple[Tensor, tuple[int, int]]:
        x, grid = self.patch_embed(x)
        x = torch.cat((self.cls_token.expand(x.shape[0], -1, -1), x), dim=1)
        return x + resize_pos_embed(self.pos_embed, self.patch_resolution, grid, mode=self.interpolate_mode), grid

    def encode(self, inputs: Tensor) -> tuple[Tensor, ...]:
        """One map for each of ``out_indices``; see the class for shapes."""
        self._first_trained = first_trained(self, inputs) if torch.is_grad_enabled() else None
        run = _compiled_run() if self.compile_encoder else FrozenVisionTransformer._run
        with computing_in(self.precision, inputs.device):
            return tuple(level.float() for level in run(self, inputs))

    def _run(self, x: Tensor) -> list[Tensor]:
        running = self.out_indices[-1] + 1
        first = self._first_trained
        maps = []
        with torch.set_grad_enabled(first is not None and first < 0):
            x, grid = self._embed(x)
        for i, block in enumerate(self.layers[:running]):
            with torch.set_grad_enabled(first is not None and i >= first):
                x = block(x)
            if i in self.out_indices:
                with torch.set_grad_enabled(first is not None):
                    tokens = self.ln1(x) if self.norm_outputs else x
                    maps.append(self._format_output(tokens, grid))
        return maps


@functools.cache
def _compiled_run() -> Callable[[FrozenVisionTransformer, Tensor], list[Tensor]]:
    return torch.compile(FrozenVisionTransformer._run)
