# A native pixel covers 2x2 input pixels.
_base_ = './base.py'
model = dict(test_cfg=dict(zoom=2.0))
train_dataloader = dict(dataset=dict(augmentation=dict(zoom=2.0)))
