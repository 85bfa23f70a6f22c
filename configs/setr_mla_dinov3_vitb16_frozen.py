# DINOv3 (photographs of all kinds, ViT-B/16) with the recipe for accuracy on DRIVE; its licence is Meta's own.
_base_ = './setr_mla_vitb16_frozen_detail.py'
model = dict(
    backbone=dict(
        _delete_=True,
        type='FoundationEncoder',
        weights='weights/dinov3_vitb16_pretrain_lvd1689m-73cec8be.pth',
        norm_outputs=True,
        precision='auto',
    ),
    test_cfg=dict(encoder=None),
)
