"""Everything that a training needs, tried before it starts: what ``tools/check_setup.py`` prints."""

import copy
import os
import platform
import shutil
import socket
import subprocess
import time
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from mmengine.config import Config
from mmengine.dataset import BaseDataset, pseudo_collate
from mmengine.model import BaseModel
from mmengine.optim import build_optim_wrapper
from mmengine.registry import init_default_scope
from mmseg.registry import MODELS
from PIL import Image

from ..classes import IGNORE, VESSEL
from ..datasets import FundusVessels
from ..datasets.naming import parts_of
from ..datasets.reading import read_picture
from ..datasets.verify import verify_samples
from ..errors import ConfigError, DataError
from ..models.data_preprocessor import normalisation_of
from ..models.encoders.contract import backbone_of, encoder_in
from ..models.following import contradiction
from ..stack import installed_versions
from ..visualization import draw_overlay
from .data_roots import SPLITS
from .encoder_config import encoder_config, weights_file
from .explain import explain
from .inputs import build_unverified, tell_repeated
from .meeting import meet

MOST_PICTURES = 60  # decoded of each split; a training decodes them all


class Doubt(Exception):
    """Why what a check found may not be what is meant; a training can start all the same."""


class Row(NamedTuple):
    """One line of the table: what was checked, ``ok`` / ``warning`` / ``problem`` / ``not checked``, what was found or what to do."""

    name: str
    verdict: str
    detail: str

    @property
    def passed(self) -> bool:
        """Whether a training can start as far as this goes."""
        return self.verdict in ('ok', 'warning')


def _tensors(found: Any) -> list[torch.Tensor]:
    """The floating point tensors in what a model returns."""
    if isinstance(found, torch.Tensor):
        return [found] if found.is_floating_point() else []
    return [tensor for item in (found if isinstance(found, (list, tuple)) else ()) for tensor in _tensors(item)]


