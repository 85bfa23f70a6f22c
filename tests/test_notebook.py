"""examples/vessels.ipynb runs from top to bottom; its training is cut short."""

import json
import os
import sys

import pytest

SHORTER = (('max_epochs=10, val_interval=5', 'max_epochs=1, val_interval=1'), ('repeats=10', 'repeats=1'), ('training=12', 'training=4'))


@pytest.mark.slow
def test_all_cells_run_and_the_last_shows_what_the_new_network_finds(root, zygote, tmp_path):
    cells = json.loads((root / 'examples/vessels.ipynb').read_text())['cells']
    assert not any(cell.get('outputs') for cell in cells), 'kept without outputs'
    text = '\n\n'.join(''.join(cell['source']) for cell in cells if cell['cell_type'] == 'code')
    for long, short in SHORTER:
        assert text.count(long) == 1
        text = text.replace(long, short)
    *others, last = text.splitlines()
    script = tmp_path / 'cells.py'
    script.write_text('\n'.join([*others, f'shown = {last}', 'print(shown.size, shown.getextrema())']))
    env = {**os.environ, 'FUNDUS_CACHE': str(tmp_path / 'cache'), 'OMP_NUM_THREADS': '1'}
    done = zygote.run([sys.executable, str(script)], tmp_path, env, 300)
    assert done.returncode == 0 and done.stdout.splitlines()[-1].startswith('(1280, '), done.stdout
    written = tmp_path / 'work_dirs/notebook'
    assert (written / 'vessels/mask/picture 0.png').is_file() and (written / 'trained/epoch_1.pth').is_file()
