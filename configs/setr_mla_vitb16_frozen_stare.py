# STARE, first ten pictures (two of them held out), last ten for testing; whole pictures at 224.
_base_ = './setr_mla_vitb16_frozen_drive.py'
data = dict(type='STAREVesselDataset', data_root='data/STARE', val_fraction=0.2)
train_dataloader = dict(dataset=dict(**data))
val_dataloader = dict(dataset=dict(**data))
test_dataloader = dict(dataset=dict(**data))
