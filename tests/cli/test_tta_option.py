"""``--tta``, ``--tta flips`` and ``--no-tta``, and what stands behind them."""

import argparse

import pytest

from mmseg_fundus.cli.arguments import add_tta_arguments, tta_spelled_out


def parsed(*words):
    parser = argparse.ArgumentParser()
    parser.add_argument('inputs', nargs='*')
    add_tta_arguments(parser)
    return parser.parse_args(tta_spelled_out(words))


@pytest.mark.parametrize(
    'words, tta, inputs',
    [
        (['eyes'], None, ['eyes']),
        (['eyes', '--tta'], True, ['eyes']),
        (['--tta', 'eyes'], True, ['eyes']),
        (['--tta', 'flips', 'eyes'], 'flips', ['eyes']),
        (['--tta=flips', 'eyes'], 'flips', ['eyes']),
        (['--no-tta', 'eyes'], False, ['eyes']),
    ],
    ids=str,
)
def test_the_config_decides_unless_poses_are_named(words, tta, inputs):
    found = parsed(*words)
    assert found.tta == tta and type(found.tta) is type(tta) and found.inputs == inputs


@pytest.mark.parametrize('words, said', [(['--tta=turns'], "'turns': 'flips' was expected"), (['--tta', '--no-tta'], 'not allowed with')])
def test_other_poses_are_refused(words, said, capsys):
    with pytest.raises(SystemExit):
        parsed(*words)
    assert said in capsys.readouterr().err
