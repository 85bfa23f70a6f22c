# The detail path alone, without the convolutions that join the maps (197,698 parameters; the idle neck is counted, but not trained).
_base_ = './base.py'
model = dict(decode_head=dict(context='none'))
find_unused_parameters = True  # the neck, with several processes
