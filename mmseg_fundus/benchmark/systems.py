"""What is compared: ours, stock mmsegmentation parts, and the guide's system as it behaves on the VFM file."""

from pathlib import Path
from typing import Any

import torch
from mmengine.config import Config, ConfigDict
from mmengine.optim import OptimWrapper, build_optim_wrapper
from mmengine.structures import PixelData
from mmseg.models import EncoderDecoder
from mmseg.registry import MODELS
from mmseg.structures import SegDataSample

from ..models import VesselSegmentor

CONFIGS = Path(__file__).resolve().parents[2] / 'configs'


def _config(name: str, **backbone: Any) -> ConfigDict:
    """The model of a shipped config, in float32."""
    model = Config.fromfile(str(CONFIGS / f'{name}.py')).model
    model.precision = 'float32'
    model.backbone.update(dict(weights='random', precision='float32', **backbone))
    return model


def stock() -> EncoderDecoder:
    """mmpretrain's ViT-B/16 with every stage frozen, mmsegmentation's MLA neck and head, float32."""
    model = _config('setr_mla_vitb16_frozen_paper')
    blocks = model.backbone.out_indices
    model.backbone = dict(type='mmpretrain.VisionTransformer', arch='base', out_indices=blocks, out_type='featmap', frozen_stages=12)
    model.decode_head.loss_decode = dict(type='CrossEntropyLoss', avg_non_ignore=True)
    model.type, model.test_cfg = 'EncoderDecoder', _config('setr_mla_vitb16_frozen_native').test_cfg
    del model.precision
    return MODELS.build(model)


def ours(encoder: str = 'float32', decoder: str = 'float32', paper: bool = False, weights: str = 'random') -> VesselSegmentor:
    """Our segmentor, the two precisions, with mmsegmentation's neck and head (``paper``) or ours."""
    model = _config('setr_mla_vitb16_frozen_paper' if paper else 'setr_mla_vitb16_frozen_native')
    model.precision, model.backbone.precision, model.backbone.weights = decoder, encoder, weights
    return MODELS.build(model)


def guide() -> VesselSegmentor:
    """The guide's SETR-main on the VFM file: nothing loads, so that the whole encoder is trained; its three-level decoder."""
    model = _config('setr_mla_vitb16_frozen_native', out_indices=(0, 6, 11), trainable_blocks='all')
    model.neck.num_levels = 3
    return MODELS.build(model)


def optimizer(model: EncoderDecoder) -> OptimWrapper:
    """Adam on what a model trains."""
    constructor = 'TrainableOptimWrapperConstructor' if hasattr(model, 'slim_state_dict') else 'DefaultOptimWrapperConstructor'
    return build_optim_wrapper(model, dict(constructor=constructor, optimizer=dict(type='Adam', lr=1e-4)))


def batch(number: int, size: int, seed: int = 0) -> dict[str, Any]:
    """A training batch of random pixels and labels, as a data loader hands it out."""
    generator = torch.Generator().manual_seed(seed)
    samples = []
    for _ in range(number):
        sample = SegDataSample(metainfo=dict(img_shape=(size, size), ori_shape=(size, size)))
        sample.gt_sem_seg = PixelData(data=(torch.rand(1, size, size, generator=generator) < 0.1).long())
        samples.append(sample)
    pictures = [torch.randint(256, (3, size, size), generator=generator, dtype=torch.uint8) for _ in range(number)]
    return dict(inputs=pictures, data_samples=samples)
