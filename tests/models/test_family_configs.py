"""The config of each family, with a tiny file of it: the file decides encoder, patch and normalisation, and the rest follows."""

import pytest
import torch
from family_files import FILES
from mmengine.config import Config
from mmseg.registry import MODELS

from mmseg_fundus.families import FAMILIES
from mmseg_fundus.models.data_preprocessor import normalisation_of

pytest.importorskip('timm')

CONFIGS = {  # kind of file (RETFound's are told from MAE's and DINOv2's by their real sizes alone), patch
    'setr_mla_retfound_vitl16_frozen': ('MAE', 16),
    'setr_mla_retfound_dinov2_vitl14_frozen': ('DINOv2, teacher', 14),
    'setr_mla_retfound_green_vits14_frozen': ("DINOv2, timm's registers", 14),
    'setr_mla_urfound_vitb16_frozen': ('UrFound', 16),
    'setr_mla_dinov2_vitb14_frozen': ('DINOv2', 14),
    'setr_mla_dinov3_vitb16_frozen': ('DINOv3', 16),
    'setr_mla_timm_frozen': ('timm ViT, layer scale, registers', 16),
}


@pytest.mark.parametrize('name', CONFIGS)
def test_a_file_is_enough_for_a_familys_config(root, tmp_path, name):
    kind, patch = CONFIGS[name]
    content, family, _ = FILES[kind]
    torch.save(content, tmp_path / 'tiny.pth')
    cfg = Config.fromfile(str(root / 'configs' / f'{name}.py'))
    cfg.model.backbone.update(weights=str(tmp_path / 'tiny.pth'), out_indices=(0, 1))
    model = MODELS.build(cfg.model).eval()
    assert model.encoder.source.family == family and model.encoder.patch_size == patch
    assert [projection.conv.in_channels for projection in model.neck.projections] == [model.encoder.embed_dims] * 2
    if FAMILIES[family].normalisation:
        assert normalisation_of(model.data_preprocessor).near(FAMILIES[family].normalisation)
    with torch.no_grad():
        assert model(torch.randn(1, 3, 61, 83)).shape == (1, 2, 61, 83)
        assert model.inference(torch.randn(1, 3, 90, 70), [{}]).isfinite().all()
