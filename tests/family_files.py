"""Files of each family with the true key list, tiny and with random numbers: written from the families' own names, by nothing of ours."""

import torch

WIDTH, DEPTH, MLP = 64, 2, 128


def drawn(shapes: dict, seed: int = 0) -> dict:
    generator = torch.Generator().manual_seed(seed)
    return {name: torch.randn(shape, generator=generator) for name, shape in shapes.items()}


def timm_shapes(width=WIDTH, depth=DEPTH, mlp=MLP, patch=16, rows=17, scale=False, registers=0, norm='norm') -> dict:
    c = width
    shapes = {'cls_token': (1, 1, c), **({'reg_token': (1, registers, c)} if registers else {}), 'pos_embed': (1, rows, c)}
    shapes |= {'patch_embed.proj.weight': (c, 3, patch, patch), 'patch_embed.proj.bias': (c,)}
    for i in range(depth):
        b = f'blocks.{i}.'
        shapes |= {b + 'norm1.weight': (c,), b + 'norm1.bias': (c,), b + 'attn.qkv.weight': (3 * c, c), b + 'attn.qkv.bias': (3 * c,)}
        shapes |= {b + 'attn.proj.weight': (c, c), b + 'attn.proj.bias': (c,)}
        shapes |= {b + 'ls1.gamma': (c,), b + 'ls2.gamma': (c,)} if scale else {}
        shapes |= {b + 'norm2.weight': (c,), b + 'norm2.bias': (c,), b + 'mlp.fc1.weight': (mlp, c), b + 'mlp.fc1.bias': (mlp,)}
        shapes |= {b + 'mlp.fc2.weight': (c, mlp), b + 'mlp.fc2.bias': (c,)}
    return shapes | {f'{norm}.weight': (c,), f'{norm}.bias': (c,)}


def mae_decoder() -> dict:
    shapes = {'mask_token': (1, 1, 8), 'decoder_pos_embed': (1, 17, 8), 'decoder_embed.weight': (8, WIDTH), 'decoder_embed.bias': (8,)}
    shapes |= {'decoder_blocks.0.' + name.removeprefix('blocks.0.'): (2,) for name in timm_shapes() if name.startswith('blocks.0.')}
    return shapes | {'decoder_norm.weight': (8,), 'decoder_norm.bias': (8,), 'decoder_pred.weight': (768, 8), 'decoder_pred.bias': (768,)}


def meta_dinov2(registers=0, chunked=False, gated=False) -> dict:
    shapes = timm_shapes(patch=14, rows=17, scale=True) | {'mask_token': (1, WIDTH)}
    if registers:
        shapes['register_tokens'] = (1, registers, WIDTH)
    if gated:
        shapes = {name.replace('fc1', 'w12').replace('fc2', 'w3'): shape for name, shape in shapes.items()}
        for i in range(DEPTH):
            shapes |= {f'blocks.{i}.mlp.w12.weight': (2 * MLP, WIDTH), f'blocks.{i}.mlp.w12.bias': (2 * MLP,)}
    if chunked:
        shapes = {name.replace('blocks.', 'blocks.0.', 1): shape for name, shape in shapes.items()}
    return drawn(shapes)


def meta_dinov3(gated=False) -> dict:
    shapes = timm_shapes(scale=True)
    del shapes['pos_embed']
    shapes |= {'storage_tokens': (1, 4, WIDTH), 'mask_token': (1, WIDTH), 'rope_embed.periods': (16,)}
    shapes |= {f'blocks.{i}.attn.qkv.bias_mask': (3 * WIDTH,) for i in range(DEPTH)}
    for i in range(DEPTH if gated else 0):
        for part in ('weight', 'bias'):
            first, last = shapes.pop(f'blocks.{i}.mlp.fc1.{part}'), shapes.pop(f'blocks.{i}.mlp.fc2.{part}')
            shapes |= {f'blocks.{i}.mlp.w1.{part}': first, f'blocks.{i}.mlp.w2.{part}': first, f'blocks.{i}.mlp.w3.{part}': last}
    return drawn(shapes)


def timm_dinov3(biased: bool) -> dict:
    shapes = timm_shapes(scale=True, registers=4)
    del shapes['pos_embed']
    shapes = {name.replace('ls1.gamma', 'gamma_1').replace('ls2.gamma', 'gamma_2'): shape for name, shape in shapes.items()}
    for i in range(DEPTH):
        del shapes[f'blocks.{i}.attn.qkv.bias']
        shapes |= {f'blocks.{i}.attn.{letter}_bias': (WIDTH,) for letter in 'qv'} if biased else {}
    return drawn(shapes)


