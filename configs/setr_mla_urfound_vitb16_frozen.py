# UrFound (masked autoencoder on fundus photographs and OCT, with texts, ViT-B/16) with the recipe for accuracy on DRIVE.
_base_ = './setr_mla_vitb16_frozen_detail.py'
model = dict(
    backbone=dict(_delete_=True, type='FoundationEncoder', weights='weights/urfound.pth', norm_outputs=True, precision='auto'),
    test_cfg=dict(encoder=None),
)
