# DRIVE, 20 training pictures of which 4 are held out.
_base_ = './setr_mla_vitb16_frozen.py'
drive = dict(type='DRIVEVesselDataset', data_root='data/DRIVE', val_fraction=0.2)
train_dataloader = dict(dataset=dict(**drive))
val_dataloader = dict(dataset=dict(**drive))
test_dataloader = dict(dataset=dict(**drive))
