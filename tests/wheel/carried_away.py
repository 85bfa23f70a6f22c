"""The package as somebody has it who installed the wheel: trains, tests, predicts and is inherited from, in a folder with no checkout near.

Run by the Python of an environment that the wheel was installed into (``uvx nox -s wheel``); leaves everything in the current folder.
"""

import os
import resource
import shutil
import subprocess
import sys
import sysconfig
import time
from pathlib import Path

COMMAND = Path(sysconfig.get_path('scripts')) / 'fundus-vessels'
CHILD = """_base_ = 'mmseg_fundus::contrast_unet_drive.py'
train_dataloader = dict(batch_size=2, sampler=dict(repeats=1))
train_cfg = dict(max_epochs=2, val_interval=1)
model = dict(test_cfg=dict(tta=False))
"""
FEW = ('--cfg-options', 'train_dataloader.batch_size=2', 'train_dataloader.sampler.repeats=1', 'train_cfg.val_interval=1')
FIRST = 'data/DRIVE/test/images/01_test.tif'
PYTHON = """
import subprocess, sys
from pathlib import Path
from mmengine.hub import get_config, get_model
from mmseg.apis import MMSegInferencer
import mmseg_fundus

def refuse(*command, **options): raise SystemExit(f'asked for {command}')
subprocess.Popen = refuse  # mmengine's hub installs what it does not find
assert Path(mmseg_fundus.__file__).is_relative_to(sys.prefix), mmseg_fundus.__file__
config = get_config('mmseg_fundus::setr_mla_vitb16_frozen.py', pretrained=True)
assert config.model.type == 'VesselSegmentor' and Path(config.filename).is_relative_to(sys.prefix)
model = get_model('mmseg_fundus::contrast_unet.py', pretrained=True)
assert sum(value.numel() for value in model.parameters()) == 386162
masks = [MMSegInferencer('contrast_unet', device='cpu', **scope)(sys.argv[1])['predictions'] for scope in ({}, {'scope': 'mmseg_fundus'})]
assert masks[0].sum() > 0 and (masks[0] == masks[1]).all()
inferencer = MMSegInferencer('contrast_unet_drive', weights=sys.argv[2], device='cpu')
assert inferencer(sys.argv[1])['predictions'].shape == masks[0].shape
try:
    MMSegInferencer('setr_mla_vitb16_frozen_detail', device='cpu')
except mmseg_fundus.errors.CheckpointError as error:
    assert 'no checkpoint of setr_mla_vitb16_frozen_detail comes with the package' in str(error)
else:
    raise SystemExit('a model without its checkpoint is no model')
print('vessels in', int(masks[0].sum()), 'pixels')
"""


def step(name: str, *command, status: int = 0, says: str = '', seconds: float = 0) -> str:
    """Run a command; ends with what it said if it does not end as expected, or takes more CPU seconds than it may."""
    before, began = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic()
    env = {key: value for key, value in os.environ.items() if key not in ('PYTHONPATH', 'FUNDUS_WEIGHTS', 'VIRTUAL_ENV')}
    env.update(FUNDUS_CACHE=str(Path('cache').absolute()), OMP_NUM_THREADS='1')
    done = subprocess.run([str(word) for word in command], env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    after, took = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic() - began
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    wrong = f'ended with {done.returncode}, {status} was expected' if done.returncode != status else ''
    wrong = wrong or (f'did not say {says!r}' if says not in done.stdout else '')
    wrong = wrong or (f'took {cpu:.2f} CPU s, {seconds} were expected at most' if seconds and cpu > seconds else '')
    print(f'{wrong or "fine":<6} {took:6.1f} s {cpu:7.2f} CPU s  {name}', flush=True)
    if wrong:
        sys.exit(done.stdout)
    return done.stdout


def there(*paths: str) -> None:
    missing = [path for path in paths if not list(Path().glob(path))]
    if missing:
        sys.exit(f'not written: {", ".join(missing)}')


def main():
    here = Path.cwd()
    if any((folder / 'setup.py').is_file() for folder in (here, *here.parents)):
        sys.exit(f'{here} lies in a checkout; run this elsewhere')
    tool = (COMMAND,)
    shutil.rmtree('work_dirs', ignore_errors=True)
    step('the version', *tool, '--version', says='fundus-vessels ', seconds=0.7)
    step('what there is', *tool, '--help', says='Train a model from a config file', seconds=0.7)
    step('the help of a command', *tool, 'predict', '--help', says='usage: fundus-vessels predict', seconds=0.7)
    step('a wrong path', *tool, 'train', 'nope.py', status=1, says='error: config file not found: ', seconds=1.5)
    step('a wrong command', *tool, 'trian', status=2, says='did you mean train?', seconds=0.7)
    if not Path('data').is_dir():
        step('synthetic pictures', *tool, 'standins', '--data', 'data/DRIVE', '--training', 6, '--test', 2)

    Path('child.py').write_text(CHILD)
    step('training, a config that inherits from one of the package', *tool, 'train', 'child.py')
    there('work_dirs/child/epoch_2.pth', 'work_dirs/child/results.json')
    step('training, a config of the package by its name', *tool, 'train', 'contrast_unet_drive.py', '--epochs', 1, *FEW, says='is taken')
    trained = 'work_dirs/contrast_unet_drive/epoch_1.pth'
    there(trained)
    step('training, two processes', *tool, 'dist-train', 'child.py', 2, '--epochs', 1, '--work-dir', 'work_dirs/two')
    there('work_dirs/two/epoch_1.pth')
    step('torchrun', sys.executable, '-m', 'torch.distributed.run', '--standalone', '--nproc_per_node', 2, '-m', 'mmseg_fundus_tools',
         'test', 'child.py', 'work_dirs/two/epoch_1.pth', '--work-dir', 'work_dirs/torchrun', '--launcher', 'pytorch')  # fmt: skip
    there('work_dirs/torchrun/results.json')
    step('test', *tool, 'test', 'contrast_unet_drive', trained, '--no-tta', '--work-dir', 'work_dirs/test', '--out', 'masks', says='Dice')
    there('work_dirs/test/results.json', 'masks/01_test.png')
    step('report', *tool, 'report', 'work_dirs/test')
    there('work_dirs/test/report.html')
    step('evaluate', *tool, 'evaluate', 'masks', 'DRIVE', says='2 pictures of DRIVE')
    step('predict, the model of the package', *tool, 'predict', FIRST, '-o', 'vessels')
    step('predict, one of ours', *tool, 'predict', FIRST, '-o', 'ours', '--model', 'contrast_unet_drive.py', trained, '--no-tta')
    there('vessels/index.html', 'vessels/mask/01_test.png', 'ours/mask/01_test.png')
    step('results', *tool, 'results-table', '--add', 'work_dirs/test/results.json', says='| contrast_unet_drive |')
    there('work_dirs/results/*.json')
    step('reproduce, what it would do', *tool, 'reproduce', '--data-root', 'data', '--matrix', '--sets', 'DRIVE', '--dry-run', status=1,
         says='two sets or more were expected')  # fmt: skip
    step('in Python: the hub, the inferencer', sys.executable, '-c', PYTHON, FIRST, trained, says='vessels in ')
    written = [path for path in Path(sysconfig.get_path('purelib')).glob('mmseg_fundus/.mim/**/*') if path.suffix in ('.pth', '.json')]
    if written:
        sys.exit(f'written into the installed package: {written}')
    print('all fine')


if __name__ == '__main__':
    main()
