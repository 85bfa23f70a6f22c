# HRF, five pictures of each kind train, the other 30 test; its pictures are larger than DRIVE's and so are the crops.
_base_ = './setr_mla_vitb16_frozen_detail.py'
model = dict(test_cfg=dict(crop_size=(512, 512), stride=(384, 384), pixels_per_degree=24.0, encoder=None))
val_dataloader = test_dataloader = dict(
    dataset=dict(type='HRFVesselDataset', data_root='data/HRF', val_fraction=0.2),
)
train_dataloader = dict(
    sampler=dict(repeats=27, views=120),
    dataset=dict(
        type='HRFVesselDataset', data_root='data/HRF', val_fraction=0.2, augmentation=dict(size=(512, 512), pixels_per_degree=24.0)
    ),
)
