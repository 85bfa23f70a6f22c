"""What is compared: ours, stock mmsegmentation parts, and the guide's system as it behaves on the VFM file."""

import torch
from mmengine.config import ConfigDict
from mmengine.optim import build_optim_wrapper
from mmengine.structures import PixelData
from mmseg.registry import MODELS
from mmseg.structures import SegDataSample

SLIDE = ConfigDict(mode='slide', crop_size=(224, 224), stride=(144, 144))
BLOCKS = (2, 5, 8, 11)


def _paper_decoder(loss: dict) -> dict:
    """mmsegmentation's own MLA neck and head on ViT-B maps."""
    return dict(
        neck=dict(type='MLANeck', in_channels=[768] * 4, out_channels=256, norm_cfg=dict(type='BN'), act_cfg=dict(type='ReLU')),
        decode_head=dict(
            type='SETRMLAHead',
            in_channels=(256, 256, 256, 256),
            in_index=(0, 1, 2, 3),
            channels=512,
            mla_channels=128,
            num_classes=2,
            out_channels=2,
            dropout_ratio=0,
            norm_cfg=dict(type='BN'),
            align_corners=False,
            loss_decode=loss,
        ),
    )


def _our_decoder(levels: int) -> dict:
    return dict(
        neck=dict(type='MLAFusionNeck', in_channels=768, channels=64, num_levels=levels),
        decode_head=dict(type='VesselUpsamplingHead', in_channels=64, patch_size=16, loss_decode=dict(type='VesselLoss')),
    )


def stock():
    """mmpretrain's ViT-B/16 with every stage frozen, mmsegmentation's MLA neck and head, float32."""
    return MODELS.build(
        dict(
            type='EncoderDecoder',
            data_preprocessor=dict(type='FundusDataPreprocessor'),
            backbone=dict(type='mmpretrain.VisionTransformer', arch='base', out_indices=BLOCKS, out_type='featmap', frozen_stages=12),
            **_paper_decoder(dict(type='CrossEntropyLoss', avg_non_ignore=True)),
            test_cfg=SLIDE,
        )
    )


def ours(encoder: str = 'float32', decoder: str = 'float32', paper: bool = False, weights: str = 'random'):
    """Our segmentor, the two precisions, with mmsegmentation's neck and head (``paper``) or ours."""
    return MODELS.build(
        dict(
            type='VesselSegmentor',
            precision=decoder,
            data_preprocessor=dict(type='FundusDataPreprocessor'),
            backbone=dict(type='FrozenVisionTransformer', weights=weights, out_indices=BLOCKS, precision=encoder),
            **(_paper_decoder(dict(type='VesselLoss')) if paper else _our_decoder(4)),
            test_cfg=SLIDE,
        )
    )


def guide():
    """The guide's SETR-main on the VFM file: nothing loads, so that the whole encoder is trained; its three-level decoder."""
    return MODELS.build(
        dict(
            type='VesselSegmentor',
            data_preprocessor=dict(type='FundusDataPreprocessor'),
            backbone=dict(type='FrozenVisionTransformer', weights='random', out_indices=(0, 6, 11), trainable_blocks='all'),
            **_our_decoder(3),
            test_cfg=SLIDE,
        )
    )


def optimizer(model):
    """Adam on what a model trains."""
    constructor = 'TrainableOptimWrapperConstructor' if hasattr(model, 'slim_state_dict') else 'DefaultOptimWrapperConstructor'
    return build_optim_wrapper(model, dict(constructor=constructor, optimizer=dict(type='Adam', lr=1e-4)))


def batch(number: int, size: int, seed: int = 0) -> dict:
    """A training batch of random pixels and labels, as a data loader hands it out."""
    generator = torch.Generator().manual_seed(seed)
    samples = []
    for _ in range(number):
        sample = SegDataSample(metainfo=dict(img_shape=(size, size), ori_shape=(size, size)))
        sample.gt_sem_seg = PixelData(data=(torch.rand(1, size, size, generator=generator) < 0.1).long())
        samples.append(sample)
    pictures = [torch.randint(256, (3, size, size), generator=generator, dtype=torch.uint8) for _ in range(number)]
    return dict(inputs=pictures, data_samples=samples)
