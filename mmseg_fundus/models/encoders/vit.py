"""The tensors of a plain ViT: names and shapes, their names in mmpretrain, and what a set of them seems to be."""

import re

from ...errors import plain

Shapes = dict[str, tuple[int, ...]]


def expected_shapes(embed_dims: int, num_layers: int, feedforward_channels: int, patch_size: int, num_tokens: int) -> Shapes:
    """Names and shapes of the 4 + 12 per block + 2 tensors of a plain ViT, in VisionFM's (timm's) naming."""
    c, f = embed_dims, feedforward_channels
    shapes: Shapes = {
        'cls_token': (1, 1, c),
        'pos_embed': (1, num_tokens, c),
        'patch_embed.proj.weight': (c, 3, patch_size, patch_size),
        'patch_embed.proj.bias': (c,),
    }
    block: Shapes = {
        **{f'{norm}.{part}': (c,) for norm in ('norm1', 'norm2') for part in ('weight', 'bias')},
        **{'attn.qkv.weight': (3 * c, c), 'attn.qkv.bias': (3 * c,), 'attn.proj.weight': (c, c), 'attn.proj.bias': (c,)},
        **{'mlp.fc1.weight': (f, c), 'mlp.fc1.bias': (f,), 'mlp.fc2.weight': (c, f), 'mlp.fc2.bias': (c,)},
    }
    for i in range(num_layers):
        shapes.update({f'blocks.{i}.{name}': shape for name, shape in block.items()})
    shapes.update({'norm.weight': (c,), 'norm.bias': (c,)})
    return shapes


def to_mmpretrain(name: str) -> str:
    """``'blocks.3.mlp.fc1.weight'`` -> ``'layers.3.ffn.layers.0.0.weight'``: the name mmpretrain's ViT gives the tensor."""
    for pattern, replacement in (
        (r'^patch_embed\.proj\.', 'patch_embed.projection.'),
        (r'^blocks\.', 'layers.'),
        (r'\.norm([12])\.', r'.ln\1.'),
        (r'\.mlp\.fc1\.', '.ffn.layers.0.0.'),
        (r'\.mlp\.fc2\.', '.ffn.layers.1.'),
        (r'^norm\.', 'ln1.'),
    ):
        name = re.sub(pattern, replacement, name)
    return name


def describe(shapes: Shapes) -> str:
    """Say what a set of tensors (``{name: shape}``) seems to be, e.g. ``'ViT-L/16 (width 1024, 24 blocks, patch 16)'``."""
    patch = shapes.get('patch_embed.proj.weight')
    if patch is not None and len(patch) == 4:
        depth = len({m.group(1) for m in (re.match(r'blocks\.(\d+)\.', name) for name in shapes) if m})
        letter = {(192, 12): 'Ti', (384, 12): 'S', (768, 12): 'B', (1024, 24): 'L', (1280, 32): 'H'}.get((patch[0], depth), '')
        name = f'ViT-{letter}/{patch[2]}' if letter else 'ViT'
        return f'{name} (width {patch[0]}, {depth} blocks, patch {patch[2]}, {patch[1]} input channels)'
    if any(name.startswith('decode_head.') for name in shapes):
        return 'a trained segmentation model (a checkpoint: give it to tools/test.py instead, and name its encoder here)'
    for key, kind in (
        ('layer1.0.conv1.weight', 'a ResNet'),
        ('stages.0.0.dwconv.weight', 'a ConvNeXt'),
        ('layers.0.blocks.0.attn.qkv.weight', 'a Swin transformer'),
        ('layers.0.ln1.weight', "a ViT under mmpretrain's names; a pretraining of tools/train.py writes encoder.pth beside it, name that"),
    ):
        if key in shapes:
            return kind
    some = ', '.join(plain(name) for name in sorted(shapes)[:3])
    return f'no ViT known here (its first keys: {some})' if shapes else 'empty'
