# The one for accuracy: DRIVE at native resolution, a full-resolution detail path (267,010 parameters) beside the frozen encoder.
# All 20 training pictures train and the last epoch is the result: nothing is chosen.  configs/ablation holds four of them out.
_base_ = './setr_mla_vitb16_frozen_native.py'
model = dict(
    backbone=dict(norm_outputs=True),
    decode_head=dict(
        **dict(_delete_=True, type='VesselDetailHead', detail_channels=(16, 32, 48, 48), local_contrast=33),
        loss_decode=dict(type='VesselLoss'),
    ),
    test_cfg=dict(
        **dict(crop_size=(192, 192), stride=(144, 144), pixels_per_degree=12.0, tta=True),
        encoder=dict(crop_size=(208, 208)),  # sees a picture once, in pieces nearly as large as the crops, for all poses
    ),
)
train_dataloader = dict(
    batch_size=8,
    sampler=dict(repeats=40, views=200),  # 100 steps an epoch
    dataset=dict(
        split='trainval',
        augmentation=dict(size=(192, 192), pixels_per_degree=12.0, rotate=0, scale=(0.9, 1.15), colour=0.1, gamma=0.1, blur=0.7, noise=4.0),
    ),
)
optim_wrapper = dict(optimizer=dict(lr=4e-3))
train_cfg = dict(max_epochs=32, val_interval=8)  # the validation pictures are among those trained on: a sign of life, no more
default_hooks = dict(checkpoint=dict(save_best=None))
