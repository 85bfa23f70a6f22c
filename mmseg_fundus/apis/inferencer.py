from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from mmengine.registry import init_default_scope
from mmseg.registry import MODELS
from mmseg.structures import SegDataSample
from PIL import Image
from torch import Tensor

from ..choices import ENGINES
from ..classes import vessel_probability
from ..datasets.fov import find_fov
from ..datasets.photograph import read_photograph
from ..engine.agreement import agreement_note
from ..engine.config import check_prediction_options, load_config
from ..engine.ensemble import listed, read_model, use_members
from ..engine.whereabouts import settle_files
from ..errors import ConfigError, DataError
from ..export import OnnxNetwork, onnx_modules
from ..fileio.checksum import tensors_sha256
from ..fileio.pictures import find_photographs
from ..geometry import across
from ..models.encoders.contract import encoder_in
from ..models.segmentors.norms import norms_in_convolutions
from ..zoo import bundled
from .prediction import VesselPrediction

Picture = str | Path | np.ndarray | Tensor | Image.Image


class FundusVesselInferencer:
    """Vessels of photographs, from a config and a checkpoint.

    Args:
        config (str | Path, optional): The config that the checkpoint was trained with; without both, the model that comes with the
            package (:mod:`mmseg_fundus.zoo`), which needs no weights file.
        checkpoint (str | Path | Sequence[str | Path], optional): Slim (the weights file must be at hand) or full; several are averaged, as
            one :class:`~mmseg_fundus.models.VesselEnsemble`, and so is a file that holds one.
        weights (str, optional): Encoder weights file, instead of the config's; ``'from_checkpoint'`` for a full checkpoint.  Without it
            :func:`.engine.whereabouts.settle_files` decides.
        device (str, optional): ``'cuda'``, ``'cuda:1'``, ``'cpu'``; a GPU by default where there is one.
        tta (bool | str | dict, optional): Poses that are averaged, instead of the config's (``test_cfg.tta``): ``True`` all eight,
            ``'flips'`` four, ``False`` none but the picture itself.
        threshold (float, optional): Probability above which a pixel is vessel, 0 to 1; the one stored with the checkpoint
            (``tools/test.py --choose-threshold --store-threshold``), or else the config's, by default.
        window_batch (int, optional): Windows that are predicted at a time, instead of the config's.
        field_angle (float, optional): Degrees that the photographs show, 45 by default; sets their scale where the config gives
            ``pixels_per_degree``.
        micrometres_per_pixel (float, optional): Scale of the measurements.
        per_degree (bool): Measurements in degrees of the eye: the longer side of the box around the field of view shows ``field_angle``.
        options (dict, optional): Other settings of the config, dotted keys, as ``--cfg-options``.
        engine (str): What computes the network: ``'torch'``, or ``'onnx'``, onnxruntime in float32 on the CPU.  Faster where the machine
            does not compute bfloat16, slower where it does; not for a config with ``test_cfg.encoder``.

    Attributes:
        agreement (str): Which measures of its predictions agree with those of labels, as far as it is stored with the checkpoint.

    Raises:
        FundusError: If a file is missing or does not fit, see :mod:`mmseg_fundus.errors`.

    Example:
        >>> FundusVesselInferencer()('eye.jpg').mask
        >>> infer = FundusVesselInferencer('configs/setr_mla_vitb16_frozen_detail.py', 'vessels.pth', weights='VFM_Fundus_weights.pth')
        >>> eye = infer('eye.jpg')
        >>> eye.mask, eye.probability, eye.fov, eye.measurements
        >>> three = FundusVesselInferencer('configs/contrast_unet.py', ['seed0.pth', 'seed1.pth', 'seed2.pth'])
        >>> three('eye.jpg').spread
    """

    def __init__(
        self,
        config: str | Path | None = None,
        checkpoint: str | Path | Sequence[str | Path] | None = None,
        weights: str | None = None,
        device: str | torch.device | None = None,
        tta: bool | str | dict[str, Any] | None = None,
        threshold: float | None = None,
        window_batch: int | None = None,
        field_angle: float | None = None,
        micrometres_per_pixel: float | None = None,
        per_degree: bool = False,
        options: dict[str, Any] | None = None,
        engine: str = 'torch',
    ) -> None:
        self.device = _device(device, engine)
        if config is None and checkpoint is None:
            config, checkpoint = bundled()
        if config is None or checkpoint is None:
            one, other = ('checkpoint', 'config') if config is None else ('config', 'checkpoint')
            raise ConfigError(f'a {one} was given without its {other}; give both, or neither for the model that comes with the package')
        cfg = load_config(config, options, weights=weights)
        found, paths = read_model(checkpoint), listed(checkpoint)
        use_members(cfg, found, paths[0])
        settle_files(cfg, paths[0], weights, options=options)
        decoder = tensors_sha256(found['state_dict']).hex()
        given = {key: value for key, value in dict(tta=tta, window_batch=window_batch).items() if value is not None}
        check_prediction_options(cfg, given)
        cfg.model.test_cfg = {**(cfg.model.get('test_cfg') or {}), **given}
        init_default_scope('mmseg')
        self.model = MODELS.build(cfg.model)
        self.model.load_state_dict(found['state_dict'])
        self.model.to(self.device).eval()
        norms_in_convolutions(self.model)
        if engine == 'onnx':
            self.model.use_network(OnnxNetwork(self.model))
        stored = (found.get('meta') or {}).get('threshold') or {}
        self.agreement = agreement_note(found.get('meta') or {})
        wanted = (threshold, (options or {}).get('model.test_cfg.threshold'), stored.get('threshold'), self._configured())
        self.threshold = _threshold(next(value for value in wanted if value is not None))
        if per_degree and micrometres_per_pixel is not None:
            raise ConfigError('micrometres_per_pixel and per_degree are both given; lengths have one unit')
        self.micrometres_per_pixel, self.per_degree = micrometres_per_pixel, per_degree
        self.field_angle = 45.0 if field_angle is None else float(field_angle)
        if not 0 < self.field_angle <= 360:
            raise ConfigError(f'field_angle={field_angle} must lie in (0, 360], in degrees')
        source = encoder_in(self.model).source
        self.settings = {  # what a prediction depends on
            'checkpoint': Path(paths[0]).name if len(paths) == 1 else [Path(path).name for path in paths],
            'decoder_sha256': decoder,
            'weights_sha256': source.sha256 if source else None,
            'prediction': {**self.model.test_cfg, 'threshold': self.threshold, 'field_angle': self.field_angle},
            **({} if engine == 'torch' else {'engine': engine}),
            **({'per_degree': True} if per_degree else {}),
        }

    @property
    def members(self) -> int:
        """How many networks predict each picture together."""
        return getattr(self.model, 'members', 1)

    def _configured(self) -> float:
        return self.model.test_cfg.get('threshold', 0.5)

    def __call__(
        self, inputs: Picture | Iterable[Picture], fov: str | np.ndarray | None = 'auto'
    ) -> VesselPrediction | list[VesselPrediction]:
        """Predict one photograph or several.

        Args:
            inputs (str | Path | np.ndarray | Tensor | Image | Iterable): A file, an array ``(H, W, 3)`` or ``(H, W)`` of uint8 (RGB, grey),
                a tensor ``(3, H, W)`` or ``(1, H, W)`` of uint8, a picture of PIL, or several of these; or a folder of photographs, whose
                predictions are all kept in memory (``tools/predict.py`` writes those of many to disk).
            fov (str | np.ndarray | None): ``'auto'`` finds the field of view in each picture, ``None`` takes the whole frame, or a
                mask ``(H, W)`` of one picture, non-zero inside.

        Returns:
            VesselPrediction | list[VesselPrediction]: As many as inputs.

        Raises:
            DataError: If a file cannot be read, or an array is no picture.
        """
        if isinstance(inputs, (str, Path)) and Path(inputs).is_dir():
            inputs = list(find_photographs([str(inputs)]))
        if isinstance(inputs, Picture):
            return self.predict(inputs, fov)
        if not isinstance(inputs, Iterable):
            raise DataError(f'a file, a picture or several were expected, got {type(inputs).__name__}')
        if isinstance(fov, np.ndarray):
            raise DataError('a field-of-view mask belongs to one picture; predict them one by one')
        return [self.predict(item, fov, f'picture {i}') for i, item in enumerate(inputs)]

    @torch.no_grad()
    def predict(self, item: Picture, fov: str | np.ndarray | None = 'auto', name: str = 'picture 0') -> VesselPrediction:
        """Predict one photograph; see :meth:`__call__`, ``name`` is that of an array."""
        if isinstance(item, (str, Path)):
            name, item = Path(item).name, read_photograph(item)
        picture = _as_picture(item, name)
        inside = _field_of_view(picture, fov, name)
        about = dict(ori_shape=picture.shape[:2], img_shape=picture.shape[:2], field_angle=self.field_angle)
        sample = SegDataSample(metainfo=dict(about, fov=inside.astype(np.uint8)))
        bgr = torch.from_numpy(np.ascontiguousarray(picture[:, :, ::-1].transpose(2, 0, 1)))
        (predicted,) = self.model.test_step(dict(inputs=[bgr], data_samples=[sample]))
        probability = vessel_probability(predicted.seg_logits.data, dim=0).float().cpu().numpy()
        probability = np.where(inside, probability, np.float32(0))
        spread = predicted.vessel_spread.data[0].float().cpu().numpy() * inside if 'vessel_spread' in predicted else None
        how = 'given' if isinstance(fov, np.ndarray) else 'whole frame' if fov is None else 'found'
        settings = {**self.settings, 'field_of_view': how, 'um_per_pixel': self.micrometres_per_pixel}
        degrees = self.field_angle / across(inside) if self.per_degree else None
        scale = self.micrometres_per_pixel
        return VesselPrediction(name, picture, probability, inside, self.threshold, scale, spread, settings, degrees)


