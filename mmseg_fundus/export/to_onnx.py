"""Writing a segmentor as an ONNX file."""

import importlib
import inspect
import json
from pathlib import Path
from types import ModuleType
from typing import Any

import torch

from ..choices import OPSET
from ..fileio.whole_files import write_whole
from ..models.segmentors import VesselSegmentor
from .check import Difference, ExportError, compare
from .facts import prediction_facts
from .graph import VesselGraph, tracing

_AXES = {0: 'batch', 2: 'height', 3: 'width'}
_OUTPUTS = ('probability', 'log_odds')
_LIMIT = 2**31  # bytes of a protobuf message


def export_onnx(model: VesselSegmentor, out: str | Path, opset: int = OPSET, facts: dict[str, Any] | None = None) -> list[Difference]:
    """Write a segmentor as one ONNX file, encoder and all, and compare it with PyTorch before it gets its name.

    Input ``picture`` ``(batch, 3, height, width)`` float32, RGB, 0 to 255; outputs ``probability`` and ``log_odds``
    ``(batch, 1, height, width)``, see :class:`.graph.VesselGraph`.  The metadata are :func:`.facts.prediction_facts`, each as JSON.

    The graph is traced (``dynamo=False``): ``torch.export`` refuses the size the position table has, or every other one.

    Args:
        model (VesselSegmentor): With its weights; not changed.
        out (str | Path): File to write; must not be there.
        opset (int): Version of ONNX's operators, from 14 to what torch and onnxruntime know.
        facts (dict, optional): More metadata, or other values.

    Returns:
        list[Difference]: From PyTorch, for pictures of three sizes.

    Raises:
        ExportError: If it is impossible, or the differences are too large; no file is left.
        ConfigError: If ``test_cfg`` predicts in a way that one network cannot, see :func:`.facts.prediction_facts`.
    """
    out = Path(out)
    onnx, onnxruntime = check_possible(out)
    graph = VesselGraph(model)
    metadata = {key: json.dumps(value) for key, value in {**prediction_facts(model), **(facts or {})}.items()}
    size = sum(tensor.numel() * 4 for tensor in graph.state_dict().values())
    if size >= _LIMIT:
        raise ExportError(f'the model has {size / 2**30:.1f} GB of weights; an ONNX file holds up to 2 GB')
    differences: list[Difference] = []

    def write(temporary: Path) -> None:
        _trace(graph, temporary, opset)
        proto = onnx.load(str(temporary))
        onnx.helper.set_model_props(proto, metadata)
        onnx.checker.check_model(proto)
        onnx.save(proto, str(temporary))
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = torch.get_num_threads()
        try:
            session = onnxruntime.InferenceSession(str(temporary), options, providers=['CPUExecutionProvider'])
        except Exception as error:  # onnxruntime has a class for each of its codes, right below Exception
            raise ExportError(f'onnxruntime {onnxruntime.__version__} does not run opset {opset}: {error}') from error
        differences.extend(compare(graph.model, lambda pictures: session.run(_OUTPUTS, {'picture': pictures})))

    out.parent.mkdir(parents=True, exist_ok=True)
    write_whole(out, write)
    return differences


def _trace(graph: VesselGraph, path: Path, opset: int) -> None:
    tracer: dict[str, Any] = {'dynamo': False} if 'dynamo' in inspect.signature(torch.onnx.export).parameters else {}
    try:
        with tracing():
            torch.onnx.export(
                graph,
                (graph.example(),),
                str(path),
                input_names=['picture'],
                output_names=list(_OUTPUTS),
                dynamic_axes={name: _AXES for name in ('picture', *_OUTPUTS)},
                opset_version=opset,
                **tracer,
            )
    except (RuntimeError, ValueError) as error:  # torch's own errors of exporting among them
        reason = str(error).splitlines()[0][:300]  # a graph follows
        raise ExportError(f'torch {torch.__version__} cannot write this model with opset {opset}: {reason}') from error


def check_possible(out: str | Path) -> list[ModuleType]:
    """The modules ``onnx`` and ``onnxruntime``.

    Raises:
        ExportError: If one is not installed, or the file ``out`` is there already.
    """
    if Path(out).exists():
        raise ExportError(f'{out} exists; nothing was changed. Choose another name')
    try:
        return [importlib.import_module(name) for name in ('onnx', 'onnxruntime')]
    except ImportError as error:
        raise ExportError(f'writing ONNX needs onnx and onnxruntime ({error}): pip install onnx onnxruntime') from error
