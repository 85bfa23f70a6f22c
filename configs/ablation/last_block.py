# Only the last block is read.
_base_ = './base.py'
model = dict(backbone=dict(out_indices=(11,)), neck=dict(num_levels=1))
