# One model for every camera: DRIVE, STARE, CHASE_DB1 and HRF in one training, each equally often; all four are tested.
# It sees colours too, and few scales: so it can tell whose camera it was, and draw the vessels that its observer draws.
_base_ = './contrast_unet_drive.py'
_all = [dict(type=name, root=f'data/{name}') for name in ('DRIVE', 'STARE', 'CHASE_DB1', 'HRF')]
model = dict(decode_head=dict(sees='picture'))
train_dataloader = dict(
    sampler=dict(repeats=13, draw='balanced'),  # 68 pictures, rounded up: 111 steps an epoch
    dataset=dict(source=_all, view=dict(scale=(0.75, 1.3))),
)
train_cfg = dict(max_epochs=90, val_interval=30)
val_dataloader = test_dataloader = dict(dataset=dict(source=_all))
del _all
