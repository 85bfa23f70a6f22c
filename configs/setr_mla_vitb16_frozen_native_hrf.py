# HRF, five pictures of each kind (3 of 15 held out), the other 30 for testing; crops at native scale.
_base_ = './setr_mla_vitb16_frozen_native.py'
model = dict(test_cfg=dict(crop_size=(512, 512), stride=(384, 384)))
val_dataloader = test_dataloader = dict(
    dataset=dict(type='HRFVesselDataset', data_root='data/HRF', val_fraction=0.2),
)
train_dataloader = dict(
    sampler=dict(repeats=40, views=160),
    dataset=dict(type='HRFVesselDataset', data_root='data/HRF', val_fraction=0.2, augmentation=dict(size=(512, 512))),
)
