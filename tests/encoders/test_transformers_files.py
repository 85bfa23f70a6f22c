"""What transformers itself writes, of each model that is read."""

import pytest
import torch
from family_files import DEPTH, WIDTH, behind

from mmseg_fundus.models.encoders.weights import load_encoder

pytest.importorskip('timm')


@pytest.mark.slow
@pytest.mark.parametrize(
    'kind', ['ViT', 'ViTMAE', 'Dinov2', 'Dinov2, gated', 'Dinov2WithRegisters', 'DINOv3ViT', 'DINOv3ViT, gated', 'CLIPVision']
)
def test_what_transformers_itself_writes_is_read_whole(transformers, kind, tmp_path):
    name, _, gated = kind.partition(', ')
    if not hasattr(transformers, f'{name}Model'):
        pytest.skip(f'this transformers has no {name}Model')
    sizes = dict(hidden_size=WIDTH, num_hidden_layers=DEPTH, num_attention_heads=1, intermediate_size=128, image_size=56)
    options = {'Dinov2': dict(use_swiglu_ffn=True), 'DINOv3ViT': dict(use_gated_mlp=True)}[name] if gated else {}
    options |= dict(num_register_tokens=4) if name == 'DINOv3ViT' else {}
    options['patch_size'] = 14 if name.startswith('Dinov2') else 16 if name == 'DINOv3ViT' else 8
    model = getattr(transformers, f'{name}Model')(getattr(transformers, f'{name}Config')(**sizes, **options))
    model.save_pretrained(tmp_path)
    found = load_encoder(tmp_path / 'model.safetensors', None)
    families = {'ViT': 'transformers', 'ViTMAE': 'transformers', 'CLIPVision': 'clip', 'DINOv3ViT': 'dinov3'}
    assert found.family == families.get(name, 'dinov2')
    assert all('pooler' in key or key.endswith('mask_token') for key in found.dropped)
    for content in (model.state_dict(), behind('module.', model.state_dict())):
        torch.save(content, tmp_path / 'again.pth')
        again = load_encoder(tmp_path / 'again.pth', None)
        assert again.tensors.keys() == found.tensors.keys()
        assert all(torch.equal(again.tensors[key], tensor) for key, tensor in found.tensors.items())
