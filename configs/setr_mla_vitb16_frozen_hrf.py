# HRF, five pictures of each kind (3 of 15 held out), the other 30 for testing; whole pictures at 224.
_base_ = './setr_mla_vitb16_frozen_drive.py'
train_dataloader = val_dataloader = test_dataloader = dict(
    dataset=dict(type='HRFVesselDataset', data_root='data/HRF', val_fraction=0.2),
)
