import functools
from math import isqrt

import torch
from mmengine.logging import print_log
from mmpretrain.models import VisionTransformer
from mmpretrain.models.utils import resize_pos_embed
from mmseg.registry import MODELS
from torch import Tensor, nn

from ...errors import CheckpointError, ConfigError, WeightsError
from ...fileio.checksum import tensors_sha256
from ..encoders.trained import first_trained, names_in, train_where_trained
from ..encoders.weights import EncoderWeights, expected_shapes, load_encoder, read_fitting, to_mmpretrain
from ..precision import check_precision, computing_in, resolve_precision

RANDOM, FROM_CHECKPOINT = 'random', 'from_checkpoint'


@MODELS.register_module()
class FrozenVisionTransformer(VisionTransformer):
    """A plain ViT whose weights are loaded exactly and then left alone.

    mmpretrain's ``VisionTransformer`` with VisionFM's settings (LayerNorm eps 1e-6, exact GELU, patch embedding with bias, no layer
    scale, dropout or drop path).  The class token takes part in attention and is dropped from the output maps.

    Frozen means: no parameter requires a gradient, every frozen module is in eval mode whatever ``train()`` is called, the forward
    pass runs under ``torch.no_grad()`` up to the first block with a parameter that is trained.  ``requires_grad`` of the parameters
    decides, whoever sets it (``trainable_blocks``, mmpretrain's ``LoRAModel`` around it, a subclass, a hook).

    Weights load in the constructor, so training, testing, ``init_model`` and resuming all have them, or stop.  Loading a training
    checkpoint on top is checked too: one that brings a different encoder, or part of one, is refused.

    Args:
        weights (str | Path): A VisionFM / iBOT checkpoint (see :func:`~mmseg_fundus.models.encoders.weights.read_encoder` for the layouts);
            ``'random'`` for an untrained encoder; ``'from_checkpoint'`` if a full training checkpoint brings the encoder, in which
            case a forward pass before that is an error.
        checkpoint_key (str): ``'teacher'`` or ``'student'``, for files that hold both.
        allow_unsafe (bool): Unpickle the file without restrictions, which runs code in it.
        arch (str | dict): An mmpretrain ViT arch: ``'base'``, ``'large'``, ``'deit-small'``, or a dict with ``embed_dims``,
            ``num_layers``, ``num_heads``, ``feedforward_channels``.
        patch_size (int): Pixels on the side of a patch.
        pretrain_size (int): Pixels on the side of the pictures the position table was made for.  A file with another square table
            overrides it.
        out_indices (Sequence[int]): Blocks whose output is returned, counted from 0, ascending; negative from the end.
        norm_outputs (bool): Pass each map through the encoder's final LayerNorm, as VisionFM's own decoder does.  Otherwise maps
            are the raw residual stream, the last block's included.
        trainable_blocks (int | str): 0 keeps everything frozen; ``n`` trains the last n of the blocks that run (and the final norm
            if ``norm_outputs``); ``'all'`` trains everything that runs.
        precision (str): Of convolution and matrix products: ``'float32'``, ``'bfloat16'``, or ``'auto'``, bfloat16 where the machine
            computes it natively.  The residual stream, norms and maps are float32 in each case.
        compile (bool): Let ``torch.compile`` translate the encoder when it first runs; takes a while, needs a C++ compiler.

    Shapes:
        Input ``(N, 3, H, W)``, any size; padded at the right and bottom with zeros to multiples of the patch size.
        Output: one ``(N, embed_dims, ceil(H / patch_size), ceil(W / patch_size))`` map for each of ``out_indices``.

    Raises:
        WeightsError: If the weights are missing, unreadable or do not fit.
        ConfigError: If the arguments contradict each other.
    """

    def __init__(
        self,
        weights=None,
        checkpoint_key='teacher',
        allow_unsafe=False,
        arch='base',
        patch_size=16,
        pretrain_size=224,
        out_indices=(2, 5, 8, 11),
        norm_outputs=False,
        trainable_blocks=0,
        precision='float32',
        compile=False,
        init_cfg=None,
        pretrained=None,
    ):
        for name, value in dict(init_cfg=init_cfg, pretrained=pretrained).items():
            if value is not None:
                raise ConfigError(
                    f'FrozenVisionTransformer takes no {name} (mmengine loads that without checking); name the file with '
                    'model.backbone.weights=...'
                )
        if weights is None:
            raise WeightsError(
                'the frozen encoder was given no weights: set model.backbone.weights (or --weights FILE) to a VFM_Fundus_weights.pth, '
                "or to 'random' if an untrained encoder is really meant"
            )
        depth = self.settings(arch)['num_layers']
        indices = [index + depth if index < 0 else index for index in out_indices]
        if not indices or sorted(set(indices)) != indices or not all(0 <= index < depth for index in indices):
            raise ConfigError(f'out_indices={tuple(out_indices)} must be ascending block numbers from 0 to {depth - 1}')
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
        self.trainable_blocks = self._check_trainable(trainable_blocks, indices[-1] + 1)
        self.has_weights = weights == RANDOM
        self.source = None  # EncoderWeights of the file, once read
        self._own = dict(self.named_parameters())  # these, whatever is put around and between them later
        if weights == RANDOM:
            VisionTransformer.init_weights(self)
            nn.init.trunc_normal_(self.cls_token, std=0.02)
        elif weights != FROM_CHECKPOINT:
            self._load_file(weights, checkpoint_key, allow_unsafe)
        self._is_init = True  # mmengine's init_weights() has nothing left to do
        self._loaded = self.fingerprint() if self.source else None
        self._freeze()

    @classmethod
    def settings(cls, arch) -> dict:
        """The sizes of an arch name or dict; raises :class:`ConfigError` for an unknown name or a missing size."""
        if isinstance(arch, str):
            if arch not in cls.arch_zoo:
                raise ConfigError(f'arch={arch!r} is unknown, use one of {", ".join(sorted(cls.arch_zoo))}, or a dict of sizes')
            return cls.arch_zoo[arch]
        missing = {'embed_dims', 'num_layers', 'num_heads', 'feedforward_channels'} - set(arch)
        if missing:
            raise ConfigError(f'arch={dict(arch)} leaves out {", ".join(sorted(missing))}')
        return arch

    @staticmethod
    def _check_trainable(blocks, running: int) -> int:
        if blocks == 'all':
            return running + 1
        if not isinstance(blocks, int) or isinstance(blocks, bool) or not 0 <= blocks <= running:
            raise ConfigError(f"trainable_blocks={blocks!r} must be 'all' or a number from 0 to {running} (the blocks that run)")
        return blocks

    # ---- weights

    @classmethod
    def check_file(
        cls, weights=None, checkpoint_key='teacher', allow_unsafe=False, arch='base', patch_size=16, pretrain_size=224, **kwargs
    ):
        """Whether the constructor would find and fit ``weights``; takes its arguments, raises its errors, builds nothing."""
        if weights in (None, RANDOM, FROM_CHECKPOINT):
            return
        sizes = [cls.settings(arch)[name] for name in ('embed_dims', 'num_layers', 'feedforward_channels')]
        read_fitting(weights, expected_shapes(*sizes, patch_size, (pretrain_size // patch_size) ** 2 + 1), checkpoint_key, allow_unsafe)

    def _load_file(self, weights, checkpoint_key: str, allow_unsafe: bool) -> None:
        expected = expected_shapes(
            self.embed_dims, self.num_layers, self.arch_settings['feedforward_channels'], self.patch_size, self.pos_embed.shape[1]
        )
        found: EncoderWeights = load_encoder(weights, expected, checkpoint_key, allow_unsafe)
        self.load_state_dict({to_mmpretrain(name): tensor for name, tensor in found.tensors.items()}, strict=True)
        dropped = f', {len(found.dropped)} dropped knowingly (head, mask token)' if found.dropped else ''
        notes = ''.join(f'; {note}' for note in found.notes)
        print_log(
            f'{found.path}: {len(expected)}/{len(expected)} encoder tensors loaded from {found.layout}{dropped}{notes}; '
            f'SHA-256 {found.sha256}',
            logger='current',
        )
        found.tensors = {}
        self.source = found

    def own_tensors(self) -> dict:
        """The parameters that a weights file holds, by their names in here as it was built: without adapters that were put in since."""
        return self._own

    @property
    def in_weights_file(self) -> bool:
        """Whether all of :meth:`own_tensors` can be had again from the file: none is trained, replaced or otherwise changed."""
        return self._from_file() and len(names_in(self, self._own)) == len(self._own) and self.fingerprint() == self._loaded

    def _from_file(self) -> bool:
        return self.source is not None and not any(parameter.requires_grad for parameter in self._own.values())

    def fingerprint(self) -> bytes:
        """SHA-256 of :meth:`own_tensors`, names and values (32 bytes): the same for every copy of the same weights."""
        return tensors_sha256(self._own)

    def identity(self) -> dict:
        """What decides the maps of a given input: weights, settings and arithmetic."""
        return {
            'class': f'{type(self).__module__}.{type(self).__qualname__}',
            'fingerprint': self.fingerprint().hex(),
            'heads': self.arch_settings['num_heads'],
            'out_indices': list(self.out_indices),
            'norm_outputs': self.norm_outputs,
            'precision': resolve_precision(self.precision, self.pos_embed.device),
        }

    def map_shape(self, height: int, width: int) -> tuple:
        """``(levels, h, w, channels)`` of the maps of an input of this size in pixels."""
        return len(self.out_indices), -(-height // self.patch_size), -(-width // self.patch_size), self.embed_dims

    def init_weights(self) -> None:
        """Nothing: the constructor loaded the weights, and mmengine must not overwrite them."""
        self._is_init = True

    def _prepare_pos_embed(self, state_dict, prefix, *args, **kwargs) -> None:
        """Before any ``load_state_dict``: take over the position table's grid, refuse a partial or different encoder.

        Replaces mmpretrain's hook of this name, which resizes the table at loading and again in every forward pass.
        """
        mine = {name: self._own[known] for name, known in names_in(self, self._own).items()}
        brought = [name for name in mine if prefix + name in state_dict]
        if not brought:
            return  # a checkpoint without encoder: what the constructor loaded stays
        if len(brought) != len(mine):
            missing = ', '.join([name for name in mine if name not in brought][:3])
            raise CheckpointError(
                f'the checkpoint holds {len(brought)} of {len(mine)} encoder tensors (missing: {missing} ...); it needs all of them or none'
            )
        if self._from_file():
            changed = [name for name in mine if not torch.equal(mine[name].cpu(), state_dict[prefix + name].cpu().to(mine[name].dtype))]
            if changed:
                raise CheckpointError(
                    f'the checkpoint was made with another frozen encoder than {self.source.path} ({len(changed)} of {len(mine)} tensors '
                    "differ). Name the weights file it was trained with, or set model.backbone.weights='from_checkpoint'"
                )
        self.has_weights = True
        table = state_dict.get(prefix + 'pos_embed', self.pos_embed)
        grid = isqrt(table.shape[1] - 1)
        if table.shape != self.pos_embed.shape and table.ndim == 3 and grid * grid == table.shape[1] - 1:
            self.pos_embed = nn.Parameter(self.pos_embed.new_zeros(1, table.shape[1], self.embed_dims), self.pos_embed.requires_grad)
            self._own['pos_embed'] = self.pos_embed
            self.patch_resolution = (grid, grid)
            self.img_size = (grid * self.patch_size,) * 2

    # ---- freezing

    def _trainable_modules(self) -> list:
        running = self.out_indices[-1] + 1
        first = max(running - self.trainable_blocks, 0)
        modules = list(self.layers[first:running]) if self.trainable_blocks else []
        if self.trainable_blocks and self.norm_outputs:
            modules.append(self.ln1)
        if self.trainable_blocks > running:
            modules.append(self.patch_embed)
        return modules

    def _freeze(self) -> None:
        self.requires_grad_(False)
        for module in self._trainable_modules():
            module.requires_grad_(True)
        if self.trainable_blocks > self.out_indices[-1] + 1:
            self.cls_token.requires_grad = self.pos_embed.requires_grad = True
        self.train(self.training)

    def check_trainable(self) -> None:
        """Raise :class:`ConfigError` if a wrapper froze what ``trainable_blocks`` asks to train, as ``LoRAModel`` does."""
        own = {id(parameter) for parameter in self._own.values()}
        asked = [parameter for module in self._trainable_modules() for parameter in module.parameters() if id(parameter) in own]
        if frozen := sum(not parameter.requires_grad for parameter in asked):
            raise ConfigError(
                f'trainable_blocks={self.trainable_blocks} asks to train {len(asked)} tensors of the encoder, but what is around it froze '
                f'{frozen} of them (LoRAModel trains its adapter alone); leave trainable_blocks or the wrapper out'
            )

    def train(self, mode: bool = True):
        """Set what is trained to ``mode``; everything frozen stays in eval mode.  Returns self."""
        return train_where_trained(self, mode)

    # ---- forward

    def _embed(self, x: Tensor):
        x, grid = self.patch_embed(x)
        x = torch.cat((self.cls_token.expand(x.shape[0], -1, -1), x), dim=1)
        return x + resize_pos_embed(self.pos_embed, self.patch_resolution, grid, mode=self.interpolate_mode), grid

    def forward(self, x: Tensor) -> tuple:
        """Encode normalised pictures ``(N, 3, H, W)`` into one map per ``out_indices``; see the class for shapes."""
        if not self.has_weights:
            raise WeightsError(
                "weights='from_checkpoint' but no checkpoint with a full encoder was loaded; load one, or name the weights file"
            )
        self._first_trained = first_trained(self, x) if torch.is_grad_enabled() else None
        run = _compiled_run() if self.compile_encoder else FrozenVisionTransformer._run
        with computing_in(self.precision, x.device):
            return tuple(level.float() for level in run(self, x))

    def _run(self, x: Tensor) -> list:
        running = self.out_indices[-1] + 1
        grad, first = self._first_trained is not None, self._first_trained
        maps = []
        with torch.set_grad_enabled(grad and first < 0):
            x, grid = self._embed(x)
        for i, block in enumerate(self.layers[:running]):
            with torch.set_grad_enabled(grad and i >= first):
                x = block(x)
            if i in self.out_indices:
                with torch.set_grad_enabled(grad):
                    tokens = self.ln1(x) if self.norm_outputs else x
                    maps.append(self._format_output(tokens, grid))
        return maps


@functools.cache
def _compiled_run():
    return torch.compile(FrozenVisionTransformer._run)
