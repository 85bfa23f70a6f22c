from collections.abc import Sequence
from logging import WARNING
from typing import Any

import torch
import torch.nn.functional as F
from mmengine.logging import print_log
from mmseg.models import SegDataPreProcessor
from mmseg.registry import MODELS
from mmseg.structures import SegDataSample
from torch import Tensor, nn

from ..classes import IGNORE
from ..errors import CheckpointError, ConfigError
from ..families import VISIONFM, Normalisation

KEPT = ('mean', 'std')  # tensors, and their names in a checkpoint
OUTSIDES = ('as it is', 'black')


@MODELS.register_module()
class FundusDataPreprocessor(SegDataPreProcessor):
    """mmseg's preprocessor, normalising with the statistics that the encoder was trained with.

    Takes BGR pictures of 0 to 255, as mmcv reads them, and hands RGB on.  Without a ``VesselSegmentor``, and where the encoder does not
    say which statistics those are, they are VisionFM's, from :mod:`.encoders.layouts.families`.

    A checkpoint holds statistics that are not VisionFM's, and they are used again where the config leaves them to the encoder: a decoder
    is used with those that it was trained with.

    Args:
        mean (Sequence[float], optional): RGB, in units of 0 to 1; ``None`` follows the encoder.
        std (Sequence[float], optional): RGB, in units of 0 to 1; ``None`` follows the encoder.
        outside (str): ``'black'`` blackens what lies outside the field of view, which glows in some photographs: in a prediction where
            a sample's ``fov`` is 0, in training where the label is 255.  ``'as it is'`` leaves it.
        **kwargs: The rest of ``SegDataPreProcessor``.

    Raises:
        ConfigError: If a mean or std is above 1 (it is in units of 0 to 255, as mmseg's own preprocessor has it), or ``outside`` is
            something else.
    """

    def __init__(
        self, mean: Sequence[float] | None = None, std: Sequence[float] | None = None, outside: str = 'as it is', **kwargs: Any
    ) -> None:
        if outside not in OUTSIDES:
            raise ConfigError(f'FundusDataPreprocessor: outside={outside!r} is unknown, use one of {", ".join(map(repr, OUTSIDES))}')
        settings = dict(bgr_to_rgb=True, pad_val=0, seg_pad_val=IGNORE, size_divisor=1)
        follows = tuple(name for name, given in (('mean', mean), ('std', std)) if given is None)
        mean, std = VISIONFM.mean if mean is None else mean, VISIONFM.std if std is None else std
        for name, values in (('mean', mean), ('std', std)):
            if any(value > 1 for value in values):
                raise ConfigError(
                    f'FundusDataPreprocessor: {name}={tuple(values)}, but RGB in units of 0 to 1 was expected; divide by 255, or leave '
                    'mean and std out, which uses those of the encoder'
                )
        super().__init__(mean=[255 * value for value in mean], std=[255 * value for value in std], **{**settings, **kwargs})
        self.follows = follows
        self.outside = outside

    def forward(self, data: dict[str, Any], training: bool = False) -> dict[str, Any]:
        """As mmseg's; see ``outside``."""
        alike = not training and not self.test_cfg and len({tuple(picture.shape) for picture in data['inputs']}) == 1
        data = self._in_place(data) if alike else super().forward(data, training)
        if self.outside == 'black' and data.get('data_samples'):
            seen = [_seen(sample, training, picture) for sample, picture in zip(data['data_samples'], data['inputs'])]
            torch.where(torch.stack(seen), data['inputs'], -self.mean / self.std, out=data['inputs'])
        return data

    def _in_place(self, data: dict[str, Any]) -> dict[str, Any]:
        """What mmseg's does with pictures to predict, with one array of floats instead of four: each has 98 MB of a picture of HRF."""
        data = self.cast_data(data)
        swapped = any(getattr(self, name, False) for name in ('channel_conversion', '_channel_conversion'))  # upstream's, ours
        pictures = [picture[[2, 1, 0]] if swapped and len(picture) == 3 else picture for picture in data['inputs']]
        inputs = torch.stack(pictures).float()
        if self._enable_normalize:
            inputs = inputs.sub_(self.mean).div_(self.std)
        return dict(inputs=inputs, data_samples=data.get('data_samples'))

    def follow(self, known: Normalisation | None) -> bool:
        """Take over what an encoder was trained with where the config leaves it open; ``False`` if it leaves nothing open."""
        if known is not None:
            self._use(known)
        return bool(self.follows)

    def _use(self, known: Normalisation) -> None:
        for name in self.follows:
            setattr(self, name, getattr(self, name).new_tensor([255 * value for value in getattr(known, name)]).view(-1, 1, 1))

    # ---- checkpoints

    def _save_to_state_dict(self, destination: dict[str, Any], prefix: str, keep_vars: bool) -> None:
        super()._save_to_state_dict(destination, prefix, keep_vars)
        used = normalisation_of(self)
        if used is not None and not used.near(VISIONFM):
            destination.update({prefix + name: getattr(self, name) for name in KEPT})

    def _load_from_state_dict(self, state_dict: dict[str, Tensor], prefix: str, *args: Any) -> None:
        kept = [state_dict.pop(prefix + name) for name in KEPT if prefix + name in state_dict]
        super()._load_from_state_dict(state_dict, prefix, *args)
        used, trained = normalisation_of(self), _normalisation(*kept) if len(kept) == len(KEPT) else None
        if kept and (trained is None or min(trained.std) <= 0):
            raise CheckpointError(f'{prefix}mean and {prefix}std of the checkpoint are no mean and std of red, green and blue')
        if used is None or used.near(trained or VISIONFM):
            return
        if self.follows:
            self._use(trained or VISIONFM)
            if trained is not None:
                print_log(f'normalisation: {trained.in_words()}, as the checkpoint was trained', logger='current')
            else:  # of a version that knew no others, or had others in its config
                _warn(
                    'normalisation: the checkpoint names none, so that it is taken to be trained with '
                    f"VisionFM's ({VISIONFM.in_words()}), which are used, not the encoder's ({used.in_words()}). If its config had "
                    'others, name them: model.data_preprocessor=dict(mean=(...), std=(...))'
                )
        elif trained is not None:
            _warn(
                f'normalisation: the checkpoint was trained with {trained.in_words()}, the config has {used.in_words()}; leave mean and '
                "std out of model.data_preprocessor to use the checkpoint's"
            )


