"""What mmseg's data sets take and ours would get wrong: refused, with what to write instead."""

from mmcv import transforms
from mmseg.datasets import LoadAnnotations

from ..errors import ConfigError


def _steps(pipeline):
    """The types of all steps, also those inside of others (``TestTimeAug``, ``RandomChoice``)."""
    if isinstance(pipeline, dict):
        yield pipeline.get('type')
        for value in pipeline.values():
            yield from _steps(value)
    elif isinstance(pipeline, (list, tuple)):
        for step in pipeline:
            yield from _steps(step)
    else:
        yield type(pipeline)


def check_pipeline(name: str, pipeline) -> None:
    """Refuse mmseg's ``LoadAnnotations``: in its files 255 is "ignore", in most vessel labels 255 is vessel.

    Args:
        name (str): The data set's class, for the message.
        pipeline (list): Of dicts, or of transforms.

    Raises:
        ConfigError: If it is among the steps.
    """
    for step in _steps(pipeline):
        if step in ('LoadAnnotations', 'mmseg.LoadAnnotations', LoadAnnotations, transforms.LoadAnnotations):  # a subclass may do it right
            raise ConfigError(
                f'{name}: the pipeline step LoadAnnotations takes label values as class numbers, so that vessels of 255 would be ignored; '
                "use dict(type='LoadVesselAnnotations'), which reads 0/1 and 0/255 labels and marks the field of view"
            )


def check_classes(name: str, metainfo, classes: tuple) -> None:
    """Refuse ``metainfo`` whose classes are others than ``classes``: labels here are always 0 background, 1 vessel.

    Raises:
        ConfigError: If they are.
    """
    given = (metainfo or {}).get('classes')
    if given is not None and (isinstance(given, str) or tuple(given) != classes):
        raise ConfigError(
            f'{name}: metainfo.classes={given!r}, but labels are 0 for {classes[0]} and 1 for {classes[1]}, in this order; '
            'leave classes out of metainfo'
        )
