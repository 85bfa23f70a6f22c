"""Give torch's own safe reader and ours honest and hostile files, each in a process of its own, and write what came of it.

Torch's is ``torch.load(weights_only=True)``: told to allow the classes and functions that honest checkpoints of ours, of mmengine and of
VisionFM name; and told to take our checked ones under their names.  Torch before 2.5 cannot be told.  The hostile files are those of the
tests in this folder.  Each environment adds its columns to the page.

Example:
    python tests/fileio/readers.py --out docs/files.md
"""

import argparse
import copy
import faulthandler
import json
import os
import re
import resource
import signal
import sys
import tempfile
import types
from collections import Counter
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT), str(Path(__file__).parent)]
try:
    import mmseg_fundus  # noqa: F401
except ImportError:  # fileio alone does without mmsegmentation
    sys.modules['mmseg_fundus'] = types.ModuleType('mmseg_fundus')
    sys.modules['mmseg_fundus'].__path__ = [str(ROOT / 'mmseg_fundus')]

import numpy as np  # noqa: E402
import torch  # noqa: E402
from mmengine.config import ConfigDict  # noqa: E402
from mmengine.logging import HistoryBuffer  # noqa: E402
from mmengine.optim.scheduler import OneCycleParamScheduler  # noqa: E402
from reader_cases import cases  # noqa: E402

from mmseg_fundus.errors import FileError  # noqa: E402
from mmseg_fundus.fileio.plain_objects import FITS, KNOWN, know_methods  # noqa: E402
from mmseg_fundus.fileio.safe_load import safe_load  # noqa: E402

know_methods(OneCycleParamScheduler, '_annealing_cos', '_annealing_linear')
SECONDS, ROOM = 4, 2**31  # for one file: of the processor's time, and bytes of address space
BAD = ('runs code', 'crashes', 'hangs', 'takes memory', 'changes a class', 'fails in use')


def by_torch(path):
    if hasattr(torch.serialization, 'safe_globals'):
        known = [argparse.Namespace, HistoryBuffer, ConfigDict, OneCycleParamScheduler, set, Counter, bytes, getattr, np.ndarray, np.dtype]
        known += [np.float64(1).__reduce__()[0], np.arange(1).__reduce__()[0]]
        known += [getattr(np.dtypes, name) for name in dir(np.dtypes) if name.endswith('DType')]
        torch.serialization.add_safe_globals(known)
    return torch.load(str(path), weights_only=True)


def by_torch_with_ours(path):
    def checked(function):
        def call(*given):
            if not FITS[function](*given):
                raise ValueError('arguments that no torch writes')
            return function(*given)

        return function if isinstance(function, type) or not FITS.get(function) else call

    torch.serialization.add_safe_globals([(checked(known), name) for name, known in KNOWN.items()])
    return torch.load(str(path), weights_only=True)


READERS = {'its own, allowed the names': by_torch, 'its own, with our objects': by_torch_with_ours, 'ours': safe_load}
if not hasattr(torch.serialization, 'safe_globals'):
    READERS = {'its own': by_torch, 'ours': safe_load}


def walk(item, depth=0):
    """Go through everything, as whoever copies, prints or counts it does."""
    if isinstance(item, torch.Tensor):
        item.clone()
    elif isinstance(item, dict):
        for pair in item.items():
            walk(pair, depth + 1)
    elif isinstance(item, (list, tuple, set)):
        for part in item:
            walk(part, depth + 1)
    elif isinstance(item, argparse.Namespace):
        walk(vars(item), depth + 1)
    elif isinstance(item, HistoryBuffer):
        item.current(), item.mean()
    else:
        repr(item)


def _memory(name: str) -> int:
    return int(re.search(rf'{name}:\s+(\d+)', Path('/proc/self/status').read_text()).group(1)) * 1024


