# picture and its local contrast -> U-Net (386,162 parameters) -> logits; no encoder, no weights file
# The model that comes with the package, see contrast_unet.md beside it; configs/contrast_unet.py and contrast_unet_longer.py train it.
model = dict(
    type='VesselSegmentor',
    precision='auto',  # bfloat16 where the machine computes it natively, else float32
    data_preprocessor=dict(type='FundusDataPreprocessor', outside='black'),
    backbone=dict(type='NoEncoder', patch_size=16),
    decode_head=dict(
        type='VesselDetailHead',
        in_channels=0,
        patch_size=None,
        context='none',
        sees='picture',
        local_contrast=33,
        detail_channels=(12, 24, 48, 64, 64),
        loss_decode=dict(type='VesselLoss', ce_weight=1.0, dice_weight=0.0),  # the Dice term makes strange cameras' vessels too sure
    ),
    # in a hurry: the configs that train it test the whole frame in eight poses, which gain .002 of Dice
    # a camera that shows more keeps up to 18 pixels to a degree, trained at 16: better on cameras that were left out
    test_cfg=dict(mode='whole', size=None, pixels_per_degree=(16.0, 18.0), crop_to_fov=True),
)
