"""mmseg's own data sets and models in our tools, and ours in wrappers: they work with the right figures, or one line says why not."""

import json
import shutil
import sys

import numpy as np
import pytest
from PIL import Image

CONVERTED = """
_data = dict(type={kind!r}, data_root={root!r}, data_prefix=dict(img_path='images', seg_map_path='annotations'){more})
_read = [dict(type='LoadImageFromFile'), dict(type='LoadAnnotations')]
_pack = dict(type='PackSegInputs')
train_dataloader = dict(
    _delete_=True, batch_size=2, num_workers=0, sampler=dict(type='DefaultSampler', shuffle=True),
    dataset=dict(_data, pipeline=[*_read, dict(type='RandomCrop', crop_size=(48, 48)), _pack]))
val_dataloader = test_dataloader = dict(
    _delete_=True, num_workers=0, sampler=dict(type='DefaultSampler', shuffle=False), dataset=dict(_data, pipeline=[*_read, _pack]))
del _data, _read, _pack
"""
UNET = """
_norm = dict(type='BN', requires_grad=True)
model = dict(
    _delete_=True, type='EncoderDecoder',
    data_preprocessor=dict(type='SegDataPreProcessor', bgr_to_rgb=True, pad_val=0, seg_pad_val=255, size=(64, 64)),
    backbone=dict(
        type='UNet', base_channels=4, num_stages=2, strides=(1, 1), enc_num_convs=(1, 1), dec_num_convs=(1,), downsamples=(True,),
        enc_dilations=(1, 1), dec_dilations=(1,), norm_cfg=_norm),
    decode_head=dict(type='FCNHead', in_channels=4, in_index=1, channels=4, num_convs=1, num_classes=2, norm_cfg=_norm),
    train_cfg=dict(), test_cfg=dict(mode='whole'))
del _norm
"""
CONCAT = """
train_dataloader['sampler'] = dict(_delete_=True, type='DefaultSampler', shuffle=True)
_read = [dict(type='LoadImageFromFile'), dict(type='LoadVesselAnnotations'), dict(type='PackVesselInputs')]
for _loader, _split in ((train_dataloader, 'train'), (val_dataloader, 'val'), (test_dataloader, 'test')):
    _one = dict(_loader['dataset'], type='DRIVEVesselDataset', split=_split, **({{}} if _split == 'train' else dict(pipeline=_read)))
    _loader['dataset'] = dict(_delete_=True, type='ConcatDataset', datasets=[_one, dict(_one, data_root={copy!r})])
del _loader, _split, _one, _read
"""


@pytest.fixture
def tool(shell, root):
    def run(name, *arguments, status=0):
        done = shell(sys.executable, root / 'tools' / f'{name}.py', *arguments)
        assert done.returncode == status and 'Traceback' not in done.stdout, done.stdout
        return done.stdout

    return run


@pytest.fixture
def converted(drive_like, tmp_path):
    """The test pictures as mmseg's converter leaves them: labels of 0 and 1."""
    folder = tmp_path / 'converted'
    for name in ('images', 'annotations'):
        (folder / name).mkdir(parents=True)
    for path in sorted((drive_like / 'test/images').iterdir()):
        number = path.name[:2]
        Image.open(path).convert('RGB').save(folder / f'images/{number}.png')
        label = np.asarray(Image.open(drive_like / f'test/1st_manual/{number}_manual1.gif').convert('L')) > 127
        Image.fromarray(label.astype(np.uint8)).save(folder / f'annotations/{number}_manual1.png')
    return folder


