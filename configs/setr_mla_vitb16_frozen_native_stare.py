# STARE, first ten pictures (two of them held out), last ten for testing; crops at native scale.
_base_ = './setr_mla_vitb16_frozen_native.py'
data = dict(type='STAREVesselDataset', data_root='data/STARE', val_fraction=0.2)
train_dataloader = dict(dataset=dict(**data))
val_dataloader = dict(dataset=dict(**data))
test_dataloader = dict(dataset=dict(**data))
