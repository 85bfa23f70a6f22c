"""Uncertainty on the page: risk and coverage, the members of an ensemble, and where they differ."""

import base64
import io
import json
import re

import numpy as np
import pytest
from PIL import Image

from mmseg_fundus.evaluation.mask_writer import save_grey
from mmseg_fundus.report import gather, make_page
from mmseg_fundus.report.pictures import BYTES

from .conftest import NAMES, change

ENTROPY = {'coverage': [0.1, 0.5, 1.0], 'risk': [0.0, 0.0123, 0.08], 'area': 0.0211, 'chance': 0.08, 'best': 0.0033}
SPREAD = {'coverage': [0.1, 0.5, 1.0], 'risk': [0.001, 0.02, 0.08], 'area': 0.0322, 'chance': 0.08, 'best': 0.0033}
MEMBERS = ['<b>0</b>.pth', '1.pth', '2.pth']


def tested(work, **curves):
    """Give the results risk-coverage curves; with that of the spread they are of an ensemble, and each picture has its uncertainty."""
    found = json.loads((work / 'results.json').read_text())
    found['report']['curves']['risk_coverage'] = curves
    change(work, report=found['report'], trained={**found['trained'], **({'members': MEMBERS} if 'spread' in curves else {})})
    (work / 'masks/uncertainty').mkdir()
    spread = np.zeros((64, 64))
    spread[:, 32:] = 0.25
    for name in NAMES:
        save_grey(work / f'masks/uncertainty/{name}.png', spread, 0.5)


def chart_of(page):
    """The chart of risk and coverage, and its points by the class of each line."""
    figure = re.search(r'<figure class="chart"><figcaption>Risk and coverage</figcaption>.*?</figure>', page)[0]
    (low, high), (y_low, y_high), (left, right, top, bottom) = (
        tuple(map(float, re.search(f'data-{key}="(.*?)"', figure)[1].split())) for key in ('x', 'y', 'box')
    )
    lines = {}
    for line, path in re.findall(r'<path class="line line(\d)" data-name=".*?" d="M(.*?)"/>', figure):
        at = np.array([[float(value) for value in point.split()] for point in path.split('L')])
        x = low + (at[:, 0] - left) / (right - left) * (high - low)
        lines[int(line)] = np.stack([x, y_low + (bottom - at[:, 1]) / (bottom - top) * (y_high - y_low)], axis=1)
    return figure, lines


def pixels(uri):
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(uri.split(',')[1])))).astype(int)


def test_risk_and_coverage_are_a_chart_beside_chance_with_their_areas(work):
    tested(work, entropy=ENTROPY, spread=SPREAD)
    figure, lines = chart_of(make_page(gather(work)))
    for line, curve in ((0, ENTROPY), (1, SPREAD)):
        np.testing.assert_allclose(lines[line], np.stack([curve['coverage'], curve['risk']], axis=1), atol=2e-3)
    np.testing.assert_allclose(lines[2], [[0, 0.08], [1, 0.08]], atol=1e-3)
    for words in (
        'by entropy, area 0.0211',
        'by spread of the members, area 0.0322',
        'chance, area 0.0800',
        'best possible area is 0.0033',
    ):
        assert words in figure
    assert 'aria-label="Risk and coverage: Risk (share of wrong pixels) by Coverage (share of pixels, most certain first)"' in figure


def test_a_single_network_has_one_curve_and_no_uncertainty_that_an_ensemble_left(work):
    tested(work, entropy=ENTROPY)
    page = make_page(gather(work))
    figure, lines = chart_of(page)
    assert set(lines) == {0, 2} and 'spread' not in figure
    assert (
        '<dt>Ensemble' not in page
        and 'class="uncertainty"' not in page
        and 'class="scale"' not in page
        and 'paired' not in page.split('</style>')[1]
    )


@pytest.mark.parametrize('curves', [None, {}, {'entropy': {}}, {'entropy': {'chance': 0.1, 'area': 0.1}}, {'spread': [1]}])
def test_results_without_a_curve_have_no_chart_of_it(work, curves):
    before = make_page(gather(work))
    found = json.loads((work / 'results.json').read_text())
    found['report']['curves']['risk_coverage'] = curves
    change(work, report=found['report'])
    page = make_page(gather(work))
    assert 'Risk and coverage' not in page
    assert 'Left out of' in page if curves == {'spread': [1]} else page == before


def test_the_members_of_an_ensemble_are_named(work):
    tested(work, entropy=ENTROPY, spread=SPREAD)
    assert '<dt>Ensemble of 3</dt><dd><bdi>&lt;b&gt;0&lt;/b&gt;.pth, 1.pth, 2.pth</bdi></dd>' in make_page(gather(work))


def test_where_the_members_differ_is_shown_beside_each_picture(work):
    tested(work, entropy=ENTROPY, spread=SPREAD)
    gathered = gather(work, pictures=2)
    page = make_page(gathered)
    assert page.count('<img class="uncertainty" src="data:image/jpeg;base64,') == 4 == page.count('type="range"')
    assert 'alt="plain: uncertainty, dark where the members agree, bright where they differ"' in page
    assert page.count('class="scale"') == 1 and 'uncertainty, 0 to 0.25 and above: standard deviation' in page
    for picture in gathered.pictures:
        drawn = pixels(picture.uncertainty)
        assert drawn.shape == pixels(picture.overlay).shape and not picture.note
        assert drawn[:, :24].max() < 40 and drawn[:, -24:].mean(axis=(0, 1)) == pytest.approx([252, 255, 164], abs=6)


def test_an_uncertainty_that_is_missing_or_of_another_picture_is_told_and_the_rest_is_shown(work):
    tested(work, entropy=ENTROPY, spread=SPREAD)
    (work / 'masks/uncertainty/plain.png').unlink()
    save_grey(work / f'masks/uncertainty/{NAMES[0]}.png', np.zeros((30, 64)), 0.5)
    found = {picture.row['picture']: picture for picture in gather(work).pictures}
    assert 'uncertainty/plain.png' in found['plain'].note and not found['plain'].uncertainty and found['plain'].overlay
    assert 'the uncertainty ' in found[NAMES[0]].note and not found[NAMES[0]].uncertainty and found[NAMES[0]].overlay
    assert found[NAMES[1]].uncertainty and not found[NAMES[1]].note


def test_three_images_a_picture_take_no_more_room_than_two(work):
    tested(work, entropy=ENTROPY, spread=SPREAD)
    rng = np.random.default_rng(0)
    for name in NAMES:
        noise = rng.integers(0, 255, (700, 700, 3), np.uint8)
        Image.fromarray(noise).save(work.parent / 'data/test/images' / f'{name}.png', compress_level=0)
        for path in (work.parent / 'data/test/labels' / f'{name}.png', work / 'masks' / f'{name}.png'):
            Image.fromarray((noise[..., 0] > 200).astype(np.uint8) * 255).save(path, compress_level=1)
        save_grey(work / f'masks/uncertainty/{name}.png', noise[..., 1] / 510, 0.5)
    found = gather(work, pictures=5).pictures
    assert all(picture.uncertainty for picture in found)
    assert sum(len(one.photograph) + len(one.overlay) + len(one.uncertainty) for one in found) <= BYTES * 1.01
