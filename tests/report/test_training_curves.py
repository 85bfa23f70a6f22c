"""Curves of a training, from its scalars or its events."""

import json
from pathlib import Path

import numpy as np

from mmseg_fundus.report.training import thinned, training_curves


def write_scalars(start: Path, lines: list) -> None:
    (start / 'vis_data').mkdir(parents=True)
    (start / 'vis_data/scalars.json').write_text(''.join(json.dumps(line) + '\n' for line in lines))


def test_training_curves_go_on_where_a_training_was_resumed_and_begin_anew_where_it_was(tmp_path):
    def lines(steps, value):
        return [{'train/loss': value, 'step': step} for step in steps]

    write_scalars(tmp_path / '20260101_000000', lines((1, 2, 3), 9.0))
    write_scalars(tmp_path / '20260102_000000', lines((1, 2, 3, 4), 1.0))
    write_scalars(tmp_path / '20260103_000000', [{'test/Dice': 1, 'step': 0}])
    write_scalars(tmp_path / '20260104_000000', lines((3, 4, 5), 2.0))
    (tmp_path / '20260104_000000/vis_data/scalars.json').open('a').write('{"train/loss": 2')  # killed while it wrote
    assert training_curves(tmp_path)['train/loss'] == [(1, 1.0), (2, 1.0), (3, 2.0), (4, 2.0), (5, 2.0)]


def test_the_events_hold_the_same_curves(tmp_path):
    from torch.utils.tensorboard import SummaryWriter

    lines = [{'train/loss': 1 / step, 'epoch': 1, 'step': step} for step in range(1, 5)] + [{'val/Dice': 0.5, 'step': 1}]
    write_scalars(tmp_path / 'json/1', lines)
    writer = SummaryWriter(tmp_path / 'events/1/vis_data')
    for line in lines:
        for tag in line.keys() - {'step'}:
            writer.add_scalar(tag, line[tag], line['step'])
    writer.close()
    by_json, by_events = (training_curves(tmp_path / kind) for kind in ('json', 'events'))
    assert by_json.keys() == by_events.keys()
    for tag in by_json:
        assert np.allclose(by_json[tag], by_events[tag])


def test_long_curves_are_thinned_to_means():
    pairs = [(i, float(i % 2)) for i in range(3000)]
    found = thinned(pairs, 300)
    assert len(found) == 300 and found[0] == (4.5, 0.5) and thinned(pairs[:5], 300) == pairs[:5]
