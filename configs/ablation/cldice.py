# Soft centerline Dice besides.
_base_ = './base.py'
model = dict(decode_head=dict(loss_decode=dict(cldice_weight=0.5)))
