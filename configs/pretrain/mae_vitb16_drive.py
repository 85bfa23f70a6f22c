# The same on DRIVE's 20 training photographs alone; no test photograph is seen.
_base_ = './mae_vitb16.py'
train_dataloader = dict(
    batch_size=256,
    num_workers=16,
    sampler=dict(repeats=256),  # views of each picture in an epoch: 20 steps
    dataset=dict(type='DRIVEVesselDataset', data_root='data/DRIVE', split='trainval'),  # its labels are read and not looked at
)
train_cfg = dict(max_epochs=100)
