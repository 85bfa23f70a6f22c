"""Files for readers.py: honest ones, and the hostile ones of the tests in this folder."""

import argparse
import os
import zipfile
from collections import Counter, OrderedDict

import numpy as np
import test_archive
import test_contents
import test_plain_objects
import test_unpickler
import torch
from mmengine.config import ConfigDict
from mmengine.logging import MessageHub
from mmengine.optim.scheduler import OneCycleParamScheduler


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
