# Standard normal noise in place of the encoder's maps.
_base_ = './base.py'
model = dict(decode_head=dict(context='noise'))