def _in_child(reader, path: Path) -> str:
    before, most = _memory('VmRSS'), _memory('VmSize') + ROOM
    resource.setrlimit(resource.RLIMIT_AS, (most, most))
    used = resource.getrusage(resource.RUSAGE_SELF)
    resource.setrlimit(resource.RLIMIT_CPU, (int(used.ru_utime + used.ru_stime) + SECONDS,) * 2)  # ends the process
    methods, defaults = dict(HistoryBuffer._statistics_methods), torch._utils._rebuild_tensor.__defaults__
    size, step = path.stat().st_size, 'takes memory'
    try:
        found = reader(path)
        if _memory('VmHWM') - before > 4 * size + 2**27:
            return step
        step = 'fails in use'
        walk(found)
        copy.copy(found)
        outcome = 'reads'
    except MemoryError:
        return step
    except Exception as error:
        if 'allocate memory' in str(error) or 'DefaultCPUAllocator' in str(error):
            return step
        outcome = step if step == 'fails in use' else 'refuses'
        if isinstance(error, FileError) and 'MemoryError' in str(error):
            return 'takes memory'
    same = methods == HistoryBuffer._statistics_methods and np.dtype('f8').isnative
    same = same and not hasattr(argparse.Namespace, 'hacked') and torch._utils._rebuild_tensor.__defaults__ == defaults
    return outcome if same else 'changes a class'


def tried(reader, path: Path) -> str:
    """What a reader does with a file, in a process of its own."""
    out, into = os.pipe()
    child = os.fork()
    if not child:
        faulthandler.disable()
        os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
        os.write(into, _in_child(reader, path).encode())
        os._exit(0)
    os.close(into)
    with open(out) as told:
        outcome = told.read()
    status = os.waitpid(child, 0)[1]
    if path.with_name('ran').exists():
        return 'runs code'
    if os.WIFSIGNALED(status):
        return 'hangs' if os.WTERMSIG(status) in (signal.SIGXCPU, signal.SIGKILL) else 'crashes'
    return outcome or 'crashes'


def measure(only: str | None = None) -> dict:
    """``{group: {file: {reader: outcome}}}``"""
    found = {}
    for group, files in cases().items():
        for name, write in files.items() if only is None or only in group else ():
            outcomes = {}
            for title, reader in READERS.items():
                with tempfile.TemporaryDirectory() as folder:
                    write(Path(folder) / 'x.pth')
                    outcomes[title] = tried(reader, Path(folder) / 'x.pth')
            found.setdefault(group, {})[name] = outcomes
            print(f'{group}: {name}: {", ".join(outcomes.values())}', flush=True)
    return found


def cell(outcomes: list) -> str:
    counts = Counter(outcomes)
    bold = {name: f'**{name}**' if name in BAD else name for name in counts}
    return bold.popitem()[1] if len(counts) == 1 else ', '.join(f'{count} {bold[name]}' for name, count in counts.most_common())


def table(measured: dict) -> list:
    """Markdown rows: a group of files, and for each torch what each reader made of them."""
    columns = [(version, title) for version, groups in measured.items() for title in next(iter(next(iter(groups.values())).values()))]
    rows = ['| files | how many | ' + ' | '.join(f'torch {version}: {title}' for version, title in columns) + ' |']
    rows.append('|---|---|' + '---|' * len(columns))
    for group, files in next(iter(measured.values())).items():
        cells = [cell([file[title] for file in measured[version].get(group, {}).values()]) for version, title in columns]
        rows.append(f'| {group} | {len(files)} | ' + ' | '.join(cells) + ' |')
    return rows


def main():
    parser = argparse.ArgumentParser(description=__doc__.split('\n')[0])
    parser.add_argument('--only', help='groups with this in their name')
    parser.add_argument('--out', type=Path, help='page whose table is renewed; a .json beside it holds the columns of all environments')
    args = parser.parse_args()
    torch.set_num_threads(1)
    found = measure(args.only)
    if args.out:
        kept = args.out.with_suffix('.json')
        measured = json.loads(kept.read_text()) if kept.exists() else {}
        measured[torch.__version__.split('+')[0]] = found
        kept.write_text(json.dumps(measured, indent=1) + '\n')
        before, _, rest = args.out.read_text().partition('<!-- table -->\n')
        after = rest.partition('<!-- /table -->\n')[2]
        args.out.write_text('\n'.join([before + '<!-- table -->', *table(measured), '<!-- /table -->', after]))
    else:
        print('\n'.join(table({torch.__version__: found})))


if __name__ == '__main__':
    main()
