# FIVES, 600 pictures train, 200 test; its pictures are larger than DRIVE's and so are the crops.
_base_ = './setr_mla_vitb16_frozen_detail.py'
model = dict(test_cfg=dict(crop_size=(512, 512), stride=(384, 384), pixels_per_degree=24.0, encoder=None))
val_dataloader = test_dataloader = dict(
    dataset=dict(type='FIVESVesselDataset', data_root='data/FIVES', val_fraction=0.1),
)
train_dataloader = dict(
    sampler=dict(repeats=2, views=None),  # views of 600 large pictures would be tens of GB of encoder maps
    dataset=dict(
        type='FIVESVesselDataset', data_root='data/FIVES', val_fraction=0.1, augmentation=dict(size=(512, 512), pixels_per_degree=24.0)
    ),
)
