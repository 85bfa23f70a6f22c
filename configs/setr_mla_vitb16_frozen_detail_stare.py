# STARE, the first ten pictures train, the last ten test; half as many as DRIVE's, so twice the crops of each.
_base_ = './setr_mla_vitb16_frozen_detail.py'
val_dataloader = test_dataloader = dict(
    dataset=dict(type='STAREVesselDataset', data_root='data/STARE', val_fraction=0.2),
)
train_dataloader = dict(
    sampler=dict(repeats=80),
    dataset=dict(type='STAREVesselDataset', data_root='data/STARE', val_fraction=0.2),
)