def _device(name: str | torch.device | None, engine: str) -> torch.device:
    """The device that is asked for, or the engine's own."""
    if engine not in ENGINES:
        raise ConfigError(f'engine {engine!r} is unknown; {" or ".join(map(repr, ENGINES))} was expected')
    if engine == 'onnx':
        onnx_modules()
    if name is None:
        return torch.device('cuda' if torch.cuda.is_available() and engine == 'torch' else 'cpu')
    try:
        device = torch.device(name)
    except RuntimeError as error:
        raise ConfigError(f"device {name!r} is unknown; 'cpu', 'cuda' or 'cuda:N' were expected") from error
    if engine == 'onnx' and device.type != 'cpu':
        raise ConfigError(f"engine onnx computes on the CPU, not on {name}; use the engine 'torch', or device='cpu'")
    if device.type == 'cuda' and (device.index or 0) >= torch.cuda.device_count():
        raise ConfigError(f'device {name}: this machine has {torch.cuda.device_count()} GPUs that torch can use')
    return device


def _threshold(value: float) -> float:
    if not 0 <= value < 1:
        raise ConfigError(f'threshold={value} must lie in [0, 1)')
    return float(value)


def _as_picture(item: object, name: str) -> np.ndarray:
    if isinstance(item, Image.Image):
        if item.mode not in ('RGB', 'RGBA', 'L', 'LA', 'P', '1'):
            raise DataError(f"{name}: a picture of PIL with 8 bits a colour was expected, got mode {item.mode}; convert('RGB') makes one")
        item = np.asarray(item.convert('RGB'))
    if isinstance(item, Tensor):
        if item.dtype != torch.uint8 or item.ndim != 3 or len(item) not in (1, 3) or not item.numel():
            found = f'{tuple(item.shape)} of {str(item.dtype).removeprefix("torch.")}'
            raise DataError(f'{name}: a tensor (3, H, W) or (1, H, W) of uint8 (0 to 255, RGB, grey) was expected, got {found}')
        item = item.permute(1, 2, 0).cpu().numpy()
    if not isinstance(item, np.ndarray):
        raise DataError(f'{name}: a file name, an array, a tensor or a picture of PIL was expected, got {type(item).__name__}')
    if item.dtype != np.uint8 or not (item.ndim == 2 or (item.ndim == 3 and item.shape[2] in (1, 3))) or not item.size:
        raise DataError(f'{name}: a picture (H, W, 3) or (H, W) of uint8 was expected, got {item.shape} of {item.dtype}')
    return item if item.ndim == 3 and item.shape[2] == 3 else np.repeat(item.reshape(*item.shape[:2], 1), 3, axis=2)


def _field_of_view(picture: np.ndarray, fov: str | np.ndarray | None, name: str) -> np.ndarray:
    if isinstance(fov, str) and fov == 'auto':
        return find_fov(picture).astype(bool)
    if fov is None:
        return np.ones(picture.shape[:2], bool)
    if not isinstance(fov, np.ndarray) or fov.shape != picture.shape[:2]:
        found = fov.shape if isinstance(fov, np.ndarray) else repr(fov)
        raise DataError(f"{name}: fov must be 'auto', None or a mask {picture.shape[:2]}, got {found}")
    return fov.astype(bool)
