# What every experiment shares: logging, checkpoints, pictures, process set-up, and the steps a test picture goes through.
default_scope = 'mmseg'
custom_imports = dict(imports=['mmseg_fundus'], allow_failed_imports=False)
env_cfg = dict(
    cudnn_benchmark=True,
    mp_cfg=dict(mp_start_method='fork', opencv_num_threads=0),
    dist_cfg=dict(backend='nccl', timeout=1800),  # seconds that a process waits for the others before all end
)
randomness = dict(seed=42)
log_level = 'INFO'
log_processor = dict(
    by_epoch=True,
    log_with_hierarchy=True,  # train/loss, val/Dice ...
    mean_pattern=r'.*(time|grad_norm).*',  # losses as they are: mmengine's smoothing would mix several validations
)
default_hooks = dict(
    timer=dict(type='IterTimerHook'),
    logger=dict(type='LoggerHook', interval=10, log_metric_by_epoch=True),
    param_scheduler=dict(type='ParamSchedulerHook'),
    checkpoint=dict(type='VesselCheckpointHook', max_keep_ckpts=3, save_best='Dice'),
    sampler_seed=dict(type='DistSamplerSeedHook'),
    trained_parameters=dict(type='TrainedParametersHook'),  # what requires a gradient is trained, or a line says why not
    faded_layers=dict(type='FadedLayersHook'),  # names layers that weight decay has emptied
    batch_norm=dict(type='BatchNormHook'),  # says in the first step if the last batch of an epoch would be too small
    picture_names=dict(type='PictureNamesHook'),  # masks and overlays of equally named pictures do not overwrite each other
    visualization=dict(type='VesselOverlayHook'),  # of the first three validation pictures
    feature_cache=dict(type='FeatureCacheHook'),  # the frozen encoder sees each view once; enabled=False: every time
    losses=dict(type='LossCheckHook'),  # a loss that counts pixels outside the field of view is refused
)
custom_hooks = [
    dict(type='SyncBuffersHook'),  # batch norm statistics are averaged over ranks before they are validated or saved
    dict(type='EpochSeedHook'),  # a resumed training draws what an undisturbed one would
    dict(type='FiniteLossHook'),  # a loss that is no number ends the training, and names the pictures
    dict(type='ResultsHook'),  # results.json
]
visualizer = dict(
    type='VesselVisualizer',
    vis_backends=[dict(type='WholeFilesVisBackend'), dict(type='TensorboardVisBackend')],
)
load_from = None
resume = False

# No size in here: labels stay at native resolution, model.test_cfg says how a picture is predicted.
test_pipeline = [
    dict(
        type='LoadImageFromFile',
        imdecode_backend='pillow',
        color_type='color_ignore_orientation',
        backend_args=dict(backend='gunzip'),  # plain or .gz
    ),
    dict(type='LoadVesselAnnotations'),  # label, and field of view: shipped or found
    dict(type='PackVesselInputs'),
]
