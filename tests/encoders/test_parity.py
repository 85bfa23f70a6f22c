"""Maps of each family's file, as its own library writes it, are those of that library's own forward pass."""

import pytest
import torch
import torch.nn.functional as F
from mmseg.registry import MODELS

timm = pytest.importorskip('timm')

WIDTH, DEPTH, HEADS = 128, 4, 2  # 64 channels a head, which is how a file tells their number
SMALL = dict(embed_dim=WIDTH, depth=DEPTH, num_heads=HEADS)
PICKED = (0, 3)
TIMM = {  # a file of timm's own: its model, and the grid of its position table
    'RETFound-MAE': ('vit_large_patch16_224', 14),
    'RETFound-DINOv2': ('vit_large_patch14_dinov2', 16),
    'RETFound-Green': ('vit_small_patch14_reg4_dinov2', 28),
    'DINOv2': ('vit_base_patch14_dinov2', 37),
    'DINOv3': ('vit_base_patch16_dinov3', 0),
    'DINOv3, biases': ('vit_small_patch16_dinov3_qkvb', 0),
    'DINOv3, gated': ('vit_small_plus_patch16_dinov3', 0),
    'timm, registers': ('vit_base_patch16_224', 5),
    'timm, CLIP': ('vit_base_patch16_clip_224', 14),
}
HF = dict(hidden_size=WIDTH, num_hidden_layers=DEPTH, num_attention_heads=HEADS, intermediate_size=4 * WIDTH, layer_norm_eps=1e-6)
HUGGING = {  # class of transformers and settings
    'ViTModel': ('ViT', dict(HF, image_size=96, patch_size=16)),
    'Dinov2Model': ('Dinov2', dict(HF, image_size=84, patch_size=14, mlp_ratio=4)),
    'Dinov2WithRegistersModel': ('Dinov2WithRegisters', dict(HF, image_size=84, patch_size=14, num_register_tokens=4)),
    'DINOv3ViTModel': ('DINOv3ViT', dict(HF, layer_norm_eps=1e-5, image_size=96, patch_size=16, num_register_tokens=4)),
    'DINOv3ViTModel, gated': (
        'DINOv3ViT',
        dict(HF, layer_norm_eps=1e-5, image_size=96, num_register_tokens=4, use_gated_mlp=True, hidden_act='silu'),
    ),
    'CLIPVisionModel': ('CLIPVision', dict(HF, layer_norm_eps=1e-5, image_size=96, patch_size=16)),
}


def stirred(model):
    """The model with weights that all matter: as initialised, blocks with layer scale do next to nothing."""
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.mul_(4 if parameter.ndim > 1 else 1).add_(0.2 * torch.randn(parameter.shape, generator=generator))
    return model.eval()


def encoder_of_file(state, tmp_path, **settings):
    torch.save(state, tmp_path / 'file.pth')
    settings = dict(weights=str(tmp_path / 'file.pth'), out_indices=PICKED, **settings)
    return MODELS.build(dict(type='FoundationEncoder', **settings))


def errors(found, expected) -> float:
    return max(float((a - b).norm() / b.norm()) for a, b in zip(found, expected, strict=True))


def timm_maps(model, x, norm):
    with torch.no_grad():
        return model.forward_intermediates(x, indices=list(PICKED), norm=norm, intermediates_only=True)


