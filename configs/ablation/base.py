# What the ablation's rows differ from by one thing each: the detail config, shortened, four training pictures held out and scored.
_base_ = '../setr_mla_vitb16_frozen_detail.py'
model = dict(test_cfg=dict(tta=False, encoder=None))
train_dataloader = dict(dataset=dict(split='train'))
val_dataloader = test_dataloader = dict(dataset=dict(split='val'))
train_cfg = dict(max_epochs=4, val_interval=4)
