# The look of the training pictures is left as it is: no changes of brightness, contrast, colour, sharpness, noise.
_base_ = './base.py'
train_dataloader = dict(dataset=dict(augmentation=dict(brightness=0.0, contrast=0.0, colour=0.0, gamma=0.0, blur=0.0, noise=0.0)))
