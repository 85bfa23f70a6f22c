# DRIVE at native resolution: trained on random crops, predicted by overlapping windows that are blended smoothly.
_base_ = './setr_mla_vitb16_frozen_drive.py'
model = dict(test_cfg=dict(_delete_=True, mode='slide', crop_size=(224, 224), stride=(144, 144), zoom=1.0, window_batch=4))
train_dataloader = dict(
    sampler=dict(repeats=25, views=100),  # crops of each picture in an epoch (16 pictures, 100 steps of 4), and in all
    dataset=dict(augmentation=dict(size=(224, 224), zoom=1.0, quarter_turns=True, rotate=10, scale=(0.9, 1.1))),
)
train_cfg = dict(max_epochs=40, val_interval=2)
default_hooks = dict(checkpoint=dict(interval=5))
