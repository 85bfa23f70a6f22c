# DINOv2 (photographs of all kinds, ViT-B/14) with the recipe for accuracy on DRIVE.
# Crops of 224 pixels: multiples of the patch and of the decoder's cells.
_base_ = './setr_mla_vitb16_frozen_detail.py'
model = dict(
    backbone=dict(
        _delete_=True, type='FoundationEncoder', weights='weights/dinov2_vitb14_pretrain.pth', norm_outputs=True, precision='auto'
    ),
    test_cfg=dict(crop_size=(224, 224), stride=(168, 168), encoder=None),
)
train_dataloader = dict(dataset=dict(augmentation=dict(size=(224, 224))))
