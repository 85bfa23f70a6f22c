"""What a probe found: the record, the tables and the page say the same, and say no where there is nothing."""

import json

import numpy as np
import pytest

from mmseg_fundus.errors import DataError
from mmseg_fundus.report.probe import make_probe_page
from mmseg_fundus.results.probe import Probe, load_probe

COLUMNS = ['DRIVE, 1 picture', 'DRIVE, all 16 pictures', 'on STARE']


def drawn(gain, encoders=('mine',), seed=0, noise=0.002, columns=COLUMNS[:2]):
    """A probe of three seeds and four pictures whose encoders add ``gain`` to what others reach."""
    rng, rows = np.random.default_rng(seed), []
    for encoder in encoders:
        for column in columns:
            pictures = 0.8 + 0.03 * rng.standard_normal(4)
            for kind, more in (('file', gain), ('random weights', 0), ('no encoder', 0)):
                for number in (1, 2, 3):
                    of_run = rng.normal(0, noise)
                    for i, base in enumerate(pictures):
                        about = dict(encoder=encoder, kind=kind, column=column, seed=number, picture=f'p{i}')
                        rows.append({**about, 'Dice': base + more + of_run + rng.normal(0, noise)})
    return Probe(dataset='DRIVE', columns=list(columns), encoders=list(encoders), rows=rows, settings={'steps': 160})


def test_one_sentence_for_each_file_and_column():
    found = drawn(0.03, ('A', 'B'), columns=COLUMNS).sentences()
    assert len(found) == 6
    assert found[0].startswith('A, DRIVE, 1 picture: adds .0') and ' over random weights; adds .0' in found[0]
    assert 'over A' in found[3] and 'over A' not in found[0]


def test_an_encoder_that_adds_nothing_is_told_so():
    """Of 200 probes of nothing, with two comparisons each."""
    said = [
        one.verdict for seed in range(200) for _, _, found in drawn(0, seed=seed, columns=COLUMNS[:1]).comparisons() for _, one in found
    ]
    assert len(said) == 400 and np.mean([verdict != 'nothing' for verdict in said]) <= 0.07
    assert 'adds nothing that can be told from noise (' in drawn(0).sentences()[0]


def test_a_gain_is_found():
    verdicts = [one.verdict for seed in range(100) for _, _, found in drawn(0.02, seed=seed).comparisons() for _, one in found]
    assert np.mean([verdict == 'adds' for verdict in verdicts]) > 0.9


def test_the_record_comes_back_as_it_was_written(tmp_path):
    probe = drawn(0.02, columns=COLUMNS)
    probe.save(tmp_path / 'probe.json')
    plain = json.loads((tmp_path / 'probe.json').read_text())
    assert plain['version'] == 1 and len(plain['comparisons']) == 6 and plain['sentences'] == probe.sentences()
    assert load_probe(tmp_path / 'probe.json').markdown() == probe.markdown()


@pytest.mark.parametrize(
    'change, words',
    [
        (dict(version=99), 'version is 99'),
        (dict(version=None), 'version is None'),
        (dict(rows=[1]), 'a list of rows with encoder was expected'),
        (dict(rows=[dict(encoder='a', kind='file', column='c', seed='1', picture='p')]), 'a list of rows with seed'),
        (dict(columns=5), 'columns is'),
    ],
)
def test_a_file_that_is_none_is_refused(tmp_path, change, words):
    drawn(0).save(tmp_path / 'probe.json')
    plain = json.loads((tmp_path / 'probe.json').read_text())
    (tmp_path / 'probe.json').write_text(json.dumps({**plain, **change}))
    with pytest.raises(DataError, match=words):
        load_probe(tmp_path / 'probe.json')


def test_the_page_holds_the_sentences_needs_no_other_file_and_escapes_names():
    probe = drawn(0.02, ('<script>x</script>',))
    page = make_probe_page(probe)
    assert '&lt;script&gt;x' in page and '<script>x' not in page and 'adds .0' in page and page.count('class="chart"') == 2
    assert 'http' not in page.replace('http-equiv', '') and 'tools/probe_encoder.py' in page


def test_the_table_of_markdown_has_as_many_cells_in_each_line():
    lines = [line for line in drawn(0.01, ('a|b', 'c')).markdown().splitlines() if line.startswith('|')]
    assert len({line.replace('\\|', '').count('|') for line in lines}) == 1 and len(lines) == 6
