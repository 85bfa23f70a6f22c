# FIVES, 600 pictures (60 held out), 200 for testing; crops at native scale.
_base_ = './setr_mla_vitb16_frozen_native.py'
model = dict(test_cfg=dict(crop_size=(512, 512), stride=(384, 384)))
val_dataloader = test_dataloader = dict(
    dataset=dict(type='FIVESVesselDataset', data_root='data/FIVES', val_fraction=0.1),
)
train_dataloader = dict(
    sampler=dict(repeats=4, views=None),  # 16 views of each would be 64 GB of encoder maps
    dataset=dict(type='FIVESVesselDataset', data_root='data/FIVES', val_fraction=0.1, augmentation=dict(size=(512, 512))),
)
