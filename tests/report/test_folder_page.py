"""The index page of a folder of predictions: what photographs are called is text, tables sort by number, failures are named."""

import html
import os
import re
from pathlib import Path
from urllib.parse import unquote_to_bytes

import pytest

from mmseg_fundus.report.folder_page import PredictedPicture, folder_page, link

NAMES = [
    *('<script>alert(1)</script>', '50% #1?', 'a "b" \'c\' & d', 'ver/tief/Auge ä 眼', 'javascript:x', 'é\u202egnp'),
    os.fsdecode(b'lat\xffin'),
]
SETTINGS = {
    'checkpoint': '</pre><script>alert(2)</script>.pth',
    'prediction': {'threshold': 0.42, 'field_angle': 45, 'tta': True},
    'field_of_view': 'whole frame',
    'um_per_pixel': 5.5,
}


def picture(name: str, measured=None) -> PredictedPicture:
    kinds = {'photograph': 'jpg', 'vessels': 'png', 'thumbnail': 'jpg'}
    previews = {kind: Path('index', kind, f'{name}.{suffix}') for kind, suffix in kinds.items()}
    return PredictedPicture(name, {'mask': Path('mask', f'{name}.png')}, previews, measured or {})


def page(pictures=(), failed=None, settings=SETTINGS, title='out', model='') -> str:
    made = folder_page(title, model, settings, pictures, failed or {})
    made.encode('utf-8')
    return made


def test_a_name_is_text_wherever_it_stands():
    made = page([picture(name) for name in NAMES], {name: f'{name} is "bad" <b>' for name in NAMES}, title=NAMES[0])
    assert made.count('<script>') == 1 and '<b>' not in made.partition('<body>')[2], 'the one of the page'
    assert made.count(html.escape(NAMES[0])) >= 4
    tags = re.findall(r'<(?:a|th|img|td|tr|li|bdi|title)\b[^>]*>', made)
    assert all(re.fullmatch(r'<\w+(?: [\w-]+(?:="[^"<>]*")?)*>', tag) for tag in tags), 'no name leaves its attribute'


@pytest.mark.parametrize('name', NAMES)
def test_an_address_is_that_of_the_file_whatever_it_is_called(name):
    made = page([picture(name)])
    found = re.search(r'<a class="open" href="([^"]*)" data-vessels="([^"]*)">', made).groups()
    assert [unquote_to_bytes(address) for address in found] == [os.fsencode(f'index/{kind}/{name}{end}') for kind, end in
        (('photograph', '.jpg'), ('vessels', '.png'))]  # fmt: skip
    assert all(re.fullmatch(r'[\w./~%-]+', address, re.ASCII) and address.startswith('index/') for address in found)
    assert f'<a href="{link(Path("mask", name + ".png"))}">mask</a>' in made


def test_cells_hold_the_numbers_that_are_sorted_and_nothing_where_nothing_was_measured():
    rows = [picture('a', {'mean_width_um': 2.34567, 'odd <key>': 12345678.9}), picture('b', {'mean_width_um': None}), picture('c')]
    cells = re.findall(r'<td data-value="([^"]*)">([^<]*)</td>', page(rows))
    assert cells == [('2.34567', '2.35'), ('12345678.9', '1.235e+07'), *[('', '–')] * 4]
    made = page(rows)
    assert 'Mean width, µm' in made and 'title="odd &lt;key&gt;"' in made and made.count('aria-sort="none"') == 4


def test_settings_are_told_in_words():
    made = page(model='my model')
    for words in (
        'my model (&lt;/pre&gt;',
        '0.42: a pixel',
        'the whole frame',
        'flips and quarter turns',
        '45 degrees',
        '5.5 µm to a pixel',
    ):
        assert words in made
    assert '>a.pth, b.pth<' in page(settings={'checkpoint': ['a.pth', 'b.pth']})
    assert 'found in each photograph' in page(settings={'field_of_view': 'found'}) and page(settings={})


def test_failed_photographs_are_named_with_the_reason():
    made = page([picture('good')], {'bad': '/eyes/bad.tif is truncated'})
    assert '1 photograph predicted, 1 failed' in made and '<bdi>/eyes/bad.tif is truncated</bdi>' in made and '<details open>' in made
    many = page([], {str(i): f'{i} is no picture' for i in range(30)})
    assert '30 photographs could not be predicted' in many and '<details open>' not in many and many.count(' is no picture') == 30
    assert 'could not be predicted' not in page([picture('good')])


def test_the_pictures_are_loaded_when_they_come_into_view_and_from_files_alone():
    made = page([picture(str(i)) for i in range(50)])
    assert made.count('loading="lazy"') == 50 and 'src="data:' not in made
    policy = re.search(r'Content-Security-Policy" content="([^"]*)"', made).group(1)
    assert "default-src 'none'" in policy and "img-src data: 'self' file:;" in policy and 'http' not in policy


def test_a_page_of_a_thousand_pictures_is_small():
    measured = dict.fromkeys([f'measurement {i}' for i in range(11)], 0.123456789)
    assert len(page([picture(f'eye {i}', measured) for i in range(1000)])) < 1_500_000
