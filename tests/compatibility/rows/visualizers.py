"""Backends of the visualizer."""

from importlib.util import find_spec

from habits import row
from trial import Trial, same, true

KIND = 'Visualizer backends'


@row(KIND, 'TensorboardVisBackend and LocalVisBackend')
def tensorboard(trial: Trial):
    """The events hold `val/Dice` twice and pictures of the validation; `vis_image` has them as files."""
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    trial.train()
    (events,) = trial.work.rglob('events.out.tfevents.*')
    found = EventAccumulator(str(events.parent))
    found.Reload()
    same(len(found.Scalars('val/Dice')), 2, 'values of val/Dice')
    true([tag for tag in found.Tags()['images'] if tag.startswith('val')], f'pictures {found.Tags()["images"]}')
    true(list(trial.work.glob('*/vis_data/vis_image/val_*')), 'no pictures as files')


@row(KIND, 'LocalVisBackend alone')
def local(trial: Trial):
    """`scalars.json` has the curve, there are no events."""
    trial.train("visualizer = dict(vis_backends=[dict(type='LocalVisBackend')])")
    same((len(trial.scalars('val/Dice')), list(trial.work.rglob('events.*'))), (2, []), 'values of val/Dice, events')


def _absent(kind: str, package: str):
    @row(KIND, f'{kind}, {package} not installed', refused=package)
    def attempt(trial: Trial):
        """One line that says what to install or to leave out."""
        true(find_spec(package) is None, f'{package} is installed: the row cannot be tried')
        extra = f"visualizer = dict(vis_backends=[dict(type='LocalVisBackend'), dict(type='{kind}')])"
        return trial.train(extra, check=False)


for _kind, _package in (
    ('WandbVisBackend', 'wandb'),
    ('MLflowVisBackend', 'mlflow'),
    ('ClearMLVisBackend', 'clearml'),
    ('NeptuneVisBackend', 'neptune'),
):
    _absent(_kind, _package)

MLFLOW = """
from unittest.mock import MagicMock
from PIL import Image


def log_image(image, artifact_file):
    Image.fromarray(image).save(artifact_file)


def __getattr__(name):
    if name.startswith('__'):
        raise AttributeError(name)
    return MagicMock()
"""


@row(KIND, 'MLflowVisBackend, with a stand-in for mlflow that saves pictures as it does: the tag is the file name')
def mlflow(trial: Trial):
    """The picture of each of two validations is a file, none replaces another."""
    (trial.folder / 'mlflow.py').write_text(MLFLOW)
    trial.train("visualizer = dict(vis_backends=[dict(type='LocalVisBackend'), dict(type='MLflowVisBackend')])")
    pictures = [path for path in trial.folder.glob('*.*') if path.suffix in ('.png', '.jpg')]
    same(len(pictures), 2, 'pictures')
