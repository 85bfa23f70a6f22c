# CHASE_DB1, children 1 to 10 train, 11 to 14 test; otherwise as on DRIVE.
_base_ = './setr_mla_vitb16_frozen_detail.py'
train_dataloader = val_dataloader = test_dataloader = dict(
    dataset=dict(type='ChaseDB1VesselDataset', data_root='data/CHASE_DB1', val_fraction=0.2),
)
