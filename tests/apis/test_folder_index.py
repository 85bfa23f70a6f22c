"""The index page and its previews, written by PredictionFolder."""

import importlib.util
import io
import re
import shutil
import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from mmseg_fundus.apis import PredictionFolder, VesselPrediction
from mmseg_fundus.apis.folder import default_outputs
from mmseg_fundus.apis.outputs import write_output
from mmseg_fundus.datasets.synthetic import synthetic_fundus
from mmseg_fundus.errors import ConfigError


def prediction(height=60, width=80, seed=0, found=0.9) -> VesselPrediction:
    picture, label, fov = (np.resize(array, (height, width, *array.shape[2:])) for array in synthetic_fundus(seed, 64))
    probability = np.where(label > 0, found, 0.1).astype(np.float32) * (fov > 0)
    return VesselPrediction('eye', picture, probability, fov > 0)


def run(folder, names, outputs=None, failed=None, **options) -> tuple:
    """What a run of tools/predict.py does; the folder, and the page."""
    out = PredictionFolder(folder, outputs or default_outputs(), **options)
    for name in names:
        if not out.is_done(Path(name)):
            out.write(Path(name), prediction())
    pictures = out.pictures(map(Path, names), {Path(name): reason for name, reason in (failed or {}).items()})
    out.write_table(pictures)
    page = out.write_index(pictures, {Path(name): reason for name, reason in (failed or {}).items()})
    return out, page.read_text(encoding='utf-8') if page else None


def listed(page: str) -> list:
    return re.findall(r'<th scope="row" title="([^"]*)">', page)


def files(folder: Path) -> set:
    return {path.relative_to(folder).as_posix() for path in folder.rglob('*') if path.is_file()}


def test_by_default_all_is_written_and_nothing_else(tmp_path):
    run(tmp_path, ['left/eye.1'])
    kinds = {'mask': 'png', 'probability': 'png', 'overlay': 'jpg', 'fov': 'png', 'measurements': 'json'}
    kinds.update({'index/photograph': 'jpg', 'index/vessels': 'png', 'index/thumbnail': 'jpg'})
    each = {f'{kind}/left/eye.1.{end}' for kind, end in kinds.items()}
    assert files(tmp_path) == {*each, 'index.html', 'measurements.csv', 'settings.json'}
    assert 'uncertainty' in default_outputs(3) and 'uncertainty' not in default_outputs(1)
    fov = np.asarray(Image.open(tmp_path / 'fov/left/eye.1.png'))
    assert np.array_equal(fov, prediction().fov * np.uint8(255)) and {0, 255} == set(np.unique(fov))


@pytest.mark.parametrize('outputs', [['mask'], ['mask', 'index'], ['measurements']])
def test_what_is_not_asked_for_is_not_written(tmp_path, outputs):
    _, page = run(tmp_path, ['eye'], outputs)
    assert {Path(name).parts[0] for name in files(tmp_path)} - {'settings.json', 'index.html', 'measurements.csv'} == set(outputs)
    assert (page is not None) == (tmp_path / 'index.html').is_file() == ('index' in outputs)
    assert page is None or ('>mask</a>' in page and '>fov</a>' not in page)


@pytest.mark.parametrize('size', [(60, 80), (1, 1), (900, 1700), (1601, 5)])
def test_photograph_and_vessels_of_the_page_lie_over_each_other(tmp_path, size):
    out = PredictionFolder(tmp_path, ['index'])
    out.write(Path('eye'), prediction(*size))
    photograph, vessels = Image.open(tmp_path / 'index/photograph/eye.jpg'), Image.open(tmp_path / 'index/vessels/eye.png')
    assert photograph.size == vessels.size and max(photograph.size) == min(max(size), 800)
    assert photograph.size[0] / photograph.size[1] == pytest.approx(size[1] / size[0], rel=0.01) or min(photograph.size) < 9
    assert max(Image.open(tmp_path / 'index/thumbnail/eye.jpg').size) <= 288


def test_the_layer_is_opaque_on_vessels_and_clear_beside_them():
    height, width, mask, fov = 400, 1600, np.zeros((400, 1600), bool), np.ones((400, 1600), bool)
    mask[200:204] = True
    fov[:, :100] = False
    out = prediction(height, width)
    out.probability, out.fov = mask.astype(np.float32), fov
    file = io.BytesIO()
    write_output('index/vessels', 'png', out)(file)
    layer = np.asarray(Image.open(file).convert('RGBA'))
    assert layer.shape == (200, 800, 4)
    assert (layer[100:102, 60:, 3] == 255).all() and (layer[104:, 60:, 3] == 0).all() and (layer[:, :48, 3] == 0).all()
    edge = layer[50, :, 3] > 0
    assert edge.nonzero()[0].tolist() == [50], 'the edge of the field of view is a line; there is none along the frame'


def test_a_page_shows_what_earlier_runs_with_the_same_settings_left(tmp_path):
    run(tmp_path, ['b', 'a.x', 'sub/c'], settings={'threshold': 0.5})
    _, page = run(tmp_path, ['d'], settings={'threshold': 0.5}, failed={'e': 'e.png is no picture'})
    assert listed(page) == ['a.x', 'b', 'd', 'sub/c'] and 'e.png is no picture' in page
    table = (tmp_path / 'measurements.csv').read_text().splitlines()
    assert [row.partition(',')[0] for row in table] == ['picture', 'a.x', 'b', 'd', 'sub/c']