def hugging_vit(prefix='vit.', old=True) -> dict:
    c, shapes = WIDTH, {'embeddings.cls_token': (1, 1, WIDTH), 'embeddings.position_embeddings': (1, 17, WIDTH)}
    shapes |= {'embeddings.patch_embeddings.projection.weight': (c, 3, 16, 16), 'embeddings.patch_embeddings.projection.bias': (c,)}
    for i in range(DEPTH):
        b = f'encoder.layer.{i}.' if old else f'layers.{i}.'
        three = ('attention.attention.query', 'attention.attention.key', 'attention.attention.value')
        three = three if old else ('attention.q_proj', 'attention.k_proj', 'attention.v_proj')
        square = (*three, 'attention.output.dense' if old else 'attention.o_proj')
        first, last = ('intermediate.dense', 'output.dense') if old else ('mlp.fc1', 'mlp.fc2')
        for name, (rows, columns) in {**dict.fromkeys(square, (c, c)), first: (MLP, c), last: (c, MLP)}.items():
            shapes |= {f'{b}{name}.weight': (rows, columns), f'{b}{name}.bias': (rows,)}
        shapes |= {f'{b}layernorm_{when}.{part}': (c,) for when in ('before', 'after') for part in ('weight', 'bias')}
    shapes |= {'layernorm.weight': (c,), 'layernorm.bias': (c,)}
    head = (
        {'pooler.dense.weight': (c, c), 'pooler.dense.bias': (c,)} if not prefix else {'classifier.weight': (2, c), 'classifier.bias': (2,)}
    )
    return drawn({prefix + name: shape for name, shape in shapes.items()} | head)


def hugging_dino(three: bool, registers=0, old=True, gated=False) -> dict:
    c, shapes = WIDTH, {'embeddings.cls_token': (1, 1, WIDTH), 'embeddings.mask_token': (1, WIDTH)}
    patch, where = (16, 'embeddings.patch_embeddings') if three else (14, 'embeddings.patch_embeddings.projection')
    shapes |= {f'{where}.weight': (c, 3, patch, patch), f'{where}.bias': (c,)}
    shapes |= {} if three else {'embeddings.position_embeddings': (1, 17, c)}
    shapes |= {'embeddings.register_tokens': (1, registers, c)} if registers else {}
    for i in range(DEPTH):
        b = ('layer.' if old else 'model.layer.') if three else 'encoder.layer.'
        b += f'{i}.'
        middle = old and not three
        names = ('attention.attention.query', 'attention.attention.key', 'attention.attention.value', 'attention.output.dense')
        names = names if middle else ('attention.q_proj', 'attention.k_proj', 'attention.v_proj', 'attention.o_proj')
        shapes |= {f'{b}{name}.weight': (c, c) for name in names}
        shapes |= {f'{b}{name}.bias': (c,) for name in names if not (three and 'k_proj' in name)}
        mlp = {'mlp.up_proj': (MLP, c), 'mlp.down_proj': (c, MLP)} if three else {'mlp.fc1': (MLP, c), 'mlp.fc2': (c, MLP)}
        if gated:
            mlp = {'mlp.gate_proj': (MLP, c), 'mlp.up_proj': (MLP, c), 'mlp.down_proj': (c, MLP)}
            mlp = {'mlp.weights_in': (2 * MLP, c), 'mlp.weights_out': (c, MLP)} if middle else mlp
        for name, shape in mlp.items():
            shapes |= {f'{b}{name}.weight': shape, f'{b}{name}.bias': shape[:1]}
        shapes |= {f'{b}norm{n}.{part}': (c,) for n in (1, 2) for part in ('weight', 'bias')}
        shapes |= {f'{b}layer_scale{n}.lambda1': (c,) for n in (1, 2)}
    last = 'norm' if three else 'layernorm'
    return drawn(shapes | {f'{last}.weight': (c,), f'{last}.bias': (c,)})


