"""The report: what it gathers, what it says where something is missing, and that nothing in it is markup but its own."""

import importlib.util
import json
import os
import shutil
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from mmseg_fundus.errors import ConfigError, DataError
from mmseg_fundus.report import gather, make_page
from mmseg_fundus.report.pictures import BYTES, choose

from .conftest import CONFIG, NAMES, change

ROOT = Path(__file__).resolve().parents[2]


class Tags(HTMLParser):
    """Tags, attributes and text of a page."""

    def __init__(self, page: str):
        super().__init__()
        self.tags, self.text = [], []
        self.feed(page)

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data):
        self.text.append(data)

    def all(self, tag, **wanted):
        return [found for name, found in self.tags if name == tag and wanted.items() <= found.items()]


def checked(page: str) -> Tags:
    """Nothing in the page is run or loaded but its own script and images."""
    tags = Tags(page)
    assert len(tags.all('script')) == 1 and not tags.all('script')[0]
    for tag, attributes in tags.tags:
        assert tag not in ('iframe', 'object', 'embed', 'base', 'form', 'a'), tag
        assert not [name for name in attributes if name.startswith('on')], attributes
        for name in ('src', 'href', 'xlink:href', 'srcset', 'action'):
            assert attributes.get(name, 'data:').startswith('data:'), attributes
    assert 'http://' not in page and 'https://' not in page and 'url(' not in page and '@import' not in page
    return tags


@pytest.mark.slow
def test_a_page_has_all_its_parts_and_odd_names_stay_text(work):
    gathered = gather(work, pictures=2)
    page = make_page(gathered)
    tags = checked(page)
    text = ''.join(tags.text)
    for name in NAMES:
        assert name in text
    assert CONFIG in text and 'max_epochs = 2' in text and '<i>note</i>' in text and '<b>tiny' in text
    share = gathered.results.report.inside.topology['Share wide']
    assert 'By vessel width' in tags.text and f'{share:.4f}' in tags.text and 'connected parts: ' in text and 'loops: ' in text
    for heading in ('Figures', 'Scores', 'Measures', 'Best and worst pictures', 'Every picture', 'Training', 'Made from'):
        assert heading in tags.text
    assert len(tags.all('input', type='range')) == 4 and len(tags.all('img')) == 8
    assert [a['class'] for a in tags.all('figure')].count('chart') == 11
    agreement = gathered.results.report.inside.agreement['tortuosity_local']
    assert 'Expected and true Dice' in tags.text and f'{agreement["mean"]:.4g}' in tags.text and 'expected without labels: mean' in text
    assert len(tags.all('th', **{'aria-sort': 'none'})) == 11 and not tags.all('p', **{'class': 'missing'})
    assert f'{gathered.results.metrics["Dice"]:.4f}' in tags.text and 'ab' * 32 in tags.text
    assert len(page) < 5e6
    assert {picture.note for picture in gathered.pictures} == {''}
    ranks = [(picture.rank, picture.row['Dice']) for picture in gathered.pictures]
    assert [rank for rank, _ in ranks] == ['worst', 'worst', 'best', 'best'] and ranks[0][1] < ranks[1][1] < ranks[3][1] < ranks[2][1]


def test_what_is_shown_can_always_be_written(work):
    change(work, method='\ud800lone\x00', config=None)
    assert '?lone?' in make_page(gather(work)).encode('utf-8').decode()


def remove_masks(work):
    shutil.rmtree(work / 'masks')


def move_data(work):
    shutil.move(work.parent / 'data', work.parent / 'moved')


def old_results(work):
    """As versions before curves and masks wrote them."""
    report = json.loads((work / 'results.json').read_text())['report']
    report.pop('curves')
    change(work, report=report, masks=None)


def figures_alone(work):
    """As the file of lwnet's figures in configs/results."""
    change(
        work, phase=None, masks=None, report={'field of view': {'pooled': {'Dice': 0.8}}}, metrics={'Dice': 0.8}, weights=None, config=None
    )


def undefined(work):
    report = json.loads((work / 'results.json').read_text())['report']
    report['pictures'][0].update({'Dice': None, 'AUC-ROC': float('nan'), 'clDice': 'text'})
    report['field of view']['pooled']['MCC'] = None
    report['curves']['roc']['fpr'][3] = None
    change(work, report=report)


def broken_values(work):
    change(work, report={'field of view': 3, 'pictures': 5, 'curves': [1]}, phase=['x'], weights='w', data=7, trained=[1], versions=2)


def no_photograph(work):
    (work.parent / 'data/test/images/plain.png').unlink()


def no_training(work):
    shutil.rmtree(work / '20260102_030000')


def validation(work):
    change(work, phase='val', report=None, epoch=3, masks=None, checkpoint=None)


@pytest.mark.slow
@pytest.mark.parametrize(
    'spoil, words',
    [
        (remove_masks, ['masks, is not there. What helps:', "python tools/test.py '/somewhere/<b>tiny.py' "]),
        (move_data, ['data set folder not found: looked for', '--data-root DIR']),
        (old_results, ['No predicted masks are known', 'These results hold no curves', 'python tools/test.py']),
        (figures_alone, ['0.8000', 'These results hold no curves']),
        (undefined, ['–']),
        (broken_values, ['Figures', 'Left out of ', 'phase is a list, a text was expected; report.field of view is ']),
        (no_photograph, ['has no picture in']),
        (no_training, ['No curves of a training lie beside these results']),
        (validation, ['Validation after epoch 3', 'There is no test yet:', 'best_Dice_epoch_2.pth']),
    ],
)
def test_what_is_missing_is_a_sentence(work, spoil, words):
    spoil(work)
    text = ''.join(checked(make_page(gather(work))).text)
    for word in words:
        assert word in text


