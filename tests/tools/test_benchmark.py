"""The benchmark measures every case and says on what."""

import json
import sys

from mmseg_fundus.benchmark import markdown


def test_steps_memory_and_checkpoints_are_measured_and_written(shell, root, tmp_path):
    options = ['--cases', 'step', 'memory', 'checkpoint', '--size', '32', '--batch', '2', '--rounds', '1']
    done = shell(sys.executable, root / 'tools/benchmark.py', *options, '--out', tmp_path / 'b.json', '--markdown', tmp_path / 'b.md')
    assert done.returncode == 0, done.stdout
    report = json.loads((tmp_path / 'b.json').read_text())
    step, memory, checkpoint = (report['cases'][case]['values'] for case in ('step', 'memory', 'checkpoint'))
    assert {'stock', 'ours, no cache, decoder float32', 'ours, cache, decoder float32', 'limit: decoder alone, float32'} <= set(step)
    assert step['ours, cache, decoder float32'] < step['stock'] and all(value > 0 for value in memory.values())
    assert 40 * checkpoint['ours'] < checkpoint['stock']
    assert (tmp_path / 'b.md').read_text() == markdown(report) and report['machine']['cores']


def test_an_impossible_size_is_one_line(shell, root):
    done = shell(sys.executable, root / 'tools/benchmark.py', '--batch', '0')
    assert done.returncode == 1 and done.stdout.strip().endswith('must be 1 or more') and 'Traceback' not in done.stdout
