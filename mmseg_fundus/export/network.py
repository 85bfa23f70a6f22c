"""A segmentor's network computed by onnxruntime: the engine ``onnx`` of a prediction."""

import tempfile
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from ..errors import ConfigError
from ..models.segmentors import VesselSegmentor
from .check import TOLERANCE, ExportError
from .graph import PlainGraph
from .to_onnx import open_session, write_graph


class OnnxNetwork:
    """Logits of normalised pictures ``(N, 3, H, W)`` as a segmentor's ``encode_decode`` has them, by onnxruntime in float32 on the CPU.

    For :meth:`.VesselSegmentor.use_network`; windows, poses and scale stay the segmentor's.

    Args:
        model (VesselSegmentor): With its weights; not changed.

    Raises:
        ExportError: If it cannot be written as ONNX, or computes something else than the model does.
        ConfigError: If ``test_cfg.encoder`` is set, which one network cannot do.
    """

    def __init__(self, model: VesselSegmentor) -> None:
        if (model.test_cfg or {}).get('encoder') is not None:
            raise ConfigError(
                f'engine onnx: model.test_cfg.encoder={dict(model.test_cfg["encoder"])} computes the maps of a picture once for all poses, '
                "and onnxruntime runs encoder and decode head as one network. Use the engine 'torch', or test_cfg.encoder=None, which "
                'predicts by windows'
            )
        graph = PlainGraph(model)
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder) / 'network.onnx'
            write_graph(graph, file)
            self._session = open_session(file)
        self._check(graph)

    def __call__(self, pictures: Tensor, shown: list[Any] | None = None) -> Tensor:
        """Logits ``(N, classes, H, W)``; ``shown`` says nothing to a network without a feature cache."""
        return torch.from_numpy(self._session.run(None, {'picture': pictures.float().contiguous().numpy()})[0])

    @torch.no_grad()
    def _check(self, graph: PlainGraph) -> None:
        """A trace may keep a number that was the size of its example: another size shows it."""
        pictures = torch.randn(1, 3, 4 * graph.model.patch - 3, 6 * graph.model.patch + 5, generator=torch.Generator().manual_seed(0))
        wanted, found = graph(pictures), self(pictures)
        difference = float((wanted - found).abs().max()) if wanted.shape == found.shape else float('inf')
        if not difference < 10 * TOLERANCE * max(float(wanted.abs().max()), 1.0):
            raise ExportError(f"engine onnx: the network differs from torch's by {difference:.1e} (logits); use the engine 'torch'")
