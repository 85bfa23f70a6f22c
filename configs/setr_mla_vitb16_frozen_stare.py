# STARE, first ten pictures (two of them held out), last ten for testing; whole pictures at 224.
_base_ = './setr_mla_vitb16_frozen_drive.py'
train_dataloader = val_dataloader = test_dataloader = dict(
    dataset=dict(type='STAREVesselDataset', data_root='data/STARE', val_fraction=0.2),
)
