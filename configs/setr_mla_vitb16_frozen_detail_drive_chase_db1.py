# Two data sets in one training: DRIVE and CHASE_DB1, each brought to 12 pixels a degree by its own angle; both are tested.
_base_ = './setr_mla_vitb16_frozen_detail.py'
_both = dict(
    _delete_=True,
    type='FundusVessels',
    source=[dict(type='DRIVE', root='data/DRIVE'), dict(type='CHASE_DB1', root='data/CHASE_DB1')],
    division=dict(val_fraction=0.2),
)
train_dataloader = dict(
    sampler=dict(repeats=20, draw='balanced'),  # every set equally often; 100 steps an epoch, as of DRIVE alone
    dataset=dict(
        _both,
        split='trainval',
        view=dict(
            **dict(size=(192, 192), zoom=1.0, pixels_per_degree=12.0, rotate=0, quarter_turns=True, scale=(0.9, 1.15)),
            look=dict(brightness=0.2, contrast=0.2, colour=0.1, gamma=0.1, blur=0.7, noise=4.0),
        ),
    ),
)
_tested = dict(_both, test_mode=True, pipeline={{_base_.test_pipeline}})
val_dataloader = dict(dataset=dict(_tested, split='val'))
test_dataloader = dict(dataset=dict(_tested, split='test'))
del _both, _tested
