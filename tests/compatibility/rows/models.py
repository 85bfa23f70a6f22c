"""Backbones, heads and settings of models that mmseg's users write."""

import torch
from habits import row
from trial import Trial, same, true

KIND = 'Backbones, heads, adapters'
FROZEN = (
    "dict(type='FrozenVisionTransformer', weights={weights!r}, arch=dict(embed_dims=48, num_layers=4, num_heads=3, "
    'feedforward_channels=96), pretrain_size=64, out_indices=(0, 1, 2, 3))'
)
PREPROCESSOR = (
    "dict(type='SegDataPreProcessor', mean=[33, 67, 108], std=[35, 51, 75], bgr_to_rgb=True, size=(64, 64), pad_val=0, seg_pad_val=255)"
)


def _stock_model(parts: str) -> str:
    """A line of config: mmseg's EncoderDecoder, with a stock Adam so that a frozen backbone is in it too."""
    return (
        f"model = dict(_delete_=True, type='EncoderDecoder', data_preprocessor={PREPROCESSOR}, {parts}, train_cfg=dict(), "
        "test_cfg=dict(mode='whole'))\n"
    )


def _encoder_untouched(trial: Trial) -> None:
    """No tensor of the encoder differs from the weights file, wherever the checkpoint has one."""
    from mmseg_fundus.models import FrozenVisionTransformer

    arch = dict(embed_dims=48, num_layers=4, num_heads=3, feedforward_channels=96)
    fresh = FrozenVisionTransformer(weights=trial.weights, arch=arch, pretrain_size=64, out_indices=(0, 1, 2, 3)).state_dict()
    found = {name[9:]: tensor for name, tensor in trial.checkpoint()['state_dict'].items() if name.startswith('backbone.')}
    true(set(found) <= set(fresh), f'other tensors: {sorted(set(found) - set(fresh))[:3]}')
    changed = [name for name, tensor in found.items() if not torch.equal(tensor, fresh[name])]
    same(changed, [], 'encoder tensors that changed')


def _learns(trial: Trial, prefix: str = 'decode_head.') -> None:
    """Weights below ``prefix`` differ between the two checkpoints; a test gives a Dice."""
    one, two = (trial.checkpoint(f'epoch_{n}.pth')['state_dict'] for n in (1, 2))
    weights = [name for name in two if name.startswith(prefix) and two[name].is_floating_point()]
    moved = [name for name in weights if not torch.equal(one[name], two[name])]
    true(len(moved) > len(weights) / 2, f'{len(moved)} of {len(weights)} tensors of {prefix} changed')
    trial.test()
    true(0 <= trial.results['metrics']['Dice'] <= 1, f'Dice {trial.results["metrics"]["Dice"]}')


BN = "norm_cfg=dict(type='BN')"
ALL = 'in_index=[0, 1, 2, 3]'
HEADS = {
    'UPerHead': f"decode_head=dict(type='UPerHead', in_channels=[48] * 4, {ALL}, channels=16, pool_scales=(1, 2), num_classes=2)",
    'SETRUPHead with an auxiliary one': "decode_head=dict(type='SETRUPHead', in_channels=48, in_index=3, channels=16, num_convs=2, "
    f"up_scale=2, {BN}, num_classes=2), auxiliary_head=[dict(type='SETRUPHead', in_channels=48, in_index=0, channels=16, num_convs=1, "
    f'up_scale=4, {BN}, num_classes=2)]',
    'MLANeck and SETRMLAHead': f"neck=dict(type='MLANeck', in_channels=[48] * 4, out_channels=16, {BN}, act_cfg=dict(type='ReLU')), "
    f"decode_head=dict(type='SETRMLAHead', in_channels=(16,) * 4, {ALL}, channels=32, mla_channels=8, {BN}, num_classes=2)",
    'SegmenterMaskTransformerHead': "decode_head=dict(type='SegmenterMaskTransformerHead', in_channels=48, in_index=3, channels=48, "
    'num_classes=2, num_layers=1, num_heads=3, embed_dims=48)',
}


def _head(name: str, parts: str):
    @row(KIND, f"Our backbone in mmseg's EncoderDecoder with {name}")
    def attempt(trial: Trial):
        """No tensor of the encoder changes, the head's do; it is tested."""
        trial.train(_stock_model(f'backbone={FROZEN.format(weights=str(trial.weights))}, {parts}'))
        _encoder_untouched(trial)
        _learns(trial)


for _name, _parts in HEADS.items():
    _head(_name, _parts)

UNET = (
    "backbone=dict(type='UNet', in_channels=3, base_channels=4, num_stages=3, strides=(1, 1, 1), enc_num_convs=(1, 1, 1), "
    'dec_num_convs=(1, 1), downsamples=(True, True), enc_dilations=(1, 1, 1), dec_dilations=(1, 1))'
)
FCN = "decode_head=dict(type='FCNHead', in_channels=4, in_index=2, channels=4, num_convs=1, num_classes=2)"


@row(KIND, "mmseg's UNet and FCNHead in EncoderDecoder with our data sets")
def unet(trial: Trial):
    """Backbone and head change; it is tested."""
    trial.train(_stock_model(f'{UNET}, {FCN}'))
    _learns(trial)
    _learns(trial, 'backbone.')


