# What tools/probe_encoder.py trains beside each encoder: the detail config, shortened; the tool sets data, crops and seeds.
_base_ = '../setr_mla_vitb16_frozen_detail.py'
model = dict(
    backbone=dict(_delete_=True, type='FoundationEncoder', weights='weights/VFM_Fundus_weights.pth', norm_outputs=True, precision='auto'),
    test_cfg=dict(tta=False, encoder=None),
)
env_cfg = dict(cudnn_benchmark=False)
train_dataloader = dict(drop_last=True, dataset=dict(split='train'))
val_dataloader = test_dataloader = dict(dataset=dict(split='val'))
train_cfg = dict(max_epochs=4)
default_hooks = dict(checkpoint=dict(interval=1000, max_keep_ckpts=1))
