"""What goes wrong around a training, tried for real: each leaves one clear line, and nothing on disk is lost."""

import contextlib
import multiprocessing
import os
import resource
import shutil
import signal
import time
from pathlib import Path

import torch
from fault_trial import Trial
from zygote import Zygote

from mmseg_fundus.engine.work_folder import latest_whole_checkpoint
from mmseg_fundus.fileio.archive import is_whole
from mmseg_fundus.fileio.whole_files import write_whole


def nan_in_the_loss(trial: Trial) -> None:
    step = trial.rng.randrange(5, 10)
    value = trial.rng.choice(['nan', 'inf'])
    code = f"next(p for p in runner.model.decode_head.parameters() if p.requires_grad).data.fill_(float('{value}'))"
    config = trial.config(code, step)
    last = trial.stops('the loss became', 'epoch 2', '_training.', config=config)
    assert f'step {step + 1}' in last
    trial.check_kept([1])


def worker_killed(trial: Trial) -> None:
    extra = "train_dataloader['num_workers'] = 1"
    code = 'time.sleep(0.5); [os.kill(child.pid, 9) for child in multiprocessing.active_children()]; time.sleep(0.5)'
    config = trial.config(code, trial.rng.randrange(5, 9), extra)
    trial.stops('a data loading process died', config=config)
    trial.check_kept([1])


def rank_hangs(trial: Trial) -> None:
    code = 'time.sleep(200 if runner.rank == 1 else 0)'
    config = trial.config(code, trial.rng.randrange(3, 6), "env_cfg = dict(dist_cfg=dict(backend='nccl', timeout=20))")
    start = time.monotonic()
    trial.stops('another process does not answer', 'env_cfg.dist_cfg.timeout', config=config, processes=2)
    assert time.monotonic() - start < 120
    trial.check_kept([1])


def rank_killed(trial: Trial) -> None:
    config = trial.config('os.kill(os.getpid(), 9) if runner.rank == 1 else None', trial.rng.randrange(4, 6))  # rank 0 has saved epoch 1
    out, status = trial.train(config=config, processes=2)
    assert status != 0 and 'SIGKILL' in out.replace('Signal 9', 'SIGKILL'), out[-3000:]
    trial.check_kept([1])


def interrupted(trial: Trial) -> None:
    """Ctrl-C reaches torchrun, and by it its ranks."""
    code = 'os.kill(os.getppid(), 2) if runner.rank == 0 else None; time.sleep(3)'
    out, status = trial.train(config=trial.config(code, trial.rng.randrange(4, 6)), processes=2)
    assert status == 130 and out.strip().splitlines()[-1] == 'interrupted' and 'Traceback' not in out, out[-3000:]
    trial.check_kept([1])


def disk_full(trial: Trial) -> None:
    """A limit on the size of a file stops a checkpoint at a random byte, as a full disk does."""
    trial.trains('--epochs', '1', config=trial.config())
    size = (trial.work / 'epoch_1.pth').stat().st_size // 1024
    before = (trial.work / 'epoch_1.pth').read_bytes()
    out, status = trial.train('--resume', '--epochs', '3', before=f'ulimit -f {trial.rng.randrange(size // 4, size)}')
    last = out.strip().splitlines()[-1]
    assert status == 1 and last.startswith('error') and 'could not be written' in last, out[-3000:]
    trial.check_kept([1])
    assert (trial.work / 'epoch_1.pth').read_bytes() == before
    trial.trains('--resume', '--epochs', '3')
    assert is_whole(trial.work / 'epoch_3.pth')


