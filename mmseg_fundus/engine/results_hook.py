import time
from pathlib import Path
from typing import Any

import torch
from mmengine.dist import is_main_process, master_only
from mmengine.evaluator import Evaluator
from mmengine.hooks import Hook
from mmengine.runner import IterBasedTrainLoop, Runner
from mmseg.registry import HOOKS
from torch import nn
from torch.utils.data import DataLoader

from ..datasets.naming import parts_of
from ..errors import DataError
from ..evaluation import PredictedMasks, VesselMetric
from ..evaluation.report import FOV, FRAME
from ..evaluation.second_observer import score_second_observer, second_observer_tables
from ..models.encoders.contract import encoder_in
from ..results import Chosen, DataSet, Prediction, Report, Results, Trained, Weights, described, without_nan
from ..results.provenance import Files, difference, git_state, merged, seen_before, versions
from .metric_rules import check_rules
from .picture_names_hook import dataset_names


@HOOKS.register_module()
class ResultsHook(Hook):
    """Writes ``results.json`` into the work folder after each validation and test: the figures and what they were made from.

    A test also writes ``per_picture.csv`` (of :class:`~mmseg_fundus.evaluation.VesselMetric`), hands its figures to the visualizer
    (TensorBoard: ``test/Dice`` ..., at the epoch of the checkpoint), says where the predicted masks are (``masks``: folder, seen from the
    work folder if it lies in there), and repeats from the checkpoint how it was trained: pictures, seed, seconds (with those of
    interrupted runs that it continues; validation counts), parameters that were trained.  Both hold versions, git revision,
    configuration, and the pictures' names and hashes; a test that meets pictures of the training says so.
    """

    def __init__(self) -> None:
        self._trained: dict[str, Any] | None = None
        self._seen: list[str] | None = None
        self._calibration: dict[str, Any] | None = None
        self._seconds_before = 0.0
        self._began = time.monotonic()

    def after_load_checkpoint(self, runner: Runner, checkpoint: dict[str, Any]) -> None:
        meta = checkpoint.get('meta') or {}
        training, calibration = meta.get('training'), meta.get('calibration')
        self._calibration = calibration if isinstance(calibration, dict) else None
        self._trained = {'epochs': meta.get('epoch'), 'steps': meta.get('iter'), **(training if isinstance(training, dict) else {})}
        if runner._resume:
            self._seconds_before = self._trained.get('seconds') or 0.0

    def before_train(self, runner: Runner) -> None:
        self._began = time.monotonic()
        check_rules(runner)
        git_state()  # as it is now
        if not is_main_process():
            return
        files = self._split(runner)['files']  # while they are all there; the checkpoints hold it
        before = (self._trained or {}).get('files')
        differ = difference(files, before) if runner._resume and files and isinstance(before, dict) else ''
        if differ:
            runner.logger.warning(f'the pictures of this training are not those that the resumed checkpoint was trained on: {differ}')

    def before_save_checkpoint(self, runner: Runner, checkpoint: dict[str, Any]) -> None:
        info = checkpoint.get('message_hub', {}).get('runtime_info', {})
        for name in [name for name in info if name.startswith(('val/', 'test/'))]:
            info.pop(name)  # what a metric returned that is no number: an array would need unpickling
        model = getattr(runner.model, 'module', runner.model)
        checkpoint['meta']['training'] = {
            'data': without_nan(described(runner.train_dataloader.dataset)),  # plain: a division may be mmengine's ConfigDict
            'seed': runner.seed,
            'seconds': round(self._seconds_before + time.monotonic() - self._began, 1),
            'trained_parameters': sum(p.numel() for p in model.parameters() if p.requires_grad),
            'device': _device(model),
            **self._split(runner),
            'earlier_files': self._known(),
            'versions': versions(),
            'git': git_state(),
        }

    def _known(self) -> Files:
        """Pictures that what was loaded was trained on, in whatever trainings."""
        trained = self._trained or {}
        return merged(trained.get('files'), trained.get('earlier_files'))

    @staticmethod
    def _split(runner: Runner) -> dict[str, Files | None]:
        validation = _files(runner.val_dataloader) if runner.val_loop is not None else None
        return {'files': _files(runner.train_dataloader), 'validation_files': validation}

    def before_test(self, runner: Runner) -> None:
        self._began = time.monotonic()
        files = _named_files(runner.test_dataloader)
        if files is None or self._trained is None:
            return
        if not isinstance(self._trained.get('files'), dict):
            runner.logger.warning(
                'the checkpoint does not say which pictures it was trained on: they may be among those of this evaluation'
            )
            return
        self._seen = seen_before(files, self._known())
        if self._seen:
            runner.logger.warning(
                f'{len(self._seen)} of the {len(files)} pictures of this evaluation were in the training of the checkpoint '
                f'({", ".join(self._seen[:5])}{", ..." if self._seen[5:] else ""}): its figures are no test of it'
            )

    @master_only
    def after_val_epoch(self, runner: Runner, metrics: dict[str, Any] | None = None) -> None:
        counts_epochs = not isinstance(runner._train_loop, IterBasedTrainLoop)
        self._write(runner, 'val', metrics, epoch=runner.epoch if counts_epochs else None, checkpoint=None)

    @master_only
    def after_test_epoch(self, runner: Runner, metrics: dict[str, Any] | None = None) -> None:
        epochs = (self._trained or {}).get('epochs')
        numbers = {f'test/{name}': float(value) for name, value in without_nan(metrics).items() if type(value) in (int, float)}
        runner.visualizer.add_scalars(numbers, step=epochs if isinstance(epochs, int) else 0)
        self._write(runner, 'test', metrics, epoch=None, checkpoint=runner._load_from)

    def _write(self, runner: Runner, phase: str, metrics: dict[str, Any] | None, epoch: int | None, checkpoint: str | None) -> None:
        loader, evaluator = (
            (runner.val_dataloader, runner.val_evaluator) if phase == 'val' else (runner.test_dataloader, runner.test_evaluator)
        )
        report = next((found for found in (getattr(metric, 'report', None) for metric in evaluator.metrics) if found), None)
        source = encoder_in(getattr(runner.model, 'module', runner.model)).source
        tested = phase == 'test'
        results = Results(
            phase=phase,
            metrics=metrics or {},
            report=Report.of(report if tested else None),
            masks=_masks(evaluator, runner.work_dir) if tested else None,
            prediction=Prediction.of(runner.cfg.model.get('test_cfg')),
            threshold_chosen_on=_chosen(runner),
            calibration=self._calibration if tested else None,
            epoch=epoch,
            checkpoint=checkpoint,
            config=runner.cfg.filename,
            data=DataSet.of(described(loader.dataset)),
            trained=Trained.of(self._trained if tested else {'epochs': runner.epoch, 'steps': runner.iter}),
            weights=Weights(path=source.path, sha256=source.sha256, notes=source.notes) if source else None,
            seconds_per_picture=round((time.monotonic() - self._began) / len(loader.dataset), 3) if tested else None,
            device=_device(getattr(runner.model, 'module', runner.model)),
            seed=runner.seed,
            processes=runner.world_size,
            time=time.strftime('%Y-%m-%dT%H:%M:%S'),
            versions=versions(),
            git=git_state(),
            files=_named_files(loader),
            seen_in_training=self._seen if tested else None,
            config_text=runner.cfg.pretty_text,
        )
        results.save(runner.work_dir)
        second = _second_observer(runner) if tested and report and report[FOV].get('agreement') else None
        if second:  # takes seconds; what goes wrong there costs no result
            results.second_observer = second
            results.save(runner.work_dir)


