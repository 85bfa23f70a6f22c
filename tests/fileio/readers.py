"""Give torch's own safe reader and ours honest and hostile files, each in a process of its own, and write what came of it.

Torch's is ``torch.load(weights_only=True)``, told (from torch 2.5 on) to allow what honest checkpoints of ours, of mmengine and of VisionFM
hold.  What it is measured with is every hostile file of the tests in this folder.  Each environment adds its column.

Example:
    python tests/fileio/readers.py --out docs/files.md
"""

import argparse
import copy
import json
import os
import re
import resource
import signal
import sys
import tempfile
import time
import types
import zipfile
from collections import Counter, OrderedDict
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT), str(Path(__file__).parent)]
try:
    import mmseg_fundus  # noqa: F401
except ImportError:  # fileio alone does without mmsegmentation
    sys.modules['mmseg_fundus'] = types.ModuleType('mmseg_fundus')
    sys.modules['mmseg_fundus'].__path__ = [str(ROOT / 'mmseg_fundus')]

import numpy as np  # noqa: E402
import test_archive  # noqa: E402
import test_contents  # noqa: E402
import test_plain_objects  # noqa: E402
import test_unpickler  # noqa: E402
import torch  # noqa: E402
from mmengine.config import ConfigDict  # noqa: E402
from mmengine.logging import HistoryBuffer, MessageHub  # noqa: E402
from mmengine.optim.scheduler import OneCycleParamScheduler  # noqa: E402

from mmseg_fundus.errors import FileError  # noqa: E402
from mmseg_fundus.fileio.plain_objects import know_methods  # noqa: E402
from mmseg_fundus.fileio.safe_load import safe_load  # noqa: E402

know_methods(OneCycleParamScheduler, '_annealing_cos', '_annealing_linear')
SECONDS, ROOM = 20, 2**31  # for one file: time, and bytes of address space
BAD = ('runs code', 'crashes', 'hangs', 'takes memory', 'changes a class', 'is endless')


class Run:
    def __init__(self, path):
        self.path = str(path)

    def __reduce__(self):
        return os.mkdir, (self.path,)


def saved(content, **how):
    return lambda path: torch.save(content, path, **how)


def opcodes(code):
    return lambda path: test_unpickler.raw(path.parent, code).replace(path)


def compressed(path):
    torch.save({'x': torch.zeros(10**8)}, path.with_name('plain'))
    with zipfile.ZipFile(path.with_name('plain')) as old, zipfile.ZipFile(path, 'w', zipfile.ZIP_DEFLATED) as new:
        for name in old.namelist():
            new.writestr(name, old.read(name))
    path.with_name('plain').unlink()


def program(path):
    """A TorchScript program, hidden or not."""
    torch.jit.script(test_archive.Program(path.with_name('ran'))).save(str(path))


def program_behind(path):
    program(path)
    with zipfile.ZipFile(path) as old, zipfile.ZipFile(path.with_name('plain'), 'w') as new:
        for name in old.namelist():
            new.writestr(name, old.read(name))
    path.with_name('plain').replace(path)
    test_archive.with_two_tables(path, 'x/data.pkl')


def longer_storage(path):
    torch.save({'x': torch.arange(1, 513)}, path.with_name('plain'))
    with zipfile.ZipFile(path.with_name('plain')) as old, zipfile.ZipFile(path, 'w') as new:
        for name in old.namelist():
            new.writestr(name, old.read(name).replace(b'M\0\2', b'M\0\3') if name.endswith('data.pkl') else old.read(name))


def hub():
    made = MessageHub.get_instance('readers')
    made.update_scalar('train/loss', 0.5)
    made.update_info('dataset_meta', ConfigDict(classes=('a', 'b')))
    return made.state_dict()