def no_room_for_curves(trial: Trial) -> None:
    """The disk is full for TensorBoard's events, the scalars beside them, or the log, from a random step on."""
    full = "import glob; name = glob.glob(runner.log_dir + '/**/{}*', recursive=True)[0]; os.remove(name); os.symlink('/dev/full', name)"
    log = (
        "[os.dup2(os.open('/dev/full', os.O_WRONLY), int(n)) for n in os.listdir('/proc/self/fd') if os.path.realpath('/proc/self/fd/' + n)"
    )
    for words, code in (
        ('', full.format('events.out')),
        ('', full.format('scalars.json')),
        ('.log', log + ".endswith('.log')]"),
    ):
        config = trial.config(code, trial.rng.randrange(11, 14))
        out, status = trial.train('--epochs', '4', config=config)
        last = out.strip().splitlines()[-1]
        assert status == 1 and last.startswith('error') and words in last and 'could not be written' in last, out[-3000:]
        assert 'Traceback' not in out and 'Exception' not in out, out[-3000:]
        assert is_whole(trial.work / 'epoch_2.pth')


def no_room_for_the_config(trial: Trial) -> None:
    """A limit on the size of a file stops the resolved config, which is written first, at a random byte; the one of before stays."""
    trial.trains('--epochs', '1', config=trial.config())
    dumped = trial.work / 'tiny.py'
    before = dumped.read_bytes()
    code = f'signal.signal(25, signal.SIG_IGN); resource.setrlimit(resource.RLIMIT_FSIZE, ({trial.rng.randrange(len(before))},) * 2)'
    (trial.folder / 'limit.py').write_text(f'import resource, signal\n{code}\n')
    extra = "\ncustom_imports = dict(imports=['mmseg_fundus', 'limit'], allow_failed_imports=False)"
    out, status = trial.train('--epochs', '2', '--resume', config=trial.config(extra=extra))
    last = out.strip().splitlines()[-1]
    assert status == 1 and last.startswith('error') and 'could not be written' in last and 'Traceback' not in out, out[-3000:]
    assert dumped.read_bytes() == before and not list(trial.work.rglob('.*.tmp'))
    trial.check_kept([1])


def read_only_folder(trial: Trial) -> None:
    place = Path('/proc/sys/work') if os.geteuid() == 0 else trial.folder / 'closed' / 'work'
    if os.geteuid():
        place.parent.mkdir()
        place.parent.chmod(0o555)
    trial.config()
    out, status = trial.train('--work-dir', place)
    last = out.strip().splitlines()[-1]
    assert status == 1 and last.startswith('error') and str(place.parent) in last, out[-3000:]


def killed_in_a_write(trial: Trial) -> None:
    """The kernel kills the process at a random byte of the file it writes."""
    content = {'state_dict': {'x': torch.randn(2000)}}
    path = trial.folder / 'epoch_1.pth'
    write_whole(path, lambda temporary: torch.save(content, temporary))
    before = path.read_bytes()

    def overwrite(limit):
        signal.signal(signal.SIGXFSZ, signal.SIG_DFL)
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
        write_whole(path, lambda temporary: torch.save({'state_dict': {'x': torch.zeros(2000)}}, temporary))

    process = multiprocessing.get_context('fork').Process(target=overwrite, args=(trial.rng.randrange(len(before)),))
    process.start()
    process.join(60)
    assert process.exitcode == -signal.SIGXFSZ, process.exitcode
    assert path.read_bytes() == before


def killed_and_resumed(trial: Trial) -> None:
    process = trial.train('--epochs', '4', config=trial.config(), wait=False)
    seen, wanted = 0, trial.rng.randrange(1, 4)
    while seen < wanted and (line := process.stdout.readline()):
        seen += 'Epoch(train)' in line
    time.sleep(trial.rng.random() * 0.5)
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.communicate()
    assert all(is_whole(path) for path in trial.work.glob('*.pth'))
    trial.trains('--resume', '--epochs', '4')
    assert is_whole(trial.work / 'epoch_4.pth') and not list(trial.work.glob('.*.tmp'))


