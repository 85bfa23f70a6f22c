"""Importing the package registers everything, and a command of ours that asks for it later registers the same.

tests/tools/test_start.py sees that nothing is imported before a command asks.
"""

import json
import os
import subprocess
import sys

import pytest

pytestmark = pytest.mark.slow

REGISTERED = """
from mmseg import registry
names = {kind: sorted(name for name, made in getattr(registry, kind).module_dict.items() if made.__module__.startswith('mmseg_fundus'))
         for kind in ('MODELS', 'DATASETS', 'TRANSFORMS', 'METRICS', 'HOOKS', 'VISUALIZERS', 'DATA_SAMPLERS', 'OPTIM_WRAPPER_CONSTRUCTORS')}
names['asked'] = [mmseg_fundus.VesselSegmentor.__name__, mmseg_fundus.registered()]
print(json.dumps(names))
"""
NOW = 'import json, mmseg_fundus\n' + REGISTERED
LATER = f"""
import json, os, subprocess, sys
sys.path.insert(0, sys.argv[1])
sys.modules.pop('__mp_main__', None)  # a process that nobody began has none
import _setup, mmseg_fundus
assert not mmseg_fundus.registered()
assert 'MMSEG_FUNDUS_REGISTER' not in os.environ
child = subprocess.run([sys.executable, '-c', 'import os; print(dict(os.environ))'], capture_output=True, text=True).stdout
assert 'PATH' in child and 'MMSEG_FUNDUS_REGISTER' not in child
from mmseg_fundus.cli.run import load
load()
load()
{REGISTERED}
"""
SPAWNED = """
import _setup, mmseg_fundus

def told(connection):
    connection.send(mmseg_fundus.registered())

if __name__ == '__main__':
    import multiprocessing
    assert not mmseg_fundus.registered()
    spawn = multiprocessing.get_context('spawn')
    here, there = spawn.Pipe()
    child = spawn.Process(target=told, args=(there,))
    child.start()
    print(here.recv())
    child.join()
"""


def test_importing_the_package_registers_everything_and_so_does_a_command_later(zygote, root, tmp_path):
    env, found = {**os.environ, 'PYTHONPATH': str(root)}, []
    for arguments in (['-c', NOW], ['-c', LATER, root / 'tools']):
        done = zygote.stock.run([sys.executable, *arguments], tmp_path, env, 300)
        assert done.returncode == 0, done.stdout
        found.append(json.loads(done.stdout.strip().splitlines()[-1]))
    now, later = found
    assert now == later and now['asked'] == ['VesselSegmentor', True]
    assert {'VesselSegmentor', 'FrozenVisionTransformer', 'VesselDetailHead'} <= set(now['MODELS']) and 'FundusVessels' in now['DATASETS']
    assert all(names for names in now.values()), now


def test_a_process_that_multiprocessing_begins_registers_everything(root, tmp_path):
    """It unpickles data sets and hooks, and begins with the tool's own file."""
    (tmp_path / 'spawned.py').write_text(SPAWNED)
    env = {**os.environ, 'PYTHONPATH': str(root / 'tools')}
    done = subprocess.run([sys.executable, 'spawned.py'], env=env, cwd=tmp_path, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0 and done.stdout.strip().splitlines()[-1] == 'True', done.stderr
