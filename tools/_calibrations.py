"""What tools/reproduce.py does when all trainings are over: calibrate checkpoints on the cameras that others left out, and test them."""

from pathlib import Path

from _jobs import call

from mmseg_fundus.results.record import FILE

CHECKPOINT = 'calibrated.pth'


def results_of(folder: Path, label: str) -> Path:
    return folder / f'test_{label}' / FILE


def is_calibrated(job, work_dir: Path) -> bool:
    """Whether a training's calibrated checkpoint is there and no older than what it was made of."""
    path = work_dir / job.name / CHECKPOINT
    made_of = [work_dir / job.name / 'trained', *(results_of(work_dir / name, label) for name, label in job.calibrate_on)]
    return path.is_file() and all(one.is_file() and one.stat().st_mtime <= path.stat().st_mtime for one in made_of)


def is_tested(job, work_dir: Path, label: str, calibrated: bool) -> bool:
    """Whether the results of a test are there, and of the calibrated checkpoint that there is now."""
    folder = work_dir / job.name
    path = results_of(folder, label)
    if not calibrated or not path.is_file():
        return path.is_file()
    return is_calibrated(job, work_dir) and path.stat().st_mtime >= (folder / CHECKPOINT).stat().st_mtime


def calibrate(job, work_dir: Path, trained: Path) -> Path:
    """Make the calibrated checkpoint of a :class:`_trainings.Job` from the ``trained`` one, if it is not there; returns its file."""
    folder = work_dir / job.name
    path = folder / CHECKPOINT
    if not is_calibrated(job, work_dir):
        path.unlink(missing_ok=True)
        on = [results_of(work_dir / name, label) for name, label in job.calibrate_on]
        call(job.name, folder / 'test.log', None, 'calibrate.py', trained, path, '--on', *on)
    return path