def cases() -> dict:
    """Group -> the files in it, by name: functions that write them."""
    layer, args = torch.nn.Linear(2, 1), argparse.Namespace(lr=np.float64(1e-3), names=['a'])
    metadata = OrderedDict(a=torch.ones(1))
    metadata._metadata = {'': {'version': 2}}
    plain = {'state_dict': layer.state_dict(), 'meta': {'epoch': 1, 'time': 'x', 'sizes': (1, 2.5, None, True)}}
    schedule = {'_anneal_func1': OneCycleParamScheduler._annealing_cos, 'total_steps': 9}
    hostile, forged = test_unpickler.HOSTILE, test_plain_objects.FORGED
    split = list(hostile)[:4]
    ordered, short = test_unpickler.ORDERED, test_unpickler.short
    copies = {
        'bytes': (b'c_codecs\nencode\nq\1' + short('a' * 10**6) + short('latin1') + b'\x86q\2', b'h\1h\2R'),
        'OrderedDict': (ordered + b'q\1](' + b']q\3(K\1K\1e' + b'h\3' * 10**5 + b'e\x85q\2', b'h\1h\2R'),
        'Size': (b'ctorch\nSize\nq\1(' + b'K\1' * 10**6 + b't\x85q\2', b'h\1h\2R'),
    }
    endless = {
        'itself': test_contents.itself(),
        'nested': test_contents.nested(100),
        'doubled': test_contents.doubled(40),
        'expanded': torch.zeros(1).expand(10**6, 10**6),
    }
    changed = {
        'class state': b'cargparse\nNamespace\nN}X\x06\0\0\0hackedK\1s\x86b',
        'function state': b'ctorch._utils\n_rebuild_tensor\nN}X\x0c\0\0\0__defaults__)s\x86b',
        'class dict': b'cargparse\nNamespace\n}X\x06\0\0\0hackedK\1sb',
    }
    return {
        'honest: tensors, numbers, containers': {
            'zip': saved(plain),
            'protocol 4': saved(plain, pickle_protocol=4),
            'legacy': saved(plain, _use_new_zipfile_serialization=False),
            'OrderedDict with _metadata': saved(metadata),
        },
        "honest: VisionFM's `argparse.Namespace`, numpy numbers and arrays": {
            'args': saved({'args': args, 'x': np.int64(3), 'y': np.arange(3.0)}),
            'legacy': saved({'args': args}, _use_new_zipfile_serialization=False),
        },
        "honest: mmengine's curves, configs, schedules": {
            'hub': saved(hub()),
            'hub, protocol 4': saved(hub(), pickle_protocol=4),
            'schedule': saved(schedule),
            'milestones': saved({'milestones': Counter([1, 2])}),
        },
        'code to run': {
            'zip': lambda path: torch.save({'x': Run(path.with_name('ran'))}, path),
            'legacy': lambda path: torch.save({'x': Run(path.with_name('ran'))}, path, _use_new_zipfile_serialization=False),
            'a program': program,
            'a program behind another table of contents': program_behind,
        },
        'classes and functions changed': {name: opcodes(code) for name, code in changed.items()},
        'attributes of classes and texts asked for': {
            **{name: saved(hostile[name]) for name in ('attributes of a class',)},
            **{name: saved(forged[name]) for name in forged if 'attribute' in name and 'any' not in name},
        },
        'numpy dtypes and arrays with forged states': {
            **{name: saved(hostile[name]) for name in split},
            **{name: saved(forged[name]) for name in forged if name.startswith('an array')},
        },
        'forged curves, counts, configs': {
            name: saved(forged[name]) for name in forged if not name.startswith('an a') and 'attribute' not in name
        },
        'containers filled wrongly, odd keys, deep tuples': {name: opcodes(code) for name, (code, _) in test_unpickler.UNFIT.items()},
        'bytes asked for, not in the file': {
            'zeros': saved(hostile['zeros without end']),
            'a longer storage': longer_storage,
            'a compressed archive': compressed,
            'a slow codec': saved(hostile['a slow codec']),
        },
        'the same copied again and again': {name: opcodes(b'(' + start + call * 1000 + b't') for name, (start, call) in copies.items()},
        'endless contents': {
            **{name: saved(content) for name, content in endless.items()},
            **{f'{name}, legacy': saved(content, _use_new_zipfile_serialization=False) for name, content in endless.items()},
        },
    }


def by_torch(path):
    if hasattr(torch.serialization, 'safe_globals'):
        known = [argparse.Namespace, HistoryBuffer, ConfigDict, OneCycleParamScheduler, set, Counter, bytes, getattr, np.ndarray, np.dtype]
        known += [np.float64(1).__reduce__()[0], np.arange(1).__reduce__()[0]]
        known += [getattr(np.dtypes, name) for name in dir(np.dtypes) if name.endswith('DType')]
        torch.serialization.add_safe_globals(known)
    return torch.load(str(path), weights_only=True)


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
    signal.alarm(SECONDS)  # ends the process
    before, most = _memory('VmRSS'), _memory('VmSize') + ROOM
    resource.setrlimit(resource.RLIMIT_AS, (most, most))
    methods, defaults = dict(HistoryBuffer._statistics_methods), torch._utils._rebuild_tensor.__defaults__
    size, step = path.stat().st_size, 'takes memory'
    try:
        found = reader(path)
        if _memory('VmHWM') - before > 4 * size + 2**27:
            return step
        step = 'is endless'
        walk(found)
        copy.copy(found)
        outcome = 'reads'
    except MemoryError:
        return step
    except Exception as error:
        if 'allocate memory' in str(error) or 'DefaultCPUAllocator' in str(error):
            return step
        outcome = step if step == 'is endless' else 'refuses'
        if isinstance(error, FileError) and 'MemoryError' in str(error):
            return 'takes memory'
    same = methods == HistoryBuffer._statistics_methods and np.dtype('f8').isnative
    same = same and not hasattr(argparse.Namespace, 'hacked') and torch._utils._rebuild_tensor.__defaults__ == defaults
    return outcome if same else 'changes a class'


def tried(reader, path: Path) -> str:
    """What a reader does with a file, in a process of its own."""
    out, into = os.pipe()
    start, child = time.monotonic(), os.fork()
    if not child:
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
        return 'hangs' if os.WTERMSIG(status) == signal.SIGALRM and time.monotonic() - start > SECONDS - 1 else 'crashes'
    return outcome or 'crashes'


def measure(only: str | None = None) -> dict:
    """``{group: {file: [torch's, ours]}}``"""
    found = {}
    for group, files in cases().items():
        for name, write in files.items() if only is None or only in group else ():
            outcomes = []
            for reader in (by_torch, safe_load):
                with tempfile.TemporaryDirectory() as folder:
                    write(Path(folder) / 'x.pth')
                    outcomes.append(tried(reader, Path(folder) / 'x.pth'))
            found.setdefault(group, {})[name] = outcomes
            print(f'{group}: {name}: {outcomes}', flush=True)
    return found


def cell(outcomes: list) -> str:
    counts = Counter(outcomes)
    bold = {name: f'**{name}**' if name in BAD else name for name in counts}
    return bold.popitem()[1] if len(counts) == 1 else ', '.join(f'{count} {bold[name]}' for name, count in counts.most_common())


def table(measured: dict) -> list:
    """Markdown rows: a group of files, and for each torch its own reader's outcome and ours."""
    rows = ['| files | how many | ' + ' | '.join(f"torch {version}'s own | ours" for version in measured) + ' |']
    rows.append('|---|---|' + '---|---|' * len(measured))
    for group, files in next(iter(measured.values())).items():
        cells = [cell([both[i] for both in found.get(group, {}).values()]) for found in measured.values() for i in (0, 1)]
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
