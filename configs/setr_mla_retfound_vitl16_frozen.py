# RETFound (masked autoencoder on fundus photographs, ViT-L/16) with the recipe for accuracy on DRIVE.
_base_ = './setr_mla_vitb16_frozen_detail.py'
model = dict(
    backbone=dict(
        _delete_=True, type='FoundationEncoder', weights='weights/RETFound_mae_natureCFP.pth', norm_outputs=True, precision='auto'
    ),
    test_cfg=dict(encoder=None),
)