def openai_clip(patch=16) -> dict:
    c, shapes = (
        WIDTH,
        {'class_embedding': (WIDTH,), 'positional_embedding': (17, WIDTH), 'proj': (WIDTH, 8), 'conv1.weight': (WIDTH, 3, patch, patch)},
    )
    for i in range(DEPTH):
        b = f'transformer.resblocks.{i}.'
        shapes |= {f'{b}ln_{n}.{part}': (c,) for n in (1, 2) for part in ('weight', 'bias')}
        shapes |= {b + 'attn.in_proj_weight': (3 * c, c), b + 'attn.in_proj_bias': (3 * c,)}
        shapes |= {b + 'attn.out_proj.weight': (c, c), b + 'attn.out_proj.bias': (c,), b + 'mlp.c_fc.weight': (MLP, c)}
        shapes |= {b + 'mlp.c_fc.bias': (MLP,), b + 'mlp.c_proj.weight': (c, MLP), b + 'mlp.c_proj.bias': (c,)}
    shapes |= {f'ln_{when}.{part}': (c,) for when in ('pre', 'post') for part in ('weight', 'bias')}
    text = {'positional_embedding': (77, 8), 'text_projection': (8, 8), 'logit_scale': (), 'token_embedding.weight': (9, 8)}
    text |= {'transformer.resblocks.0.attn.in_proj_weight': (24, 8), 'ln_final.weight': (8,), 'ln_final.bias': (8,)}
    return drawn({f'visual.{name}': shape for name, shape in shapes.items()} | text)


def hugging_clip(prefix='vision_model.') -> dict:
    c, shapes = WIDTH, {'embeddings.class_embedding': (WIDTH,), 'embeddings.patch_embedding.weight': (WIDTH, 3, 16, 16)}
    shapes |= {'embeddings.position_embedding.weight': (17, c)}
    for i in range(DEPTH):
        b = f'encoder.layers.{i}.'
        for name in ('q_proj', 'k_proj', 'v_proj', 'out_proj'):
            shapes |= {f'{b}self_attn.{name}.weight': (c, c), f'{b}self_attn.{name}.bias': (c,)}
        shapes |= {f'{b}layer_norm{n}.{part}': (c,) for n in (1, 2) for part in ('weight', 'bias')}
        shapes |= {b + 'mlp.fc1.weight': (MLP, c), b + 'mlp.fc1.bias': (MLP,), b + 'mlp.fc2.weight': (c, MLP), b + 'mlp.fc2.bias': (c,)}
    shapes |= {f'{name}.{part}': (c,) for name in ('pre_layrnorm', 'post_layernorm') for part in ('weight', 'bias')}
    return drawn({prefix + name: shape for name, shape in shapes.items()})


def retizero() -> dict:
    shapes, rank = {}, 8
    for name, shape in timm_shapes().items():
        shapes[name.replace('attn.qkv.', 'attn.qkv.qkv.')] = shape
    for i in range(DEPTH):
        for letter in 'qv':
            shapes |= {
                f'blocks.{i}.attn.qkv.linear_a_{letter}.weight': (rank, WIDTH),
                f'blocks.{i}.attn.qkv.linear_b_{letter}.weight': (WIDTH, rank),
            }
    shapes = {f'vision_model.model.lora_vit.{name}': shape for name, shape in shapes.items()}
    other = ('vision_model.projection_head_vision.projection.weight', 'text_model.model.embeddings.word_embeddings.weight', 'logit_scale')
    return drawn(shapes | dict.fromkeys(other, (3,)))


HEAD = {'head.weight': (3, WIDTH), 'head.bias': (3,)}
_PLAIN = drawn(timm_shapes())
_CLIP_LEFT = [name for name in openai_clip() if not name.startswith('visual.')] + ['visual.proj']


def behind(prefix: str, tensors: dict) -> dict:
    return {prefix + name: tensor for name, tensor in tensors.items()}


_TRAINED = behind('backbone.', meta_dinov2()) | drawn({'dino_head.mlp.0.weight': (2,), 'ibot_head.mlp.0.weight': (2,)})
_MAE = _PLAIN | drawn(mae_decoder())
_BERT = drawn({'bert_encoder.model.embeddings.weight': (2,), 'bert_mlp.weight': (2,)})
_IBOT_HEAD = drawn({'head.mlp.0.weight': (2,), 'head.last_layer2.weight_v': (2,)})
_MASKS = [f'blocks.{i}.attn.qkv.bias_mask' for i in range(DEPTH)]