class Preflight:
    """Runs the checks in order; one that needs a failed one is ``not checked``.

    Args:
        cfg (Config): Loaded by :func:`.config.load_config`.
        processes (int): How many processes the training will have.
    """

    def __init__(self, cfg: Config, processes: int = 1) -> None:
        self.cfg = cfg
        self.processes = processes
        self.device = 'cuda' if torch.cuda.is_available() else 'cpu'
        self.model: BaseModel  # this one, the batch and the bytes are there once the check that makes them is through
        self.datasets: dict[str, BaseDataset] = {}
        self.batch: dict[str, Any]
        self.saved: int
        self.rows: list[Row] = []

    def run(self) -> list[Row]:
        """Run every check; returns the rows."""
        init_default_scope(self.cfg.get('default_scope', 'mmseg'))
        for name, check, needs in (
            ('versions', self.versions, ()),
            ('GPU', self.gpus, ()),
            ('weights and model', self.weights, ()),
            ('normalisation', self.normalisation, ('weights and model',)),
            ('parameters', self.parameters, ('weights and model',)),
            ('data', self.data, ()),
            ('sample', self.sample, ('data',)),
            ('forward pass', self.forward, ('weights and model', 'data')),
            ('training step', self.step, ('forward pass',)),
            ('memory', self.memory, ('training step',)),
            ('port', self.port, ()),
            ('process group', self.process_group, ('port', 'GPU')),
        ):
            failed = [row.name for row in self.rows if row.name in needs and not row.passed]
            if failed:
                self.rows.append(Row(name, 'not checked', f'needs: {", ".join(failed)}'))
                continue
            try:
                self.rows.append(Row(name, 'ok', check()))
            except Doubt as doubt:
                self.rows.append(Row(name, 'warning', str(doubt)))
            except Exception as error:  # noqa: BLE001 (whatever goes wrong is a row of the table)
                self.rows.append(Row(name, 'problem', explain(error) or f'{type(error).__name__}: {" ".join(str(error).split())[:300]}'))
        return self.rows

    # ---- the checks: each returns what it found, or raises (a :class:`Doubt` for a warning)

    def versions(self) -> str:
        mm = ', '.join(f'{name} {version}' for name, version in installed_versions().items())
        return f'Python {platform.python_version()}, torch {torch.__version__}, {mm}'

    def gpus(self) -> str:
        if not torch.cuda.is_available():
            if shutil.which('nvidia-smi') and subprocess.run(['nvidia-smi', '-L'], capture_output=True).stdout.strip():
                built = f'built for CUDA {torch.version.cuda}' if torch.version.cuda else 'a CPU build'
                raise ConfigError(
                    f'this machine has an NVIDIA GPU, but torch {torch.__version__} ({built}) cannot use it: nvidia-smi shows the CUDA '
                    'version of the driver; install a torch built for that version or an older one'
                )
            return f'none: training on the CPU, {self.processes} process(es), gloo'
        count = torch.cuda.device_count()
        if self.processes > count:
            raise ConfigError(f'{self.processes} processes were asked for, this machine has {count} GPU(s); ask for fewer')
        torch.zeros(1, device='cuda') + 1
        memory = torch.cuda.get_device_properties(0).total_memory / 2**30
        return f'{count} x {torch.cuda.get_device_name(0)}, {memory:.0f} GiB, CUDA {torch.version.cuda}, NCCL'

    def weights(self) -> str:
        self.model = MODELS.build(copy.deepcopy(self.cfg.model)).to(self.device)
        encoder = encoder_in(self.model)
        source = encoder.source
        if source is None:
            named = weights_file(encoder_config(self.cfg))
            return f'{type(backbone_of(self.model)).__name__}: no weights file' + (f' ({named!r}, as the config says)' if named else '')
        count = len(encoder.own_tensors())
        notes = ''.join(f'; {note}' for note in source.notes)
        return f'{source.path}: {source.layout}, {count}/{count} encoder tensors, SHA-256 {source.sha256[:16]}...{notes}'

    def normalisation(self) -> str:
        used, wrong = normalisation_of(self.model.data_preprocessor), contradiction(self.model.data_preprocessor, encoder_in(self.model))
        if wrong:
            raise Doubt(wrong)
        return used.in_words() if used else 'none of three channels'

    def parameters(self) -> str:
        trained = sum(p.numel() for p in self.model.parameters() if p.requires_grad)
        frozen = sum(p.numel() for p in self.model.parameters() if not p.requires_grad)
        if not trained:
            raise ConfigError('nothing in the model requires a gradient: there is nothing to train')
        return f'{frozen:,} frozen, {trained:,} trained'

    def data(self) -> str:
        found = []
        for split in SPLITS:
            loader = self.cfg.get(f'{split}_dataloader')
            if not loader:
                found.append(f'no {split}')
                continue
            dataset = self.datasets[split] = build_unverified(loader.dataset)
            repeated = tell_repeated(dataset, f'{split}_dataloader')
            decoded = sum(self._decode(part, split) for part in parts_of(dataset))
            some = f' ({decoded} decoded)' if decoded < len(dataset) else ''
            found.append(f'{len(dataset)} {split}{some}' + (f'; {repeated}' if repeated else ''))
        train = self.datasets['train']
        roots = dict.fromkeys(str(getattr(part, 'data_root', '?')) for part in parts_of(train))
        width, height = Image.open(train.get_data_info(0)['img_path']).size
        return f'{", ".join(found)}; {width}x{height} pixels the first; {", ".join(roots)}'

    @staticmethod
    def _decode(dataset: BaseDataset, split: str) -> int:
        """Decode some pictures of a data set: with their labels and masks if it is one of ours, or else as it loads them."""
        chosen = np.unique(np.linspace(0, len(dataset) - 1, min(len(dataset), MOST_PICTURES)).round().astype(int))
        if isinstance(dataset, FundusVessels):
            verify_samples([dataset.get_data_info(int(i)) for i in chosen], f'{split} ({type(dataset).__name__})')
        else:
            for i in chosen:
                dataset[int(i)]
        return len(chosen)

    def sample(self) -> str:
        view = self.datasets['train'][0]
        if 'gt_sem_seg' not in view['data_samples']:
            raise DataError('the first training sample has no label (gt_sem_seg); the pipeline lacks LoadVesselAnnotations')
        picture = view['inputs'].numpy().transpose(1, 2, 0)[:, :, ::-1]
        label = view['data_samples'].gt_sem_seg.data[0].numpy()
        valid = label != IGNORE
        if not valid.any():
            raise DataError('the first training view lies wholly outside the field of view; check augmentation.size and scale')
        native = read_picture(self.datasets['train'].get_data_info(0)['img_path'])
        drawn = draw_overlay(np.ascontiguousarray(picture), label == VESSEL)
        drawn[~valid] = (60, 0, 60)
        native = np.asarray(Image.fromarray(native).resize((round(native.shape[1] * len(picture) / len(native)), len(picture))))
        path = Path(self.cfg.work_dir) / 'check_setup_sample.png'
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(np.hstack([native, picture, drawn])).save(path)
        share = (label == VESSEL).sum() / valid.sum()
        return f'{path}: picture, a training view, its label ({share:.1%} vessel; purple: not counted)'

    def forward(self) -> str:
        size = self.cfg.train_dataloader.get('batch_size', 1)
        views = [self.datasets['train'][i % len(self.datasets['train'])] for i in range(max(min(size, 2), 1))]
        self.batch = self.model.data_preprocessor(pseudo_collate(views), training=True)
        inputs = self.batch['inputs']
        with torch.no_grad():
            backbone = backbone_of(self.model)
            maps = _tensors(backbone(inputs)) if backbone is not self.model else []
            logits = _tensors(self.model(inputs))
        if not all(torch.isfinite(tensor).all() for tensor in logits):
            raise ConfigError('the logits hold NaN or infinite values')
        inside = f'{len(maps)} maps {tuple(maps[-1].shape[1:])}, ' if maps else ''
        return f'input {tuple(inputs.shape)}, {inside}logits {", ".join(str(tuple(tensor.shape)) for tensor in logits)}'

    def step(self) -> str:
        wrapper = build_optim_wrapper(self.model, copy.deepcopy(self.cfg.optim_wrapper))
        held = {id(p) for group in wrapper.optimizer.param_groups for p in group['params']}
        idle = sum(p.numel() for p in self.model.parameters() if id(p) in held and not p.requires_grad)
        if idle > 0.05 * sum(p.numel() for p in self.model.parameters()):  # less: a fixed position table
            raise ConfigError(
                "frozen parameters are in the optimizer; set optim_wrapper.constructor='TrainableOptimWrapperConstructor' in the config"
            )
        self.model.train()
        before = {name: p.detach().clone() for name, p in self.model.named_parameters() if not p.requires_grad}
        storages: dict[int, int] = {}
        start = time.perf_counter()

        def count(tensor: torch.Tensor) -> torch.Tensor:
            storages[tensor.untyped_storage().data_ptr()] = tensor.untyped_storage().nbytes()
            return tensor

        with torch.autograd.graph.saved_tensors_hooks(count, lambda tensor: tensor):
            loss, _ = self.model.parse_losses(self.model.loss(**self.batch))
        wrapper.update_params(loss)
        seconds = time.perf_counter() - start
        if not torch.isfinite(loss):
            raise ConfigError(f'the loss of the first step is {loss.item()}')
        if any(not torch.equal(p, before[name]) for name, p in self.model.named_parameters() if name in before):
            raise ConfigError('a frozen parameter changed in a training step')
        own = {p.untyped_storage().data_ptr() for p in self.model.parameters()}
        self.saved = sum(size for pointer, size in storages.items() if pointer not in own)
        pictures = len(self.batch['inputs'])
        return f'loss {loss.item():.3f}, {seconds:.1f} s for {pictures} picture(s) on this {self.device}, frozen weights unchanged'

    def memory(self) -> str:
        size = self.cfg.train_dataloader.get('batch_size', 1)
        weights = sum(p.numel() * 4 for p in self.model.parameters())
        trained = sum(p.numel() * 4 for p in self.model.parameters() if p.requires_grad)
        activations = self.saved / len(self.batch['inputs']) * size
        encoder = encoder_in(self.model)
        patch = encoder.patch_size if encoder.patch_size > 1 else 16
        tokens = int(np.prod([-(-side // patch) for side in self.batch['inputs'].shape[2:]]))
        running = size * tokens * (encoder.embed_dims or 768) * 4 * 16  # one block's working set, not kept
        total = weights + 3 * trained + 2 * activations + running + 0.6 * 2**30  # gradients and Adam; backward; CUDA itself
        return f'about {total / 2**30:.1f} GiB per GPU at batch size {size} (computed; kept activations: {activations / 2**30:.2f} GiB)'

    def port(self) -> str:
        port = os.environ.get('PORT')
        if port is None:
            return 'PORT is not set: a free one is found at start'
        if not port.isdigit() or not 1 <= int(port) <= 65535:
            raise ConfigError(f'PORT={port} is no port number; use 1024 to 65535 or unset it')
        with socket.socket() as probe:
            try:
                probe.bind(('127.0.0.1', int(port)))
            except OSError as error:
                raise ConfigError(
                    f'PORT={port} cannot be used ({error.strerror}); unset PORT to have a free one found, or choose another '
                    f'(who has it: ss -ltnp | grep {port})'
                ) from error
        return f'PORT={port} is free'

    def process_group(self) -> str:
        meet(self.processes)
        return f'{self.processes} process(es) met and added up, {"NCCL" if self.device == "cuda" else "gloo"}'
