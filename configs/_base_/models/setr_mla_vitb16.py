# picture -> frozen ViT-B/16 (4 maps, 768 channels) -> MLA fusion (64) -> 4 upsampling stages -> logits at input resolution
model = dict(
    type='VesselSegmentor',
    precision='auto',  # of neck and head: bfloat16 where the machine computes it natively, else float32
    data_preprocessor=dict(type='FundusDataPreprocessor'),  # with the mean and std of the encoder's family
    backbone=dict(
        type='FrozenVisionTransformer',
        weights='weights/VFM_Fundus_weights.pth',
        arch=dict(embed_dims=768, num_layers=12, num_heads=12, feedforward_channels=3072),
        patch_size=16,
        out_indices=(2, 5, 8, 11),
        precision='auto',
    ),
    neck=dict(type='MLAFusionNeck', in_channels=None, channels=64, num_levels=None, fusion='sum'),  # None follows the encoder
    decode_head=dict(
        type='VesselUpsamplingHead',
        in_channels=64,
        patch_size=None,
        loss_decode=dict(type='VesselLoss', ce_weight=1.0, dice_weight=1.0),
    ),
    test_cfg=dict(mode='whole', size=(224, 224)),
)
