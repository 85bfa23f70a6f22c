# The detail config with LoRA in the encoder's attention, at a tenth of the decoder's rate.  No maps are kept: each step runs the encoder.
_base_ = './setr_mla_vitb16_frozen_detail.py'
model = dict(backbone=dict(adapt=dict(type='LoRA', rank=8, targets=('qkv', 'proj'))))
optim_wrapper = dict(paramwise_cfg=dict(custom_keys={'backbone': dict(lr_mult=0.1)}))
