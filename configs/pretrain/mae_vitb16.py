# For photographs and no weights: a ViT-B/16 pretrained on them without labels, as a masked autoencoder (He et al. 2021, mmpretrain's).
# encoder.pth in the work folder is a weights file like VisionFM's: --weights work_dirs/mae_vitb16/encoder.pth
_base_ = '../_base_/default_runtime.py'
model = dict(
    type='mmpretrain.MAE',
    data_preprocessor=dict(type='mmseg.FundusDataPreprocessor'),
    backbone=dict(type='mmpretrain.MAEViT', arch='b', patch_size=16, img_size=224, mask_ratio=0.75),
    neck=dict(
        type='mmpretrain.MAEPretrainDecoder', num_patches=196, embed_dim=768, decoder_embed_dim=256, decoder_depth=4, decoder_num_heads=8
    ),
    head=dict(
        type='mmpretrain.MAEPretrainHead',
        norm_pix=True,
        patch_size=16,
        loss=dict(type='mmpretrain.PixelReconstructionLoss', criterion='L2'),
    ),
)
train_dataloader = dict(
    batch_size=64,
    num_workers=8,
    persistent_workers=True,
    sampler=dict(type='ViewSampler'),
    dataset=dict(
        type='FundusPhotographsDataset',
        data_root='data/photographs',
        augmentation=dict(size=(224, 224), zoom=1.0, pixels_per_degree=12.0, rotate=0, quarter_turns=True, scale=(0.7, 1.4), colour=0.1),
    ),
)
optim_wrapper = dict(
    type='OptimWrapper',
    optimizer=dict(type='AdamW', lr=6e-4, betas=(0.9, 0.95), weight_decay=0.05),
    clip_grad=dict(max_norm=1.0),
)
param_scheduler = [
    dict(type='LinearLR', start_factor=1e-3, by_epoch=False, end=200),
    dict(type='CosineAnnealingLR', eta_min=0.0, convert_to_iter_based=True),
]
train_cfg = dict(by_epoch=True, max_epochs=400)
default_hooks = dict(
    _delete_=True,
    timer=dict(type='IterTimerHook'),
    logger=dict(type='LoggerHook', interval=10, log_metric_by_epoch=True),
    param_scheduler=dict(type='ParamSchedulerHook'),
    checkpoint=dict(type='VesselCheckpointHook', interval=50, max_keep_ckpts=1, save_best=None),
    sampler_seed=dict(type='DistSamplerSeedHook'),
    encoder=dict(type='SaveEncoderHook', interval=50),
)
