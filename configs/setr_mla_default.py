# The guide's default system: 512 pixels, patch 32, 6 layers, everything trained from scratch (no weights file).
_base_ = './setr_mla_vitb16_frozen.py'
model = dict(
    backbone=dict(
        weights='random',
        trainable_blocks='all',
        arch=dict(num_layers=6),
        patch_size=32,
        pretrain_size=512,
        out_indices=(0, 3, 5),
    ),
    neck=dict(num_levels=3),
    decode_head=dict(patch_size=32),
    test_cfg=dict(size=(512, 512)),
)
train_dataloader = dict(sampler=dict(views=None), dataset=dict(augmentation=dict(size=(512, 512))))
