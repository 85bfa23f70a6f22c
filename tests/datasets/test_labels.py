"""Labels of three values and more, whoever made them: the right reading, or one line."""

import numpy as np
import pytest
from PIL import Image

from mmseg_fundus.datasets.label_file import read_label, read_label_and_kind, read_mask
from mmseg_fundus.errors import DataError

VESSEL = np.zeros((40, 60), bool)
VESSEL[10:14, 5:55], VESSEL[5:35, 30:33] = True, True
RIM = np.zeros_like(VESSEL)
RIM[:, :4], RIM[:3] = True, True
LABEL = np.where(RIM, 255, VESSEL).astype(np.uint8)  # mmsegmentation's convention
BINARY = VESSEL.astype(np.uint8)
COLOURS = dict(black=(0, 0, 0), white=(255, 255, 255), red=(255, 0, 0), blue=(0, 0, 255), green=(0, 255, 0), maroon=(128, 0, 0))


def grey(values, path, kind=np.uint8, suffix='png', **options):
    Image.fromarray(np.asarray(values).astype(kind)).save(f'{path}.{suffix}', **options)


def palette(indices, colours, path):
    image = Image.fromarray(indices.astype(np.uint8), 'P')
    flat = [0] * 768
    for index, colour in colours.items():
        flat[3 * index : 3 * index + 3] = COLOURS.get(colour, colour)
    image.putpalette(flat)
    image.save(f'{path}.png')


def rgb(path, *layers, background='black'):
    picture = np.zeros((*VESSEL.shape, 3), np.uint8) + np.array(COLOURS[background], np.uint8)
    for where, colour in layers:
        picture[where] = COLOURS[colour]
    Image.fromarray(picture).save(f'{path}.png')


def layer(path, colour, opaque=VESSEL, background=(0, 0, 0)):
    """A drawing on a transparent layer."""
    picture = np.zeros((*VESSEL.shape, 4), np.uint8)
    picture[..., :3] = background
    picture[opaque, :3], picture[opaque, 3] = colour, 255
    Image.fromarray(picture).save(f'{path}.png')


def smooth(path, suffix='png', **options):
    big = Image.fromarray(BINARY * 255).resize((240, 160), Image.NEAREST)
    big.resize((60, 40), Image.LANCZOS if suffix == 'jpg' else Image.BOX).save(f'{path}.{suffix}', **options)


