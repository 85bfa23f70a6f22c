# One model for every camera: DRIVE, STARE, CHASE_DB1 and HRF in one training, each equally often; all four are tested.
_base_ = './contrast_unet_drive.py'
_all = dict(
    _delete_=True,
    type='FundusVessels',
    source=[dict(type=name, root=f'data/{name}') for name in ('DRIVE', 'STARE', 'CHASE_DB1', 'HRF')],
    division=dict(val_fraction=0.2),
)
train_dataloader = dict(
    sampler=dict(repeats=13, draw='balanced'),  # 68 pictures, rounded up: 111 steps an epoch
    dataset=dict(_all, split='trainval', view={{_base_.train_dataloader.dataset.view}}),
)
_tested = dict(_all, test_mode=True, pipeline={{_base_.test_pipeline}})
val_dataloader = dict(dataset=dict(_tested, split='val'))
test_dataloader = dict(dataset=dict(_tested, split='test'))
del _all, _tested
