from collections.abc import Sequence
from typing import Any

from mmseg.models import SegDataPreProcessor
from mmseg.registry import MODELS

from ..classes import IGNORE
from .encoders.layouts.visionfm import VFM_MEAN, VFM_STD


@MODELS.register_module()
class FundusDataPreprocessor(SegDataPreProcessor):
    """mmseg's preprocessor, normalising with the statistics that VisionFM's fundus encoder was trained with.

    Takes BGR pictures of 0 to 255, as mmcv reads them, and hands RGB on.  They come from :mod:`.encoders.layouts.visionfm`, the one
    place they are written down.

    Args:
        mean (Sequence[float]): RGB, in units of 0 to 1.
        std (Sequence[float]): RGB, in units of 0 to 1.
        **kwargs: The rest of ``SegDataPreProcessor``.
    """

    def __init__(self, mean: Sequence[float] = VFM_MEAN, std: Sequence[float] = VFM_STD, **kwargs: Any) -> None:
        settings = dict(bgr_to_rgb=True, pad_val=0, seg_pad_val=IGNORE, size_divisor=1)
        super().__init__(mean=[255 * value for value in mean], std=[255 * value for value in std], **{**settings, **kwargs})
