# DRIVE, 20 training pictures of which 4 are held out. Sixteen pictures are four steps an epoch: more epochs, a higher rate than FIVES.
_base_ = './setr_mla_vitb16_frozen.py'
val_dataloader = test_dataloader = dict(
    dataset=dict(type='DRIVEVesselDataset', data_root='data/DRIVE', val_fraction=0.2),
)
train_dataloader = dict(
    sampler=dict(views=60),
    dataset=dict(type='DRIVEVesselDataset', data_root='data/DRIVE', val_fraction=0.2),
)
optim_wrapper = dict(optimizer=dict(lr=1e-3, weight_decay=0))  # Adam's decay, at a higher rate than the guide's, empties layers
train_cfg = dict(max_epochs=300, val_interval=10)
default_hooks = dict(checkpoint=dict(interval=50))
