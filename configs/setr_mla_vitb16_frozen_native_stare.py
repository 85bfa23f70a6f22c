# STARE, first ten pictures (two of them held out), last ten for testing; crops at native scale.
_base_ = './setr_mla_vitb16_frozen_native.py'
train_dataloader = val_dataloader = test_dataloader = dict(
    dataset=dict(type='STAREVesselDataset', data_root='data/STARE', val_fraction=0.2),
)
