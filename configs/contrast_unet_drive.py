# DRIVE, without an encoder and without a weights file: a U-Net that sees local contrast alone, trained at many scales, for strange cameras.
# All 20 training pictures train and the last epoch is the result: nothing is chosen.
_base_ = ['../mmseg_fundus/zoo/contrast_unet.py', './_base_/datasets/fives.py', './_base_/schedules/adam_cosine_100e.py']
model = dict(decode_head=dict(sees='contrast'), test_cfg=dict(tta=True, crop_to_fov=False))  # the colours of one camera mislead on others
_source = dict(_delete_=True, type='FundusVessels', source=dict(type='DRIVE', root='data/DRIVE'), division=dict(val_fraction=0.2))
train_dataloader = dict(
    batch_size=8,
    sampler=dict(repeats=40, views=None),  # 100 steps an epoch, of new views
    dataset=dict(
        _source,
        split='trainval',
        view=dict(
            **dict(size=(160, 160), zoom=1.0, pixels_per_degree=16.0, rotate=0, quarter_turns=True, scale=(0.55, 1.5)),
            **dict(label_scaling='antialiased', look=dict(colour=0.1, gamma=0.1, blur=0.7, noise=4.0)),
        ),
    ),
)
_tested = dict(_source, test_mode=True, pipeline={{_base_.test_pipeline}})
val_dataloader = dict(dataset=dict(_tested, split='val'))
test_dataloader = dict(dataset=dict(_tested, split='test'))
optim_wrapper = dict(optimizer=dict(lr=4e-3))
train_cfg = dict(max_epochs=24, val_interval=8)  # the validation pictures are among those trained on: a sign of life, no more
default_hooks = dict(checkpoint=dict(save_best=None))
del _source, _tested