def test_data_that_moved_are_found_with_their_new_folder(work):
    move_data(work)
    gathered = gather(work, data_root=work.parent / 'moved')
    assert len(gathered.pictures) == 5 and all(picture.photograph for picture in gathered.pictures)


@pytest.mark.slow
def test_a_mask_that_is_not_the_tests_is_told(work):
    mask = np.asarray(Image.open(work / 'masks/plain.png'))
    Image.fromarray(np.roll(mask, 3)).save(work / 'masks/plain.png')
    (work / f'masks/{NAMES[0]}.png').write_bytes(b'no picture')
    notes = {picture.row['picture']: picture.note for picture in gather(work).pictures}
    assert 'was changed after the test' in notes['plain'] and 'is no picture' in notes[NAMES[0]] and not notes[NAMES[1]]


def test_a_work_folder_without_results_shows_its_training(work):
    (work / 'results.json').unlink()
    page = make_page(gather(work))
    assert 'Vessel Dice' in Tags(page).text and 'python tools/test.py' in page


@pytest.mark.slow
def test_the_newest_test_below_a_folder_is_read(work, tmp_path):
    for age, name in ((300, 'old'), (0, 'new')):
        shutil.copytree(work, work / name, ignore=shutil.ignore_patterns('old', 'new', '2026*', '*.pth'))
        os.utime(work / name / 'results.json', (1e9 - age, 1e9 - age))
    change(work, phase='val', report=None)
    gathered = gather(work)
    assert gathered.folder == work / 'new' and gathered.training_folder == work, "the checkpoint's folder has the training"


@pytest.mark.parametrize(
    'content, words',
    [('{', 'is no results.json'), ('[1]', 'it holds no metrics'), ('{"metrics": {}}', 'no metrics'), ('[' * 100_000, 'no results')],
)
def test_a_file_that_is_none_is_refused_in_a_line(tmp_path, content, words):
    (tmp_path / 'results.json').write_text(content)
    with pytest.raises(DataError, match=words):
        gather(tmp_path)


def test_nothing_to_report_is_refused(tmp_path):
    with pytest.raises(ConfigError, match='is not there'):
        gather(tmp_path / 'nowhere')
    with pytest.raises(ConfigError, match='neither results.json nor'):
        gather(tmp_path)


@pytest.mark.slow
def test_no_other_file_than_a_config_is_shown(work):
    (work / 'secret.txt').write_text('secret')
    change(work, config=str(work / 'secret.txt'))
    assert 'Configuration' not in gather(work).configs


@pytest.mark.slow
def test_a_page_of_many_large_pictures_stays_small(work):
    rng = np.random.default_rng(0)
    for name in NAMES:
        noise = rng.integers(0, 255, (500, 500, 3), np.uint8)
        Image.fromarray(noise).save(work.parent / 'data/test/images' / f'{name}.png', compress_level=0)
        for path in (work.parent / 'data/test/labels' / f'{name}.png', work / 'masks' / f'{name}.png'):
            Image.fromarray((noise[..., 0] > 200).astype(np.uint8) * 255).save(path)
    report = json.loads((work / 'results.json').read_text())['report']
    report['pictures'] = [{**row, 'picture': f'{row["picture"]}'} for row in report['pictures']] * 600
    change(work, report=report)
    gathered = gather(work, pictures=25)
    page = make_page(gathered)
    assert all(p.photograph and p.overlay for p in gathered.pictures)
    assert sum(len(p.photograph) + len(p.overlay) for p in gathered.pictures) <= BYTES * 1.01
    assert len(page) < 5e6 and 'The 1000 pictures with the lowest Dice, of 3000' in page


def test_best_and_worst_are_never_the_same_picture():
    rows = [{'picture': str(i), 'Dice': i / 10} for i in range(5)] + [{'picture': 'x', 'Dice': None}]
    for count, expected in ((1, '04'), (2, '0143'), (3, '01432'), (9, '01432')):
        assert ''.join(picture.row['picture'] for picture in choose(rows, count)) == expected
    assert [picture.rank for picture in choose(rows[:1], 3)] == ['best'] and choose(rows[-1:], 3) == []


@pytest.mark.slow
def test_the_page_works_in_a_browser(work):
    """Sliders, sorting and read-outs on a desktop and a phone; no console message, no request."""
    if not (shutil.which('chromium') and shutil.which('chromedriver')):
        pytest.skip('chromium and chromedriver are not on this machine')
    spec = importlib.util.spec_from_file_location('browser_check', Path(__file__).with_name('browser_check.py'))
    browser_check = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(browser_check)
    undefined(work)
    path = work / 'report.html'
    path.write_text(make_page(gather(work)), encoding='utf-8')
    seen = browser_check.check(path)
    assert seen['desktop']['sliders'] == seen['phone']['sliders'] == 4 and seen['phone']['table'] == 'sorts'
