# mmsegmentation's own MLA neck and head (SETR paper, top-down aggregation, logits at a quarter of the resolution).
_base_ = './setr_mla_vitb16_frozen.py'
model = dict(
    neck=dict(_delete_=True, type='MLANeck', in_channels=[768] * 4, out_channels=256, norm_cfg=dict(type='BN'), act_cfg=dict(type='ReLU')),
    decode_head=dict(
        _delete_=True,
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
        loss_decode=dict(type='VesselLoss'),
    ),
)
