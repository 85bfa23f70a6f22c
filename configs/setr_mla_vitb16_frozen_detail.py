# DRIVE at native resolution with a full-resolution detail path beside the frozen encoder: the one for accuracy.
_base_ = './setr_mla_vitb16_frozen_native.py'
model = dict(
    backbone=dict(norm_outputs=True),
    decode_head=dict(
        _delete_=True,
        type='VesselDetailHead',
        in_channels=64,
        patch_size=16,
        detail_channels=(12, 24, 48, 48),
        loss_decode=dict(type='VesselLoss'),
    ),
)
train_dataloader = dict(dataset=dict(augmentation=dict(rotate=0, scale=(1.0, 1.0))))
optim_wrapper = dict(optimizer=dict(lr=3e-3))
train_cfg = dict(max_epochs=30, val_interval=5)
