# A few minutes on two CPU cores: synthetic pictures, stand-in weights with random contents (both from tools/make_standins.py).
# Only the first four blocks are read: in random weights the deeper ones know no more.
_base_ = './setr_mla_vitb16_frozen_drive.py'
model = dict(
    backbone=dict(weights='weights/standin_vitb16.pth', out_indices=(0, 1, 2, 3), norm_outputs=True),
    test_cfg=dict(size=(320, 320)),
)
train_dataloader = dict(
    sampler=dict(views=6),
    dataset=dict(data_root='data/synthetic', augmentation=dict(size=(320, 320), rotate=5, scale=(0.95, 1.05))),
)
val_dataloader = dict(dataset=dict(data_root='data/synthetic'))
test_dataloader = dict(dataset=dict(data_root='data/synthetic'))
optim_wrapper = dict(optimizer=dict(lr=3e-3))
train_cfg = dict(max_epochs=22, val_interval=5)
default_hooks = dict(checkpoint=dict(interval=22, max_keep_ckpts=1), feature_cache=dict(folder='work_dirs/quickstart_features'))
