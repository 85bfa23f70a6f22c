# Focal loss, gamma 2, in place of the cross entropy.
_base_ = './base.py'
model = dict(decode_head=dict(loss_decode=dict(focal_gamma=2.0)))