@row(KIND, "mmseg's UNet in our VesselSegmentor")
def unet_ours(trial: Trial):
    """Backbone and head change and are in the checkpoint; a line says that no maps are kept."""
    done = trial.train(
        f"model = dict(_delete_=True, type='VesselSegmentor', data_preprocessor=dict(type='FundusDataPreprocessor'), {UNET}, {FCN},\n"
        "    test_cfg=dict(mode='whole', size=(64, 64)))"
    )
    true('feature cache: off' in done.out, 'nothing is said about the feature cache')
    _learns(trial, 'backbone.')


@row(KIND, 'MixVisionTransformer and SegformerHead in EncoderDecoder')
def segformer(trial: Trial):
    """Backbone and head change; it is tested."""
    trial.train(
        _stock_model(
            "backbone=dict(type='MixVisionTransformer', embed_dims=8, num_layers=[1] * 4, num_heads=[1, 1, 2, 2]), "
            "decode_head=dict(type='SegformerHead', in_channels=[8, 8, 16, 16], in_index=[0, 1, 2, 3], channels=8, num_classes=2)",
        )
    )
    _learns(trial, 'backbone.')


@row(KIND, "mmpretrain's LoRAModel around our backbone")
def lora(trial: Trial):
    """Either refused in one line, or the 8 LoRA tensors train, are in the checkpoint and nothing of the base changes."""
    done = trial.train(
        f"model['backbone'] = dict(_delete_=True, type='mmpretrain.LoRAModel', rank=2, alpha=2, targets=[dict(type='qkv')],\n"
        f'    module={FROZEN.format(weights=str(trial.weights))})',
        check=False,
    )
    if done.status:
        true('LoRA' in done.refusal(), done.refusal())
        return
    one, two = (trial.checkpoint(f'epoch_{n}.pth')['state_dict'] for n in (1, 2))
    tensors = [name for name in two if '.lora_' in name]
    same(len(tensors), 8, 'LoRA tensors in the checkpoint')
    same([name for name in tensors if torch.equal(one[name], two[name])], [], 'LoRA tensors that did not change')
    true('feature cache: off' in done.out, 'the feature cache is on')
    bases = [name for name in two if name.startswith('backbone.') and '.lora_' not in name]
    same([name for name in bases if not torch.equal(one[name], two[name])], [], 'base tensors that changed')
    trial.test()


@row(KIND, 'trainable_blocks=1')
def trainable(trial: Trial):
    """The last block changes and is in the checkpoint, the first does not change; a line says that no maps are kept."""
    done = trial.train("model['backbone']['trainable_blocks'] = 1")
    one, two = (trial.checkpoint(f'epoch_{n}.pth')['state_dict'] for n in (1, 2))
    changed = {name.split('.')[2] for name in two if name.startswith('backbone.layers') and not torch.equal(one[name], two[name])}
    same(changed, {'3'}, 'blocks that changed')
    true('feature cache: off' in done.out, 'the feature cache is on')


@row(KIND, "init_cfg=dict(type='Pretrained') on our backbone", refused='name the file with model.backbone.weights')
def init_cfg(trial: Trial):
    """mmengine would load it without checking; the line names the argument that checks."""
    return trial.train(f"model['backbone']['init_cfg'] = dict(type='Pretrained', checkpoint={str(trial.weights)!r})", check=False)


@row(KIND, 'frozen_stages on our backbone', refused="'frozen_stages' that it does not take")
def frozen_stages(trial: Trial):
    """Refused with the argument's name."""
    return trial.train("model['backbone']['frozen_stages'] = 3", check=False)


@row(KIND, "pretrained='...' at the top of the model", refused='name the file with model.backbone.weights')
def pretrained(trial: Trial):
    """The line says where a weights file is named."""
    return trial.train(f"model['pretrained'] = {str(trial.weights)!r}", check=False)


@row(KIND, "norm_cfg=dict(type='SyncBN'), one process")
def sync_bn(trial: Trial):
    """mmengine turns it into BatchNorm; its statistics are in the checkpoint."""
    trial.train("model['decode_head']['norm_cfg'] = dict(type='SyncBN')")
    true(any(name.endswith('running_mean') for name in trial.checkpoint()['state_dict']), 'no statistics')


@row(KIND, "test_cfg=dict(mode='slide', crop_size=..., stride=...)")
def slide(trial: Trial):
    """A window as large as the picture predicts what 'whole' does."""
    trial.take_trained()
    trial.test()
    whole = trial.results['metrics']
    trial.test(
        'epoch_2.pth',
        '--cfg-options',
        'model.test_cfg._delete_=True',
        'model.test_cfg.mode=slide',
        'model.test_cfg.crop_size=(64,64)',
        'model.test_cfg.stride=(32,32)',
    )
    same(trial.results['prediction']['mode'], 'slide', 'mode')
    same(round(trial.results['metrics']['Accuracy'], 4), round(whole['Accuracy'], 4), 'accuracy')


@row(KIND, "ImageNet's mean and std by SegDataPreProcessor in place of FundusDataPreprocessor")
def imagenet(trial: Trial):
    """Trains with them (another encoder may want them): the cached maps are others than with ours."""
    trial.train(
        "model['data_preprocessor'] = dict(_delete_=True, type='SegDataPreProcessor', mean=[123.675, 116.28, 103.53],\n"
        '    std=[58.395, 57.12, 57.375], bgr_to_rgb=True, size=(64, 64), pad_val=0, seg_pad_val=255)'
    )
    _learns(trial)
