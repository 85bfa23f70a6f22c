from typing import Any

from ..classes import CLASSES
from ..errors import ConfigError
from ..models.segmentors import VesselSegmentor
from ..models.segmentors.tta import tta_poses
from ..version import __version__


def prediction_facts(model: VesselSegmentor) -> dict[str, Any]:
    """What a program needs beside the network to predict as a segmentor does; plain numbers, strings and lists, for JSON.

    Args:
        model (VesselSegmentor): Its ``test_cfg`` says how it predicts.

    Returns:
        dict: ``mode`` (``'whole'`` with ``size``, or ``'slide'`` with ``crop_size``, ``stride``, ``zoom``, ``pixels_per_degree``,
        ``window_batch``), ``crop_to_fov``, ``poses`` (scale, mirrored, quarter turns; of test-time augmentation), ``threshold``; what
        the network does itself (``mean``, ``std``, in units of 0 to 255, ``patch_size``), ``classes``, and where it comes from.

    Raises:
        ConfigError: If the encoder sees a picture once for all poses (``test_cfg.encoder``), which no program can do with one network.
    """
    if (model.test_cfg or {}).get('encoder') is not None:
        raise ConfigError(
            f'model.test_cfg.encoder={dict(model.test_cfg["encoder"])} computes the maps of a picture once for all poses; an exported file '
            'is one network, encoder and decode head together, and would predict otherwise. Export it with --cfg-options '
            'model.test_cfg.encoder=None, and predict with that too where the figures of both are to be the same'
        )
    cfg = {'zoom': 1.0, 'size': None, 'window_batch': 4, 'crop_to_fov': False, 'pixels_per_degree': None, **(model.test_cfg or {})}
    source = model.encoder.source
    preprocessor = model.data_preprocessor
    normalised = hasattr(preprocessor, 'mean')
    sliding = cfg.get('mode', 'whole') == 'slide'
    return {
        **{key: list(value) if isinstance(value, (list, tuple)) else value for key, value in cfg.items() if key not in ('tta', 'encoder')},
        'mode': 'slide' if sliding else 'whole',
        'zoom': cfg['zoom'] if sliding else 1.0,
        'threshold': cfg.get('threshold', 0.5),
        'poses': [list(pose) for pose in tta_poses(cfg.get('tta', False))],
        'align_corners': bool(model.align_corners),
        'mean': preprocessor.mean.flatten().tolist() if normalised else [0.0] * 3,
        'std': preprocessor.std.flatten().tolist() if normalised else [1.0] * 3,
        'patch_size': model.encoder.patch_size,
        'classes': list(CLASSES),
        'weights_sha256': source.sha256 if source else None,
        'encoder_fingerprint': model.encoder.fingerprint().hex(),
        'mmseg_fundus': __version__,
    }