def _second_observer(runner: Runner) -> Report | None:
    """Figures of the second observer's labels of the tested pictures, which are told; ``None`` if there are none."""
    try:
        found = score_second_observer(runner.test_dataloader.dataset)
    except DataError as error:
        runner.logger.warning(f'the second observer is left out: {error}')
        return None
    if found is None:
        return None
    runner.logger.info('\n' + second_observer_tables(found))
    return Report.of({area: found[area] for area in (FOV, FRAME)})


def _chosen(runner: Runner) -> Chosen | None:
    """What :func:`.choose_threshold` found, if it was asked."""
    chosen = getattr(runner, 'threshold_chosen_on', None)
    return Chosen.of(chosen) if chosen else None


def _files(loader: DataLoader[Any]) -> Files | None:
    """Hashes of the files of a data set, or of all that it is made of; ``None`` if one does not know its own."""
    parts = parts_of(loader.dataset)
    return merged(*(part.files() for part in parts)) if all(hasattr(part, 'files') for part in parts) else None


def _named_files(loader: DataLoader[Any]) -> Files | None:
    """:func:`_files` under the names that the pictures have in the tables."""
    parts, names = parts_of(loader.dataset), dataset_names(loader.dataset)
    if names is None or not all(hasattr(part, 'files') for part in parts):
        return _files(loader)
    digests = [found for part in parts for found in part.files().values()]
    return dict(zip(names, digests)) if len(names) == len(digests) else _files(loader)


def _masks(evaluator: Evaluator, work_dir: str) -> str | None:
    """Folder of the masks that were written, from the work folder on if it lies in there; ``None`` if there is none."""
    ours: list[str | Path | None] = [
        metric.output_dir for metric in evaluator.metrics if isinstance(metric, (VesselMetric, PredictedMasks))
    ]
    written = next((folder for folder in ours if folder), None)
    if written is None:
        return None
    folder, above = Path(written).resolve(), Path(work_dir).resolve()
    return str(folder.relative_to(above) if folder.is_relative_to(above) else folder)


def _device(model: nn.Module) -> str:
    device = next(model.parameters()).device
    return torch.cuda.get_device_name(device) if device.type == 'cuda' else f'{device.type}, {torch.get_num_threads()} threads'