def newest_checkpoint_cut(trial: Trial) -> None:
    trial.trains('--epochs', '2', config=trial.config())
    newest = trial.work / 'epoch_2.pth'
    data = newest.read_bytes()
    newest.write_bytes(data[: trial.rng.randrange(len(data))])
    assert latest_whole_checkpoint(trial.work)[0].name == 'epoch_1.pth'
    out = trial.trains('--resume', '--epochs', '3')
    assert 'epoch_2.pth' in out and 'Epoch(train) [2]' in out
    assert is_whole(trial.work / 'epoch_3.pth')


def picture_lost(trial: Trial, code: str, words: str) -> None:
    """Train; ``code`` does something to the picture ``victim`` on the way."""
    victim = trial.rng.choice(sorted((trial.data / 'training/images').iterdir()))
    extra = "train_dataloader['dataset']['keep_decoded'] = False\ndefault_hooks['feature_cache'] = dict(enabled=False)"
    config = trial.config(code.format(victim=repr(str(victim))), 5, extra)
    out, status = trial.train('--epochs', '4', config=config)
    last = out.strip().splitlines()[-1]
    held_out = status == 0  # the picture was one of those that validate: read before
    assert held_out or (status == 1 and last.startswith('error') and victim.name in last and words in last), out[-3000:]
    assert all(is_whole(path) for path in trial.work.glob('*.pth')) and (trial.work / 'epoch_1.pth').is_file()


def picture_vanishes(trial: Trial) -> None:
    picture_lost(trial, 'os.remove({victim}) if os.path.exists({victim}) else None', 'not found')


def picture_cut(trial: Trial) -> None:
    size = f'int(os.path.getsize({{victim}}) * {trial.rng.uniform(0.3, 0.9):.3f})'
    picture_lost(trial, f'os.truncate({{victim}}, {size})', 'truncated or damaged')


def clock_goes_back(trial: Trial) -> None:
    back = f'clock = time.time; time.time = lambda: clock() - {trial.rng.randrange(60, 10**8)}'
    trial.trains('--epochs', '2', config=trial.config(back, trial.rng.randrange(10)))
    first = (trial.work / 'epoch_2.pth').read_bytes()
    trial.trains('--epochs', '1')
    trial.trains('--epochs', '3', '--resume')
    assert first in [path.read_bytes() for path in trial.work.rglob('epoch_2.pth')]
    assert is_whole(trial.work / 'epoch_3.pth')


# name -> (what is tried, how often for each "time" of tests/faults/run.py)
SCENARIOS = {
    nan_in_the_loss: ('NaN or infinity in the decoder: the loss is no number', 1),
    worker_killed: ('a data loading process is killed', 1),
    rank_hangs: ('one of two processes hangs', 1),
    rank_killed: ('one of two processes is killed', 1),
    interrupted: ('Ctrl-C in a training of two processes', 1),
    disk_full: ('no room for a checkpoint, from a random byte on; then room again', 1),
    no_room_for_curves: ("no room for TensorBoard's events, scalars or the log, from a random step on", 1),
    no_room_for_the_config: ('no room for the resolved config', 1),
    read_only_folder: ('the output folder cannot be written', 1),
    killed_in_a_write: ('killed at a random byte while a checkpoint is replaced', 50),
    killed_and_resumed: ('the training is killed at a random moment and resumed', 1),
    newest_checkpoint_cut: ('the newest checkpoint is cut at a random byte; then --resume', 1),
    picture_vanishes: ('a picture vanishes in the middle of the training', 1),
    picture_cut: ('a picture is cut at a random byte in the middle of the training', 1),
    clock_goes_back: ('the clock goes back by minutes to years', 1),
}


def attempt(scenario, folder: Path, seed: int, zygote: Zygote | None = None) -> str:
    """Try a scenario; '' if all went as it should, else what did not.  The folder stays only then."""
    try:
        scenario(Trial(folder, seed, zygote))
    except Exception as error:
        return f'{scenario.__name__}, seed {seed}, {folder}: {type(error).__name__}: {error}'
    shutil.rmtree(folder)
    return ''
