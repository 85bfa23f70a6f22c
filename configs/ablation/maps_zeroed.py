# Zeros in place of the encoder's maps: the same network without what the encoder says.
_base_ = './base.py'
model = dict(decode_head=dict(context='zeros'))