@pytest.mark.parametrize(
    'kind, more',
    [
        ('DRIVEDataset', ''),
        ('mmseg.BaseSegDataset', ", img_suffix='.png', seg_map_suffix='_manual1.png', metainfo=dict(classes=('background', 'vessel'))"),
    ],
)
def test_mmsegs_data_sets_train_and_test_with_the_right_figures(tool, tiny_config, converted, tmp_path, kind, more):
    config = tiny_config(CONVERTED.format(kind=kind, root=str(converted), more=more))
    tool('train', config, '--epochs', 1, '--allow-unsafe')
    tool('test', config, tmp_path / 'work/epoch_1.pth', '--threshold', '0.45', '--out', 'masks')
    results = json.loads((tmp_path / 'work/results.json').read_text())
    counts = np.zeros(3)
    for path in sorted((converted / 'images').iterdir()):
        found = np.asarray(Image.open(tmp_path / f'masks/{path.stem}.png')) > 0
        label = np.asarray(Image.open(converted / f'annotations/{path.stem}_manual1.png')) > 0
        counts += (found & label).sum(), (found & ~label).sum(), (~found & label).sum()
    assert counts[0] > 0 and results['metrics']['Dice'] == pytest.approx(2 * counts[0] / (2 * counts[0] + counts[1] + counts[2]))
    assert 'ready to train' in tool('check_setup', config)
    assert 'has no split' in tool('test', config, tmp_path / 'work/epoch_1.pth', '--choose-threshold', status=1)


def test_a_stock_model_takes_our_pictures_and_no_option_that_it_would_ignore(tool, tiny_config, drive_like, tmp_path):
    config, checkpoint = tiny_config(UNET), tmp_path / 'work/epoch_1.pth'
    tool('train', config, '--epochs', 1)
    assert 'ready to train' in tool('check_setup', config)
    tool('test', config, checkpoint, '--show-dir', 'overlays')
    assert json.loads((tmp_path / 'work/results.json').read_text())['data']['pictures'] == 3
    for option in (['--tta'], ['--threshold', '0'], ['--choose-threshold']):
        out = tool('test', config, checkpoint, *option, status=1)
        assert f'{option[0]}: only a VesselSegmentor is predicted that way, the config has model.type=EncoderDecoder' in out
    predict = ('predict', drive_like / 'test/images', '-o', 'out', '--config', config, '--checkpoint', checkpoint)
    assert 'tta: only a VesselSegmentor' in tool(*predict, '--tta', status=1) and '3 predicted' in tool(*predict, '--threshold', '0.4')
    assert 'from_checkpoint' not in tool('export_checkpoint', config, checkpoint, 'full.pth')
    assert "only a VesselSegmentor can be exported, the config has model.type='EncoderDecoder'" in tool(
        'export', config, checkpoint, 'x.onnx', status=1
    )


def test_data_sets_in_one_are_checked_trained_on_and_have_a_threshold_chosen(tool, tiny_config, drive_like, tmp_path):
    copy = tmp_path / 'copy' / 'DRIVE'
    shutil.copytree(drive_like, copy)
    config = tiny_config(CONCAT.format(copy=str(copy)))
    out = ' '.join(tool('check_setup', config).split())
    assert '10 train; train_dataloader: 5 of its 10 pictures repeat others' in out and '6 test' in out and 'ready to train' in out
    tool('train', config, '--epochs', 1)
    tool('test', config, tmp_path / 'work/epoch_1.pth', '--choose-threshold', 'trainval', '--store-threshold')
    results = json.loads((tmp_path / 'work/results.json').read_text())
    chosen = results['threshold_chosen_on']
    assert (chosen['split'], chosen['pictures'], len(chosen['parts'])) == ('trainval', 12, 2) and results['prediction']['threshold'] > 0


def test_a_pretraining_is_checked_too(tool, root, drive_like, tmp_path):
    config = tmp_path / 'pretrain.py'
    config.write_text(f"""_base_ = '{root}/configs/pretrain/mae_vitb16.py'
model = dict(
    backbone=dict(arch=dict(_delete_=True, embed_dims=48, num_layers=2, num_heads=3, feedforward_channels=96), img_size=64),
    neck=dict(num_patches=16, embed_dim=48, decoder_embed_dim=24, decoder_depth=1, decoder_num_heads=2))
train_dataloader = dict(batch_size=2, num_workers=0, persistent_workers=False,
    dataset=dict(data_root='{drive_like}/training/images', augmentation=dict(size=(64, 64))))
train_cfg = dict(max_epochs=1)
""")
    out = tool('check_setup', config, '--allow-unsafe')
    assert '6 train, no val, no test' in out and 'ready to train' in out
