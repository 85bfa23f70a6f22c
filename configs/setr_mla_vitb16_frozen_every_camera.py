# The recipe of contrast_unet.py beside the frozen encoder: four data sets, each equally often, at one field angle's scale.
_base_ = './setr_mla_vitb16_frozen_detail.py'
_all = dict(
    _delete_=True,
    type='FundusVessels',
    source=[dict(type=name, root=f'data/{name}') for name in ('DRIVE', 'STARE', 'CHASE_DB1', 'HRF')],
    division=dict(val_fraction=0.2),
)
model = dict(
    data_preprocessor=dict(outside='black'),
    decode_head=dict(loss_decode=dict(ce_weight=1.0, dice_weight=0.0)),
    test_cfg=dict(pixels_per_degree=16.0, encoder=None),
)
_view = dict(
    size=(192, 192), zoom=1.0, pixels_per_degree=16.0, rotate=0, quarter_turns=True, scale=(0.75, 1.3), label_scaling='antialiased'
)
train_dataloader = dict(
    sampler=dict(repeats=12, views=120, draw='balanced'),  # 68 pictures, rounded up: 102 steps an epoch
    dataset=dict(_all, split='trainval', view=dict(_view, look=dict(colour=0.1, gamma=0.1, blur=0.7, noise=4.0))),
)
_tested = dict(_all, test_mode=True, pipeline={{_base_.test_pipeline}})
val_dataloader = dict(dataset=dict(_tested, split='val'))
test_dataloader = dict(dataset=dict(_tested, split='test'))
del _all, _view, _tested