def test_other_settings_take_nothing_over_and_leave_no_page_that_is_wrong(tmp_path):
    run(tmp_path, ['a', 'b'], settings={'threshold': 0.5})
    with pytest.raises(ConfigError):
        run(tmp_path, ['a'], settings={'threshold': 0.3})
    assert (tmp_path / 'index.html').is_file()
    out = PredictionFolder(tmp_path, default_outputs(), settings={'threshold': 0.3}, overwrite=True)
    assert not (tmp_path / 'index.html').exists(), 'a run that is killed now leaves no page with the settings of before'
    out.write(Path('a'), prediction())
    _, page = run(tmp_path, ['a'], settings={'threshold': 0.3})
    assert listed(page) == ['a'] and not PredictionFolder(tmp_path, ['index'], settings={'threshold': 0.3}).is_done(Path('b'))


def test_a_picture_that_was_killed_half_way_is_done_again_and_leaves_no_leftovers(tmp_path, monkeypatch):
    run(tmp_path, ['a'])
    (tmp_path / 'index/vessels/b.png').write_bytes(b'x')
    leftover = tmp_path / 'index/photograph/.4194305-0123abcd.b.jpg.tmp'
    leftover.write_bytes(b'half')
    assert not PredictionFolder(tmp_path, default_outputs()).is_done(Path('b'))
    _, page = run(tmp_path, ['b'])
    assert listed(page) == ['a', 'b'] and not leftover.exists() and not list(tmp_path.rglob('.*'))


def test_a_failed_picture_of_this_run_is_not_shown_with_the_files_of_an_earlier_one(tmp_path):
    run(tmp_path, ['a', 'b'])
    _, page = run(tmp_path, ['a'], failed={'b': 'b.png is truncated'})
    assert listed(page) == ['a'] and '1 photograph predicted, 1 failed' in page


def test_a_page_that_cannot_be_written_leaves_the_one_of_before(tmp_path, monkeypatch):
    out, before = run(tmp_path, ['a'])

    def full(self, *args, **options):
        with open(self, 'w') as file:
            file.write('<!DOCTYPE')
        raise OSError(28, 'No space left on device')

    monkeypatch.setattr(Path, 'write_text', full)
    with pytest.raises(Exception, match='No space left'):
        out.write_index([Path('a')])
    assert (tmp_path / 'index.html').read_text(encoding='utf-8') == before and not list(tmp_path.glob('.*'))


@pytest.fixture
def browser(tmp_path):
    if not (shutil.which('chromium') and shutil.which('chromedriver')):
        pytest.skip('chromium and chromedriver are not on this machine')
    spec = importlib.util.spec_from_file_location('browser_check', Path(__file__).parent.parent / 'report/browser_check.py')
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    opened = module.Browser(str(tmp_path / 'profile'))
    opened.module = module
    yield opened
    opened.close()


def wait_for(browser, expression: str) -> None:
    until = time.monotonic() + 60
    while not browser.script(f'return {expression}'):
        assert time.monotonic() < until, expression
        time.sleep(0.1)


@pytest.mark.slow
def test_the_page_works_in_a_browser_from_files_alone(browser, tmp_path):
    names = ['<img src=x onerror=alert(1)>', '50% #1?', 'a "b" \'c\' &amp;', 'tief/ä 眼']
    run(tmp_path / 'out', names, failed={'bad': '<img src=x onerror=alert(1)> is no picture'})
    path = tmp_path / 'out/index.html'
    for size, phone in ((browser.module.DESKTOP, False), (browser.module.PHONE, True)):
        browser.open(path, size, phone)
        assert browser.script('return document.documentElement.scrollWidth') <= size[0]
        browser.module.check_table(browser)
        order = browser.script('return [...document.querySelectorAll("a.open")].map(link => link.textContent)')
        assert sorted(order) == sorted(names)
        shown = '[...document.querySelectorAll("dialog .stack img")]'
        browser.script('document.querySelector("a.open").click()')
        for i, name in enumerate(order):
            wait_for(browser, f'{shown}.every(image => image.complete && image.naturalWidth == 80 && image.naturalHeight == 60)')
            assert browser.script('return document.querySelector("#viewed").textContent') == name
            box = browser.script('const b = document.querySelector("dialog .stack").getBoundingClientRect(); return [b.width, b.height]')
            assert box[0] / box[1] == pytest.approx(80 / 60, rel=0.02)
            where = browser.script('return decodeURIComponent(document.querySelector("dialog .photograph").src)')
            assert where.endswith(f'/index/photograph/{name}.jpg'), 'up and down go through the rows as they are sorted'
            assert browser.script('return document.querySelectorAll("dialog .files a").length') == 4
            if i + 1 < len(order):
                browser.press('\ue015')  # down
        browser.module.check_slider(browser, 'touch' if phone else 'mouse')
        browser.press('\ue00c')  # escape
        wait_for(browser, '!document.querySelector("dialog").open')
        assert browser.script('return document.activeElement.textContent') == order[-1], 'back where the reader was'
    assert browser.console() == []
    assert all(url.startswith('file:') for url in browser.requests())
