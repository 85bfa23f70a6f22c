"""A tiny model's weights file and config, for tests and for tests/faults/run.py."""

import os
from pathlib import Path

import torch
from mmengine.structures import PixelData
from mmseg.structures import SegDataSample

from mmseg_fundus.models.encoders.standin import standin_checkpoint

os.environ['CUDA_VISIBLE_DEVICES'] = ''  # all of it runs on the CPU, also where there is a GPU: forked processes cannot share one
ROOT = Path(__file__).resolve().parent.parent
TINY = dict(embed_dims=48, num_layers=4, num_heads=3, feedforward_channels=96)
STANDIN = dict(embed_dims=48, num_layers=4, feedforward_channels=96, grid=4)


def write_weights(path, seed=0, **arch):
    """A stand-in whose every tensor matters: large weights, random biases and norms (as initialised, the blocks do next to nothing)."""
    checkpoint = standin_checkpoint(seed, **{**STANDIN, **arch})
    generator = torch.Generator().manual_seed(seed)
    for name, tensor in checkpoint['teacher'].items():
        if tensor.ndim == 1:
            tensor += 0.3 * torch.randn(tensor.shape, generator=generator)
        elif 'blocks' in name or 'token' in name or 'pos' in name:
            tensor *= 8
    torch.save(checkpoint, path)
    return path


def lora_lines(weights, out_indices=(0, 1, 2, 3), targets=('.*qkv',), drop_rate=0.0, **encoder) -> str:
    """Lines for ``extra`` of :func:`write_config` that put mmpretrain's LoRA around the tiny encoder."""
    encoder = {**dict(arch=TINY, pretrain_size=64, out_indices=out_indices, precision='float32', weights=str(weights)), **encoder}
    module = dict(type='FrozenVisionTransformer', **encoder)
    lora = dict(type='mmpretrain.LoRAModel', module=module, alpha=8, rank=2, drop_rate=drop_rate, targets=[dict(type=t) for t in targets])
    return f"model['backbone'] = {dict(_delete_=True, **lora)!r}"


def write_config(folder: Path, weights, data, extra='', name='tiny.py') -> Path:
    """A config that inherits from the DRIVE one, with the tiny ViT, 64 pixels and no workers; ``extra`` lines are added."""
    loader = 'dict(num_workers=0, persistent_workers=False, dataset=dict(data_root={root!r}{more}))'
    lines = [
        f'_base_ = {str(ROOT / "configs" / "setr_mla_vitb16_frozen_drive.py")!r}',
        f'model = dict(backbone=dict(weights={str(weights)!r}, arch={TINY!r}, pretrain_size=64, out_indices=(0, 1, 2, 3),',
        "        precision='float32'), precision='float32',",
        '    neck=dict(in_channels=48, channels=16),',
        '    decode_head=dict(in_channels=16, stage_channels=(16, 16, 8, 8)), test_cfg=dict(size=(64, 64)))',
        'train_dataloader = ' + loader.format(root=str(data), more=', augmentation=dict(size=(64, 64))'),
        'val_dataloader = ' + loader.format(root=str(data), more=''),
        'test_dataloader = ' + loader.format(root=str(data), more=''),
        'train_cfg = dict(max_epochs=2, val_interval=1)',
        'default_hooks = dict(checkpoint=dict(interval=1))',
        'optim_wrapper = dict(optimizer=dict(lr=0.003))',
        f'work_dir = {str(folder / "work")!r}',
        f'experiment_name = {folder.name!r}',
        extra,
    ]
    path = folder / name
    path.write_text('\n'.join(lines))
    return path


def step(model, lr=0.1):
    """One step of SGD on what requires a gradient."""
    sample = SegDataSample(gt_sem_seg=PixelData(data=torch.randint(0, 2, (1, 64, 64))))
    losses = model.train().loss(torch.randn(2, 3, 64, 64), [sample, sample])
    (losses['decode.loss_ce'] + losses['decode.loss_dice']).backward()
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.grad is not None:
                parameter -= lr * parameter.grad
                parameter.grad = None


def copied(model):
    """Copies of a model's parameters, by name."""
    return {name: parameter.detach().clone() for name, parameter in model.named_parameters()}
