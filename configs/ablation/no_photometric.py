# No changes of brightness and contrast.
_base_ = './base.py'
train_dataloader = dict(dataset=dict(augmentation=dict(brightness=0.0, contrast=0.0)))
