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
from .graph import PlainGraph, VesselGraph, tracing

_AXES = {0: 'batch', 2: 'height', 3: 'width'}
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
    check_possible(out)
    graph = VesselGraph(model)
    metadata = {key: json.dumps(value) for key, value in {**prediction_facts(model), **(facts or {})}.items()}
    differences: list[Difference] = []

    def write(temporary: Path) -> None:
        write_graph(graph, temporary, opset)
        onnx, _ = onnx_modules()
        proto = onnx.load(str(temporary))
        onnx.helper.set_model_props(proto, metadata)
        onnx.checker.check_model(proto)
        onnx.save(proto, str(temporary))
        session = open_session(temporary)
        differences.extend(compare(graph.model, lambda pictures: session.run(graph.outputs, {'picture': pictures})))

    out.parent.mkdir(parents=True, exist_ok=True)
    write_whole(out, write)
    return differences


def write_graph(graph: PlainGraph, path: Path, opset: int = OPSET) -> None:
    """Trace a graph, input ``picture``, into an ONNX file; raises :class:`ExportError`."""
    size = sum(tensor.numel() * 4 for tensor in graph.state_dict().values())
    if size >= _LIMIT:
        raise ExportError(f'the model has {size / 2**30:.1f} GB of weights; an ONNX file holds up to 2 GB')
    tracer: dict[str, Any] = {'dynamo': False} if 'dynamo' in inspect.signature(torch.onnx.export).parameters else {}
    try:
        with tracing():
            torch.onnx.export(
                graph,
                (graph.example(),),
                str(path),
                input_names=['picture'],
                output_names=list(graph.outputs),
                dynamic_axes={name: _AXES for name in ('picture', *graph.outputs)},
                opset_version=opset,
                **tracer,
            )
    except (RuntimeError, ValueError) as error:  # torch's own errors of exporting among them
        reason = str(error).splitlines()[0][:300]  # a graph follows
        raise ExportError(f'torch {torch.__version__} cannot write this model with opset {opset}: {reason}') from error


def open_session(path: Path) -> Any:
    """An ``onnxruntime.InferenceSession`` of a file, on the CPU with as many threads as torch; raises :class:`ExportError`."""
    _, onnxruntime = onnx_modules()
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = torch.get_num_threads()
    try:
        return onnxruntime.InferenceSession(str(path), options, providers=['CPUExecutionProvider'])
    except Exception as error:  # onnxruntime has a class for each of its codes, right below Exception
        raise ExportError(f'onnxruntime {onnxruntime.__version__} does not run this model: {error}') from error


def check_possible(out: str | Path) -> None:
    """Whether a file can be written.

    Raises:
        ExportError: If ``onnx`` or ``onnxruntime`` is not installed, or the file ``out`` is there already.
    """
    if Path(out).exists():
        raise ExportError(f'{out} exists; nothing was changed. Choose another name')
    onnx_modules()


def onnx_modules() -> list[ModuleType]:
    """The modules ``onnx`` and ``onnxruntime``; raises :class:`ExportError` if one is not installed."""
    try:
        return [importlib.import_module(name) for name in ('onnx', 'onnxruntime')]
    except ImportError as error:
        raise ExportError(f'ONNX needs onnx and onnxruntime ({error}): pip install onnx onnxruntime') from error
