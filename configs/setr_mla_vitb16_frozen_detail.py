# The one for accuracy: DRIVE at native resolution, a full-resolution detail path (266,578 parameters) beside the frozen encoder.
# All 20 training pictures train and the last epoch is the result: nothing is chosen.  configs/ablation holds four of them out.
_base_ = './setr_mla_vitb16_frozen_native.py'
model = dict(
    backbone=dict(norm_outputs=True),
    decode_head=dict(
        _delete_=True,
        type='VesselDetailHead',
        in_channels=64,
        patch_size=16,
        detail_channels=(16, 32, 48, 48),
        loss_decode=dict(type='VesselLoss'),
    ),
    test_cfg=dict(crop_size=(192, 192), stride=(144, 144), tta=dict(flips=True, turns=False)),
)
train_dataloader = dict(
    sampler=dict(repeats=20, views=120),
    dataset=dict(split='trainval', augmentation=dict(size=(192, 192), rotate=0, scale=(1.0, 1.0))),
)
optim_wrapper = dict(optimizer=dict(lr=4e-3))
train_cfg = dict(max_epochs=44, val_interval=11)  # the validation pictures are among those trained on: a sign of life, no more
default_hooks = dict(checkpoint=dict(save_best=None))