def hugging_maps(model, x, prefix, patch):
    known = {'interpolate_pos_encoding': True} if type(model).__name__ in ('ViTModel', 'CLIPVisionModel') else {}
    with torch.no_grad():
        states = model(x, output_hidden_states=True, **known).hidden_states
    grid = (x.shape[2] // patch, x.shape[3] // patch)
    return [states[index + 1][:, prefix:].transpose(1, 2).unflatten(2, grid) for index in PICKED]


@pytest.fixture(params=TIMM)
def of_timm(request):
    name, grid = TIMM[request.param]
    patch = 14 if 'patch14' in name else 16
    own = dict(SMALL, **({'img_size': grid * patch} if grid else {}))
    if request.param == 'timm, registers':
        own |= dict(reg_tokens=4, init_values=1e-5, no_embed_class=True)
    return stirred(timm.create_model(name, num_classes=0, global_pool='', dynamic_img_size=True, **own)), patch, grid or 14, request.param


@pytest.mark.parametrize('norm', [False, True], ids=['raw', 'norm'])
def test_maps_of_a_file_alone_are_timms_at_the_native_size(of_timm, norm, tmp_path):
    model, patch, grid, _ = of_timm
    encoder = encoder_of_file(model.state_dict(), tmp_path, norm_outputs=norm)
    x = torch.randn(2, 3, grid * patch, grid * patch)
    assert encoder.map_shape(*x.shape[2:]) == (2, grid, grid, WIDTH) and encoder.patch_size == patch
    assert errors(encoder(x), timm_maps(model, x, norm)) < 1e-5


def test_maps_at_other_sizes_follow_the_rule_of_the_family(of_timm, tmp_path):
    """DINOv2 without registers, MAE, CLIP: bicubic without antialiasing, which is not timm's way; a random table shows the most of it."""
    model, patch, grid, name = of_timm
    encoder = encoder_of_file(model.state_dict(), tmp_path)
    for size in ((5, 9), (grid + 6, grid + 3)):
        x = torch.randn(1, 3, size[0] * patch, size[1] * patch)
        error = errors(encoder(x), timm_maps(model, x, False))
        print(f'{name} at {size}: {error:.1e} from timm')
        if name in ('RETFound-MAE', 'RETFound-DINOv2', 'DINOv2', 'timm, CLIP'):
            table = model.pos_embed.data
            rows = table[:, 1:].unflatten(1, (grid, grid)).permute(0, 3, 1, 2)
            rows = F.interpolate(rows, size=size, mode='bicubic').flatten(2).transpose(1, 2)
            model.pos_embed.data, model.patch_embed.grid_size = torch.cat((table[:, :1], rows), dim=1), size
            error = errors(encoder(x), timm_maps(model, x, False))
            model.pos_embed.data, model.patch_embed.grid_size = table, (grid, grid)
        assert error < 1e-5


@pytest.mark.parametrize('name', HUGGING)
def test_maps_of_a_file_of_transformers_are_its_own_at_three_sizes(transformers, name, tmp_path):
    kind, settings = HUGGING[name]
    if not hasattr(transformers, f'{kind}Model'):
        pytest.skip(f'transformers {transformers.__version__} has no {kind}Model')
    if kind == 'DINOv3ViT' and not hasattr(torch.amp, 'is_autocast_available'):
        pytest.skip(f"transformers' own {kind}Model runs with torch 2.4 or newer only, this is {torch.__version__}")
    torch.manual_seed(0)
    model = stirred(getattr(transformers, f'{kind}Model')(getattr(transformers, f'{kind}Config')(**settings)))
    encoder = encoder_of_file(model.state_dict(), tmp_path)
    patch, prefix = encoder.patch_size, 1 + settings.get('num_register_tokens', 0)
    for size in ((6, 6), (4, 9), (10, 7)):
        x = torch.randn(1, 3, size[0] * patch, size[1] * patch)
        error = errors(encoder(x), hugging_maps(model, x, prefix, patch))
        print(f'{name} at {size}: {error:.1e}')
        assert error < 1e-5


def test_metas_offset_of_a_tenth_of_a_patch_is_left_out_and_makes_this_difference(tmp_path):
    """Its code resizes DINOv2's table by the factor (h + .1) / 37: the size is the same, the places differ a little."""
    model = stirred(timm.create_model('vit_base_patch14_dinov2', num_classes=0, global_pool='', dynamic_img_size=True, **SMALL))
    smooth = F.interpolate(torch.randn(1, WIDTH, 6, 6), size=(37, 37), mode='bicubic')  # as a trained one is
    model.pos_embed.data[:, 1:] = smooth.flatten(2).transpose(1, 2)
    encoder = encoder_of_file(model.state_dict(), tmp_path)
    for size in ((16, 16), (24, 32)):
        x = torch.randn(1, 3, size[0] * 14, size[1] * 14)
        factors = tuple((side + 0.1) / 37 for side in size)
        rows = F.interpolate(smooth, scale_factor=factors, mode='bicubic').flatten(2).transpose(1, 2)
        model.pos_embed.data, model.patch_embed.grid_size = torch.cat((encoder.net.pos_embed[:, :1], rows), dim=1), size
        error = errors(encoder(x), timm_maps(model, x, False))
        print(f'DINOv2 at {size}: {error:.1e} from its own offset')
        assert 1e-4 < error < 2e-2