# name: (content, family, keys dropped)
FILES = {
    'VisionFM': ({'teacher': behind('backbone.', _PLAIN) | _IBOT_HEAD, 'ibot_loss': {}}, 'visionfm', [*_IBOT_HEAD]),
    'VisionFM, fine-tuned': (
        {'visionfm_state_dict': _PLAIN, 'classifier_state_dict': {'module.a': torch.ones(1)}, 'epoch': 1},
        'visionfm',
        ['classifier_state_dict.module.a'],
    ),
    'DINO': ({'teacher': behind('backbone.', _PLAIN) | drawn({'head.mlp.0.weight': (2,)}), 'dino_loss': {}}, 'dino', ['head.mlp.0.weight']),
    'MAE': ({'model': _MAE}, 'mae', [*mae_decoder()]),
    'MAE, fine-tuned': ({'model': drawn(timm_shapes(norm='fc_norm') | HEAD)}, 'mae', [*HEAD]),
    'UrFound': ({'model': _MAE | _BERT}, 'urfound', [*mae_decoder(), *_BERT]),
    'DINOv2': (meta_dinov2(), 'dinov2', ['mask_token']),
    'DINOv2, registers': (meta_dinov2(registers=4), 'dinov2', ['mask_token']),
    'DINOv2, chunked': ({'teacher': behind('backbone.', meta_dinov2(chunked=True))}, 'dinov2', ['backbone.mask_token']),
    'DINOv2, gated': (meta_dinov2(gated=True, registers=4), 'dinov2', ['mask_token']),
    'DINOv2, teacher': (
        {'teacher': _TRAINED},
        'dinov2',
        ['backbone.mask_token', 'dino_head.mlp.0.weight', 'ibot_head.mlp.0.weight'],
    ),
    'DINORET': (
        {'model': behind('teacher.', _TRAINED) | {'student.backbone.cls_token': torch.ones(1)} | drawn({'dino_loss.center': (2,)})},
        'dinov2',
        [f'teacher.{name}' for name in ('backbone.mask_token', 'dino_head.mlp.0.weight', 'ibot_head.mlp.0.weight')]
        + ['student.backbone.cls_token', 'dino_loss.center'],
    ),
    "DINOv2, timm's registers": (drawn(timm_shapes(patch=14, rows=16, scale=True, registers=4)), 'dinov2', []),
    'DINOv3': (meta_dinov3(), 'dinov3', ['mask_token', 'rope_embed.periods', *_MASKS]),
    'DINOv3, gated': (meta_dinov3(gated=True), 'dinov3', ['mask_token', 'rope_embed.periods', *_MASKS]),
    'DINOv3, timm': (timm_dinov3(False), 'dinov3', []),
    'DINOv3, timm with biases': (timm_dinov3(True), 'dinov3', []),
    'DINOv3, transformers': (hugging_dino(True, 4), 'dinov3', ['embeddings.mask_token']),
    'DINOv3, transformers 5, gated': (hugging_dino(True, 4, old=False, gated=True), 'dinov3', ['embeddings.mask_token']),
    'ViTModel': (hugging_vit(''), 'transformers', ['pooler.dense.weight', 'pooler.dense.bias']),
    'ViTForImageClassification': (hugging_vit(), 'transformers', ['classifier.weight', 'classifier.bias']),
    'ViT, transformers 5': (hugging_vit(old=False), 'transformers', ['classifier.weight', 'classifier.bias']),
    'Dinov2Model': (hugging_dino(False), 'dinov2', ['embeddings.mask_token']),
    'Dinov2Model, gated': (hugging_dino(False, gated=True), 'dinov2', ['embeddings.mask_token']),
    'Dinov2Model 5, registers, gated': (
        behind('dinov2.', hugging_dino(False, 4, old=False, gated=True)),
        'dinov2',
        ['dinov2.embeddings.mask_token'],
    ),
    'timm ViT': (_PLAIN | drawn(HEAD), 'plain', [*HEAD]),
    'timm ViT, layer scale, registers': (drawn(timm_shapes(rows=16, scale=True, registers=2)), 'plain', []),
    'timm CLIP': (
        {name: tensor for name, tensor in _PLAIN.items() if name != 'patch_embed.proj.bias'}
        | drawn({'norm_pre.weight': (WIDTH,), 'norm_pre.bias': (WIDTH,), **HEAD}),
        'openclip',
        [*HEAD],
    ),
    'CLIP': (openai_clip(), 'clip', _CLIP_LEFT),
    'CLIP /14': (behind('module.', openai_clip(14)), 'clip', ['module.' + name for name in _CLIP_LEFT]),
    'CLIP, transformers': (
        hugging_clip() | {'vision_model.embeddings.position_ids': torch.arange(17), 'visual_projection.weight': torch.ones(1)},
        'clip',
        ['vision_model.embeddings.position_ids', 'visual_projection.weight'],
    ),
    'CLIP, transformers 5': (hugging_clip(''), 'clip', []),
    'EyeCLIP with patches of 16': ({'model_state_dict': openai_clip()}, 'eyeclip', _CLIP_LEFT),
    'RetiZero': (retizero(), 'retizero', [name for name in retizero() if not name.startswith('vision_model.model.')]),
}