SECOND, CROSSING = np.roll(VESSEL, 18, 0) & ~VESSEL, np.roll(VESSEL, 9, 1) & ~VESSEL
THREE = VESSEL | SECOND | CROSSING
MMSEG = {0: (120, 120, 120), 1: (6, 230, 230)}  # of mmsegmentation's vessel data sets
READ = {
    '0, 1 and 255': (lambda p: grey(LABEL, p), LABEL),
    '0, 1 and 255 in 16 bit': (lambda p: grey(LABEL, p, np.uint16), LABEL),
    '0, 1 and 65535': (lambda p: grey(np.where(RIM, np.uint16(65535), BINARY), p, np.uint16), LABEL),
    '0, 1 and 255 in colour channels': (lambda p: grey(np.dstack([LABEL] * 3), p), LABEL),
    '0, 1 and 255 in 32 bit': (lambda p: grey(LABEL, p, np.int32, 'tif'), LABEL),
    '0, 1 and 255 in floating point': (lambda p: grey(LABEL, p, np.float32, 'tif'), LABEL),
    '0 and 65535': (lambda p: grey(BINARY.astype(np.uint16) * 65535, p, np.uint16), BINARY),
    '0.0 and 1.0': (lambda p: grey(BINARY, p, np.float32, 'tif'), BINARY),
    '0.0 and 255.0': (lambda p: grey(BINARY * 255.0, p, np.float32, 'tif'), BINARY),
    'edges in floating point': (lambda p: grey(np.maximum(BINARY, 0.3 * np.roll(BINARY, 1)), p, np.float32, 'tif'), BINARY),
    'no vessel': (lambda p: grey(BINARY * 0, p), BINARY * 0),
    'palette, black and white': (lambda p: palette(BINARY, {0: 'black', 1: 'white'}, p), BINARY),
    'palette, black and red': (lambda p: palette(BINARY, {0: 'black', 1: 'red'}, p), BINARY),
    'palette, black and maroon': (lambda p: palette(BINARY, {0: 'black', 1: 'maroon'}, p), BINARY),
    'palette of mmsegmentation': (lambda p: palette(BINARY, MMSEG, p), BINARY),
    'palette of mmsegmentation, ignoring': (lambda p: palette(LABEL, MMSEG, p), LABEL),
    'palette without an entry for 255': (lambda p: palette(LABEL, {0: 'black', 1: 'white'}, p), LABEL),
    'palette that says nothing': (lambda p: palette(BINARY, {}, p), BINARY),
    'palette without vessels': (lambda p: palette(np.where(RIM, 255, 0), {}, p), np.where(RIM, 255, 0)),
    'palette, its white first': (lambda p: palette(1 - BINARY, {0: 'white', 1: 'black'}, p), BINARY),
    'palette of arteries and veins': (
        lambda p: palette(VESSEL * 1 + SECOND * 2, {0: 'black', 1: 'red', 2: 'blue'}, p),
        VESSEL | SECOND,
    ),
    'arteries and veins': (lambda p: rgb(p, (VESSEL, 'red'), (SECOND, 'blue'), (CROSSING, 'green')), THREE),
    'arteries, veins and others': (lambda p: rgb(p, (VESSEL, 'red'), (SECOND, 'blue'), (CROSSING, 'white')), THREE),
    'veins alone': (lambda p: rgb(p, (VESSEL, 'blue')), BINARY),
    'black on a transparent layer': (lambda p: layer(p, 0), BINARY),
    'white on a transparent layer': (lambda p: layer(p, 255), BINARY),
    'red on a transparent layer of white': (lambda p: layer(p, (255, 0, 0), background=(255, 255, 255)), BINARY),
    'opaque': (lambda p: Image.fromarray(BINARY * 255).convert('RGBA').save(f'{p}.png'), BINARY),
    'grey and opaque': (lambda p: Image.fromarray(BINARY * 255).convert('LA').save(f'{p}.png'), BINARY),
    'one grey at edges': (lambda p: grey(np.maximum(BINARY * 255, np.roll(BINARY, 1, 0) * 90), p), BINARY),
    'antialiased': (smooth, BINARY),
    'jpeg': (lambda p: smooth(p, 'jpg', quality=75), BINARY),
}


@pytest.mark.parametrize('kind', READ)
def test_labels_are_read_right_whoever_made_them(tmp_path, kind):
    write, expected = READ[kind]
    write(tmp_path / 'label')
    label = read_label(next(tmp_path.iterdir()))
    assert label.dtype == np.uint8 and np.array_equal(label, expected)


