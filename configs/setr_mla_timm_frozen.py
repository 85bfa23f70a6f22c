# Any ViT of timm or of Hugging Face's transformers, as a model page has it, with the recipe for accuracy on DRIVE.
_base_ = './setr_mla_vitb16_frozen_detail.py'
model = dict(
    backbone=dict(_delete_=True, type='FoundationEncoder', weights='weights/model.safetensors', norm_outputs=True, precision='auto'),
    test_cfg=dict(encoder=None),
)
