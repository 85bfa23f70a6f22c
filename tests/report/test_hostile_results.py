"""Results that somebody else wrote: they run nothing, show no other file, and are not waited for."""

import json
import os

import pytest

from mmseg_fundus.report import gather, make_page

from .conftest import change

pytestmark = pytest.mark.slow


def arguments(**values):
    def spoil(work):
        data = json.loads((work / 'results.json').read_text())['data']
        change(work, data={**data, 'arguments': {**data['arguments'], **values}})

    return spoil


def test_results_name_no_code_to_run(work, tmp_path):
    command = {'type': 'subprocess.Popen', 'args': f'touch {tmp_path / "ran"}', 'shell': True}
    arguments(pipeline=[command], augmentation=command, metainfo=command, indices=1, val_fraction=0)(work)
    gathered = gather(work)
    assert not (tmp_path / 'ran').exists() and len(gathered.pictures) == 5, 'the rest of the arguments is as it was'


@pytest.mark.slow
@pytest.mark.parametrize(
    'wrong', [dict(fov=['none']), dict(val_fraction='x'), dict(img_dir='{part.__class__}'), dict(img_dir='{part:>99}'), dict(division=[1])]
)
def test_arguments_of_a_data_set_that_are_none_are_refused(work, wrong):
    arguments(**wrong)(work)
    gathered = gather(work)
    assert not gathered.pictures and f'give their data set {next(iter(wrong))}=' in gathered.no_pictures[0]


def test_a_configuration_is_that_of_the_results_or_lies_beside_them(work, tmp_path):
    (tmp_path / 'secret.py').write_text('secret')
    change(work, config=str(tmp_path / 'secret.py'))
    assert 'Configuration' not in gather(work).configs
    (work / 'secret.py').symlink_to(tmp_path / 'secret.py')
    assert 'secret' not in gather(work).configs.values()
    change(work, config_text='kept = 1')
    assert gather(work).configs['Configuration'] == 'kept = 1'


@pytest.mark.slow
@pytest.mark.parametrize('name', ['x\0.py', '\ud800.py', '/\0/\ud800.py'])
def test_a_name_that_no_file_can_have_is_shown_as_far_as_it_can(work, name):
    change(work, config=name, checkpoint=name, masks=name)
    assert 'Made from' in make_page(gather(work)).encode('utf-8').decode()


def test_a_pipe_is_not_waited_for(work):
    for path in (work / 'below/results.json', work / '20260102_040000/vis_data/events.out.tfevents.1', work / '<b>tiny.py'):
        path.unlink(missing_ok=True)
        path.parent.mkdir(parents=True, exist_ok=True)
        os.mkfifo(path)
    os.mkfifo(work / '20260102_040000/vis_data/scalars.json')
    assert gather(work).training and len(gather(work).pictures) == 5


@pytest.mark.parametrize(
    'agreement', [{'x': 3}, {'<b>x</b>': {'mean': 'y', 'bias': None, 'icc': [1], 'grade': '<i>'}}, {'tortuosity_local': {}}]
)
def test_agreement_of_any_kind_is_shown_as_far_as_it_can(work, agreement):
    report = json.loads((work / 'results.json').read_text())['report']
    report['field of view']['agreement'] = agreement
    change(work, report=report)
    page = make_page(gather(work))
    assert '<b>x</b>' not in page and '<i>' not in page and 'Measures' in page
