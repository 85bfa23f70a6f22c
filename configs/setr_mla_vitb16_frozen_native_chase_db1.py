# CHASE_DB1, children 1 to 10 (4 of 20 pictures held out), 11 to 14 for testing; crops at native scale.
_base_ = './setr_mla_vitb16_frozen_native.py'
train_dataloader = val_dataloader = test_dataloader = dict(
    dataset=dict(type='ChaseDB1VesselDataset', data_root='data/CHASE_DB1', val_fraction=0.2),
)
