# The detail path sees the picture alone, without its local contrast.
_base_ = './base.py'
model = dict(decode_head=dict(local_contrast=None))