def _seen(sample: SegDataSample, training: bool, picture: Tensor) -> Tensor:
    """``(1, H, W)`` bool, where a picture ``(3, H, W)`` shows the eye of its sample; everywhere if that is not known."""
    fov = sample.metainfo.get('fov')
    if training and 'gt_sem_seg' in sample:
        seen = sample.gt_sem_seg.data != IGNORE
    elif not training and fov is not None:
        seen = torch.as_tensor(fov)[None] > 0
    else:
        return torch.ones_like(picture[:1], dtype=torch.bool)
    seen = seen.to(picture.device)
    if seen.shape[1:] != picture.shape[1:]:  # a pipeline that resizes pictures
        seen = F.interpolate(seen[None].float(), size=picture.shape[1:], mode='nearest')[0] > 0
    return seen


def _warn(text: str) -> None:
    print_log(text, logger='current', level=WARNING)


def photographs(inputs: Tensor, preprocessor: nn.Module) -> Tensor:
    """The pictures ``(N, 3, H, W)`` before a data preprocessor normalised them, of 0 to 1, where they were of 0 to 255."""
    mean, std = (getattr(preprocessor, name, None) for name in KEPT)
    return (inputs if mean is None or std is None else inputs * std + mean) / 255


def normalisation_of(preprocessor: nn.Module) -> Normalisation | None:
    """What a data preprocessor normalises with, in units of 0 to 1; ``None`` if it does not, or not three channels."""
    return _normalisation(*(getattr(preprocessor, name, None) for name in KEPT))


def _normalisation(*found: Any) -> Normalisation | None:
    if not all(isinstance(values, Tensor) and values.numel() == 3 and values.isfinite().all() for values in found):
        return None
    mean, std = ([value / 255 for value in values.flatten().tolist()] for values in found)
    return Normalisation((mean[0], mean[1], mean[2]), (std[0], std[1], std[2]))
