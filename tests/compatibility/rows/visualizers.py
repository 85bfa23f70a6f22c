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

OWN = """
from mmengine.visualization import BaseVisBackend
from mmseg.registry import VISBACKENDS


@VISBACKENDS.register_module()
class NamesBackend(BaseVisBackend):
    experiment = None

    def _init_env(self):
        pass

    def add_image(self, name, image, step=0, **kwargs):
        with open('names', 'a') as file:
            file.write(f'{name}\\n')
"""


@row(KIND, "MLflow's way of logging pictures: the tag is taken for a file name")
def file_names(trial: Trial):
    """A backend of one's own gets tags that PIL can save under, with an extension that it knows."""
    from PIL import Image

    (trial.folder / 'names_backend.py').write_text(OWN)
    trial.train(
        "custom_imports = dict(imports=['mmseg_fundus', 'names_backend'], allow_failed_imports=False)\n"
        "visualizer = dict(vis_backends=[dict(type='LocalVisBackend'), dict(type='NamesBackend')])"
    )
    names = (trial.folder / 'names').read_text().split()
    true(names, 'no picture was logged')
    Image.init()
    same([name for name in names if '.' + name.split('.')[-1] not in Image.EXTENSION], [], 'tags without extension')
