# Crops at one scale.
_base_ = './base.py'
train_dataloader = dict(dataset=dict(augmentation=dict(scale=(1.0, 1.0))))
