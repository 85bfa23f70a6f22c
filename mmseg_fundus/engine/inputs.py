"""A quick look at the weights and the data sets that a config names, before anything is built or logged."""

import copy

from mmengine.config import Config
from mmengine.registry import init_default_scope
from mmseg.registry import DATASETS

from ..models.backbones import FrozenVisionTransformer
from .encoder_config import encoder_config, is_frozen_vit


def check_inputs(cfg: Config, splits) -> None:
    """Raise in the first second what would otherwise be found behind pages of log.

    Weights: that the file is there, can be read and fits by name and shape (its checksum and values are looked at when the model is
    built).  Data sets: folders, names and pairs (the files are decoded when the data set is built for good).

    Args:
        cfg (Config): The config.
        splits (Sequence[str]): Of ``'train'``, ``'val'``, ``'test'``.

    Raises:
        FundusError: See :mod:`mmseg_fundus.errors`.
    """
    init_default_scope(cfg.get('default_scope', 'mmseg'))
    encoder = encoder_config(cfg)
    if encoder is not None and is_frozen_vit(encoder):
        FrozenVisionTransformer.check_file(**{k: v for k, v in encoder.items() if k != 'type'})
    for split in splits:
        loader = cfg.get(f'{split}_dataloader')
        if loader and 'data_root' in loader.get('dataset', {}):
            DATASETS.build({**copy.deepcopy(loader.dataset), 'verify': False})
