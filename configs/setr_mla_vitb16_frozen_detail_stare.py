# STARE, the first ten pictures train, the last ten test; otherwise as on DRIVE.
_base_ = './setr_mla_vitb16_frozen_detail.py'
train_dataloader = val_dataloader = test_dataloader = dict(
    dataset=dict(type='STAREVesselDataset', data_root='data/STARE', val_fraction=0.2),
)
