# FIVES; a tenth of the training pictures is held out for validation.
_base_ = '../default_runtime.py'

train_dataloader = dict(
    batch_size=4,
    num_workers=2,
    persistent_workers=True,
    sampler=dict(type='ViewSampler', shuffle=True, views=8),  # different views of each picture; None: new ones in each epoch
    dataset=dict(
        type='FIVESVesselDataset',
        data_root='data/FIVES',
        split='train',
        val_fraction=0.1,
        augmentation=dict(size=(224, 224), flip=0.5, rotate=15, scale=(0.8, 1.2), brightness=0.2, contrast=0.2),
    ),
)
val_dataloader = dict(
    batch_size=1,
    num_workers=2,
    persistent_workers=True,
    sampler=dict(type='DefaultSampler', shuffle=False),
    dataset=dict(
        type='FIVESVesselDataset',
        data_root='data/FIVES',
        split='val',
        val_fraction=0.1,
        test_mode=True,
        pipeline={{_base_.test_pipeline}},
    ),
)
test_dataloader = dict(
    batch_size=1,
    num_workers=2,
    persistent_workers=True,
    sampler=dict(type='DefaultSampler', shuffle=False),
    dataset=dict(
        type='FIVESVesselDataset',
        data_root='data/FIVES',
        split='test',
        test_mode=True,
        pipeline={{_base_.test_pipeline}},
    ),
)
val_evaluator = dict(type='VesselMetric', detail=False)
test_evaluator = dict(type='VesselMetric')