REFUSED = {
    'three classes': (lambda p: grey(VESSEL + 2 * SECOND, p), 'holds 3 different values \\(0, 1, 2\\).*not_black'),
    'an area of grey': (lambda p: grey(BINARY * 255 + RIM * 128 * ~VESSEL, p), 'holds 3 different values \\(0, 128, 255\\)'),
    'a small area of grey': (
        lambda p: grey(np.where(np.pad(np.ones((6, 6), bool), ((20, 14), (40, 14))), 128, BINARY * 255), p),
        'holds 3 different values \\(0, 128, 255\\)',
    ),
    'thin vessels of grey': (
        lambda p: grey(np.where(np.arange(60) == 50, np.arange(40)[:, None] % 40 // 20 * 128, BINARY * 255), p),
        'holds 3 different values \\(0, 128, 255\\)',
    ),
    'a few ones': (
        lambda p: grey(np.where(np.arange(2400).reshape(40, 60) == 5, 1, BINARY * 255), p),
        "holds 0, 1 and 255, and 1 in 1 pixels only.*'indices'",
    ),
    'minus one': (lambda p: grey(np.where(RIM, -1, BINARY.astype(int)), p, np.int32, 'tif'), 'holds 3 different values \\(-1, 0, 1\\)'),
    'not a number': (lambda p: grey(np.where(RIM, np.nan, BINARY), p, np.float32, 'tif'), 'holds 3 different values \\(0, 1, nan\\)'),
    'a colour that may mean anything': (lambda p: rgb(p, (VESSEL, 'white'), (SECOND, 'red')), 'is coloured: red, green and blue'),
    'a channel of ones': (lambda p: grey(np.dstack([BINARY, BINARY * 0, BINARY * 0]), p), 'is coloured'),
    'black and white with a transparent rim': (
        lambda p: layer(p, np.repeat(BINARY[~RIM, None] * 255, 3, 1), ~RIM),
        'is transparent in places, and black and another colour',
    ),
    '0 and 1 in a jpeg': (
        lambda p: grey(np.kron(BINARY, np.ones((16, 16))), p, suffix='jpg', quality=100),
        'holds 2 different values \\(0, 1\\)',
    ),
}


@pytest.mark.parametrize('kind', REFUSED)
def test_labels_that_could_mean_anything_are_one_line(tmp_path, kind):
    write, words = REFUSED[kind]
    write(tmp_path / 'label')
    path = next(tmp_path.iterdir())
    with pytest.raises(DataError, match=f'{path} {words}') as error:
        read_label(path)
    assert '\n' not in str(error.value)


@pytest.mark.parametrize(
    'write, values, expected',
    [
        (lambda p: grey(np.where(RIM, 255, 0), p), 'indices', np.where(RIM, 255, 0)),
        (lambda p: grey(BINARY * 0 + 255, p), 'indices', BINARY * 0 + 255),
        (lambda p: palette(1 - BINARY, {0: 'white', 1: 'black'}, p), 'indices', 1 - BINARY),
        (lambda p: grey(LABEL, p), 'white', RIM),
        (lambda p: grey(VESSEL + 2 * SECOND, p), 'not_black', VESSEL | SECOND),
        (lambda p: rgb(p, (VESSEL, 'white'), (SECOND, 'red')), 'not_black', VESSEL | SECOND),
        (lambda p: grey(np.maximum(BINARY * 255, SECOND * 128), p), 'white', VESSEL | SECOND),
    ],
)
def test_what_the_numbers_mean_can_be_said(tmp_path, write, values, expected):
    write(tmp_path / 'label')
    assert np.array_equal(read_label(next(tmp_path.iterdir()), values), expected)


@pytest.mark.parametrize('values', ['indices', 'not_black'])
def test_a_jpeg_keeps_no_numbers(tmp_path, values):
    smooth(tmp_path / 'label', 'jpg')
    with pytest.raises(DataError, match='is a JPEG file, which keeps neither numbers nor exact black'):
        read_label(tmp_path / 'label.jpg', values)


def test_a_field_of_view_of_three_values_is_refused(tmp_path):
    grey(LABEL, tmp_path / 'fov')
    with pytest.raises(DataError, match='fov.png holds 3 different values \\(0, 1, 255\\); a field-of-view mask holds two'):
        read_mask(tmp_path / 'fov.png')


def test_it_is_known_how_a_label_is_stored(tmp_path):
    for name, values in dict(a=LABEL, b=BINARY, c=BINARY * 255, d=BINARY * 0).items():
        grey(values, tmp_path / name)
    assert [read_label_and_kind(tmp_path / f'{name}.png')[1] for name in 'abcd'] == ['ignoring', 'indices', 'white', 'any']
