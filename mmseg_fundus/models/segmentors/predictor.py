"""How a picture of any size is predicted: whole or by windows, in which poses, at which scale, inside which field of view."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import cycle, groupby
from typing import Any

import torch
import torch.nn.functional as F
from mmseg.models.utils import resize
from torch import Tensor

from ...classes import NUMBER, OUTSIDE
from ...errors import ConfigError
from ...geometry import Place, box_around, check_density, fov_scale
from ...progress import parts
from .once import Parts, check_once, features_once, scaled_to
from .tta import Pose, tta_poses
from .windows import blend_windows

Network = Callable[[Tensor, list[Place]], Tensor]  # pictures and what they show, to logits
TEST_KEYS = {
    *('mode', 'size', 'crop_size', 'stride', 'zoom', 'pixels_per_degree', 'window_batch', 'crop_to_fov', 'tta', 'threshold', 'encoder'),
}


def check_test_cfg(cfg: Mapping[str, Any]) -> None:
    """Refuse a ``test_cfg`` that contradicts itself or has an unknown key; raises :class:`ConfigError`."""
    unknown = set(cfg) - TEST_KEYS
    if unknown:
        raise ConfigError(f'VesselSegmentor: model.test_cfg has no {sorted(unknown)}; it takes {", ".join(sorted(TEST_KEYS))}')
    if cfg.get('mode', 'whole') not in ('whole', 'slide'):
        raise ConfigError(f"VesselSegmentor: test_cfg.mode={cfg['mode']!r}, expected 'whole' or 'slide'")
    if cfg.get('mode') == 'slide':
        crop, stride = cfg.get('crop_size') or (), cfg.get('stride') or ()
        if len(crop) != 2 or len(stride) != 2 or min(*crop, *stride) < 1 or any(s > c for s, c in zip(stride, crop)):
            raise ConfigError(
                f"VesselSegmentor: test_cfg.mode='slide' needs crop_size and stride, (height, width) each, stride no larger; "
                f'got crop_size={cfg.get("crop_size")}, stride={cfg.get("stride")}'
            )
    if cfg.get('zoom', 1.0) <= 0 or cfg.get('window_batch', 1) < 1:
        raise ConfigError('VesselSegmentor: test_cfg.zoom must be above 0 and window_batch 1 or more')
    density = cfg.get('pixels_per_degree')
    fixed = cfg.get('mode', 'whole') == 'whole' and cfg.get('size') is not None
    check_density('VesselSegmentor: test_cfg', density)
    if density is not None and fixed:
        raise ConfigError(f"VesselSegmentor: test_cfg.pixels_per_degree={density} needs mode='slide' or size=None")
    if not 0 <= cfg.get('threshold', 0.5) < 1:
        raise ConfigError(f'VesselSegmentor: test_cfg.threshold={cfg["threshold"]} must lie in [0, 1)')
    tta_poses(cfg.get('tta', False))
    check_once(cfg.get('encoder'))


class Predictor:
    """Predicts pictures with a network that takes parts of them.

    ``test_cfg``:

    - ``mode='whole'``: the whole picture resized to ``size=(H, W)`` (antialiased), the logits back; ``size=None`` keeps the picture's,
      or what ``pixels_per_degree`` makes of it.
    - ``mode='slide'``: windows of ``crop_size`` at most ``stride`` apart over the picture scaled by ``zoom`` (input pixels to a native
      pixel, 1), ``window_batch`` (4) at a time, blended smoothly; those that see nothing of the field of view are left out.
    - ``pixels_per_degree``: with ``'slide'`` or ``size=None``, pictures are first scaled to that many pixels to a degree of the eye, by
      their ``fov`` (without: not at all) and ``field_angle`` (45), so that a checkpoint of one camera fits the others; two numbers are
      bounds between which a picture keeps its own; ``zoom`` is relative to it.
    - ``crop_to_fov=True``: only the box around the field of view is predicted, and pasted back.
    - ``tta``: flips, quarter turns, scales whose probabilities are averaged, see :func:`.tta.tta_poses`.
    - ``encoder``: the encoder sees each picture once, whatever ``tta`` says; its maps are turned with the poses, and the decode head
      sees whole pictures.  ``dict()``: in one piece; ``crop_size``, ``stride`` (``crop_size``): in pieces, blended as windows are;
      ``zoom``: at a share of the scale, 1.  The other ``crop_size`` and ``stride`` are not used then.  See :mod:`.once`.
    - ``threshold``: probability above which a pixel is vessel, 0.5; not used here.

    Args:
        encode_decode (callable): Pictures ``(B, 3, h, w)`` and their :class:`.Place`, a list of B, to logits ``(B, classes, h, w)``.
        test_cfg (dict): See above and :func:`check_test_cfg`.
        align_corners (bool): Of resizing logits.
        members (int): Networks that predict each picture; their classes lie one behind the other, ``members * 2`` where others say
            ``classes``.
        parts (Parts, optional): The same network in two steps; ``test_cfg.encoder`` needs it.
    """

    def __init__(
        self,
        encode_decode: Network,
        test_cfg: Mapping[str, Any],
        align_corners: bool = False,
        members: int = 1,
        parts: Parts | None = None,
    ) -> None:
        self.encode_decode = encode_decode
        self.test_cfg = test_cfg
        self.align_corners = align_corners
        self.members = members
        self.parts = parts
        self.outside = OUTSIDE * members

    def predict(self, inputs: Tensor, metas: Sequence[Mapping[str, Any]]) -> Tensor:
        """Logits ``(N, classes, H, W)`` of normalised pictures ``(N, 3, H, W)``; background outside the field of view.

        Args:
            inputs (Tensor): Pictures.
            metas (list[dict]): What is known of each: ``fov`` ``(H, W)``, above 0 inside, and ``field_angle`` (45), if they are there.
        """
        places = self.places(inputs, metas)
        fovs = [meta.get('fov') for meta in metas]
        if any(fov is None for fov in fovs):
            return self._averaged(inputs, places, None)
        fov = torch.stack([torch.as_tensor(fov, device=inputs.device) for fov in fovs])[:, None] > 0
        if fov.shape[2:] != inputs.shape[2:]:  # a pipeline that resizes pictures
            fov = F.interpolate(fov.float(), size=inputs.shape[2:], mode='nearest') > 0
        cropped, density = self.test_cfg.get('crop_to_fov', False), self.test_cfg.get('pixels_per_degree')
        if cropped or density:  # each picture has its own box and scale
            logits = inputs.new_zeros((len(inputs), self.members * NUMBER, *inputs.shape[2:]), dtype=torch.float32)
            for i, meta in enumerate(metas):
                box = box_around(fov[i, 0].cpu()) if cropped else (slice(None), slice(None))
                scale = fov_scale(fov[i, 0].cpu(), density, meta.get('field_angle', 45.0))
                part = (slice(i, i + 1), slice(None), *box)
                logits[part] = self._averaged(inputs[part], [places[i].boxed(*box)], fov[part], scale).float()
        else:
            logits = self._averaged(inputs, places, fov)
        return torch.where(fov, logits, logits.new_tensor(self.outside).view(1, -1, 1, 1))

    @staticmethod
    def places(inputs: Tensor, metas: Sequence[Mapping[str, Any]] | None = None) -> list[Place]:
        """Where whole pictures lie: everywhere."""
        return [Place.whole(*picture) for picture in zip(inputs, metas or [{}] * len(inputs))]

    def _averaged(self, inputs: Tensor, places: list[Place], fov: Tensor | None, scale: float = 1.0) -> Tensor:
        """Logits whose softmax is the mean probability over the poses of ``test_cfg.tta``, each ``scale`` times as large."""
        poses = [pose._replace(scale=scale * pose.scale) for pose in tta_poses(self.test_cfg.get('tta', False))]
        each = self._each_once if self.test_cfg.get('encoder') is not None else self._each_alone
        if len(poses) == 1:
            return next(each(inputs, places, fov, poses))
        mean = inputs.new_zeros((), dtype=torch.float32)
        for logits in each(inputs, places, fov, poses):
            mean = mean + logits.float().unflatten(1, (self.members, NUMBER)).softmax(dim=2).flatten(1, 2)
        return (mean / len(poses)).clamp(min=torch.finfo(torch.float32).tiny).log()

    def _each_alone(self, inputs: Tensor, places: list[Place], fov: Tensor | None, poses: list[Pose]) -> Iterator[Tensor]:
        """Logits of one pose after the other, turned back: a picture of its own each."""
        for pose in parts(poses, len(poses)):
            yield pose.undo(self._posed(pose.apply(inputs), places, None if fov is None else pose.apply(fov), pose))

    def _each_once(self, inputs: Tensor, places: list[Place], fov: Tensor | None, poses: list[Pose]) -> Iterator[Tensor]:
        """The same, of maps that are computed once for each scale."""
        cfg, network = self.test_cfg, self.parts
        if network is None:
            raise ConfigError('test_cfg.encoder: this network is not there in two steps, encoder and decode head; set it to None')
        sliding = cfg.get('mode', 'whole') == 'slide'
        native = inputs.shape[2:] if sliding else cfg.get('size') or inputs.shape[2:]
        by_scale = [(scale, list(same)) for scale, same in groupby(poses, key=lambda pose: pose.scale)]
        steps = iter(parts(cycle([None]), len(by_scale) + len(poses)))  # the maps of each scale, and each pose
        for scale, same in by_scale:
            height, width = (max(round(side * scale * (cfg.get('zoom', 1.0) if sliding else 1.0)), 1) for side in native)
            scaled = scaled_to(inputs, (height, width))
            seen = scaled if cfg['encoder'].get('zoom', 1.0) == 1 else inputs  # resampled once in either case
            next(steps)
            maps = features_once(network, seen, places, fov, (height, width), cfg['encoder'], cfg.get('window_batch', 4))
            for pose in same:
                next(steps)
                logits = network.decoded(maps, scaled, pose)
                same_size = logits.shape[2:] == inputs.shape[2:]
                yield logits if same_size else resize(logits, size=inputs.shape[2:], mode='bilinear', align_corners=self.align_corners)

    def _posed(self, inputs: Tensor, places: list[Place], fov: Tensor | None, pose: Pose) -> Tensor:
        if self.test_cfg.get('tta'):
            places = [place._replace(pose=tuple(pose)) for place in places]
        if self.test_cfg.get('mode', 'whole') == 'slide':
            return self.slide(inputs, places, fov, pose.scale)
        return self.whole(inputs, places, pose.scale, lying=bool(pose.turns % 2))

    def whole(self, inputs: Tensor, places: list[Place], scale: float = 1.0, lying: bool = False) -> Tensor:
        """Logits of whole pictures, at ``test_cfg.size`` (turned by a quarter where they are ``lying``) or their own, times ``scale``."""
        size = self.test_cfg.get('size', None) or inputs.shape[2:]
        if lying and self.test_cfg.get('size', None):
            size = size[::-1]
        return self._resized(self.encode_decode, inputs, places, scale, size)

    def slide(self, inputs: Tensor, places: list[Place], fov: Tensor | None = None, scale: float = 1.0) -> Tensor:
        """Logits of pictures by windows; those that see nothing of ``fov`` ``(N, 1, H, W)`` are left out."""
        cfg = self.test_cfg

        def predict(scaled: Tensor, places: list[Place]) -> Tensor:
            seen = fov if fov is None or scaled is inputs else F.interpolate(fov.float(), size=scaled.shape[2:], mode='area') > 0
            fill = scaled.new_tensor(self.outside)

            def window(tiles: Tensor, corners: list[tuple[int, int, int]]) -> Tensor:
                height, width = tiles.shape[2:]
                return self.encode_decode(tiles, [places[n]._replace(window=(y, x, height, width)) for n, y, x in corners])

            return blend_windows(window, scaled, cfg['crop_size'], cfg['stride'], cfg.get('window_batch', 4), seen, fill)

        return self._resized(predict, inputs, places, scale * cfg.get('zoom', 1.0), inputs.shape[2:])

    def _resized(self, predict: Network, inputs: Tensor, places: list[Place], scale: float, size: Sequence[int]) -> Tensor:
        """Predict at ``scale`` times a size (antialiased) and bring the logits back."""
        height, width = (max(round(side * scale), 1) for side in size)
        size = (height, width)
        places = [place.scaled(size) for place in places]
        if size == tuple(inputs.shape[2:]):
            return predict(inputs, places)
        logits = predict(F.interpolate(inputs, size=size, mode='bilinear', antialias=True), places)
        return resize(logits, size=inputs.shape[2:], mode='bilinear', align_corners=self.align_corners)
