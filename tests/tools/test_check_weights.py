"""tools/check_weights.py FILE: what the file is, and the line to use it, with no other argument."""

import runpy
import sys

import pytest
import torch
from family_files import FILES, meta_dinov3


@pytest.fixture
def check(root, monkeypatch, capfd, tmp_path):
    monkeypatch.syspath_prepend(str(root / 'tools'))

    def run(content, *arguments):
        torch.save(content, tmp_path / 'file.pth')
        monkeypatch.setattr(sys, 'argv', ['check_weights.py', str(tmp_path / 'file.pth'), *arguments])
        code = 0
        try:
            runpy.run_path(str(root / 'tools' / 'check_weights.py'), run_name='__main__')
        except SystemExit as end:
            code = end.code
        out, err = capfd.readouterr()
        return code, out + err

    return run


def test_the_file_alone_is_enough(check, tmp_path):
    pytest.importorskip('timm')
    code, out = check(meta_dinov3())
    lines = dict(line.split(maxsplit=1) for line in out.splitlines() if ' ' in line)
    assert not code and lines['OK'] == '36/36 encoder tensors'
    assert lines['family'].startswith('dinov3: DINOv3, ') and 'vit_base_patch16_dinov3_qkvb of timm' in out
    assert '(0.485, 0.456, 0.406), (0.229, 0.224, 0.225)' in out and lines['size'] == '224 x 224 pixels'
    assert lines['heads'] == '1 of 64 channels', 'told by the 16 periods'
    assert lines['dropped'].endswith(': mask_token, rope_embed.periods, blocks.*.attn.qkv.bias_mask (2)')
    assert (
        lines['config'] == f"model = dict(backbone=dict(_delete_=True, type='FoundationEncoder', weights={str(tmp_path / 'file.pth')!r}))"
    )


def test_a_family_that_is_named_is_in_the_config_line_and_a_wrong_one_is_refused(check):
    content = FILES['timm ViT'][0]
    code, out = check(content)
    assert not code and 'mean, std   not known' in out and 'same keys   visionfm, ibot' in out
    code, out = check(content, '--family', 'mae')
    assert not code and "family='mae'" in out and '(0.485, 0.456, 0.406)' in out
    code, out = check(content, '--family', 'dinov3')
    assert code and "family='dinov3' (DINOv3) was named" in out
