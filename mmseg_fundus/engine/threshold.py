"""Choosing the decision threshold on training pictures, before the test pictures are looked at."""

import copy
from pathlib import Path
from typing import Any

import torch
from mmengine.config import Config
from mmengine.dist import is_main_process
from mmengine.logging import print_log
from mmengine.runner import Runner
from mmseg.registry import DATASETS, MODELS

from ..components import is_a
from ..datasets import FundusVessels
from ..errors import ConfigError
from ..evaluation import VesselMetric, best_threshold
from ..models.checkpoints import load_from_anywhere, store_meta
from ..models.segmentors import VesselSegmentor
from ..progress import bar
from ..results import described
from .data_roots import leaves_of, name_of

STORED = ('threshold', 'Dice', 'class', 'split', 'pictures')  # with a checkpoint


def threshold_dataset(cfg: Config, split: str) -> dict[str, Any]:
    """The validation data set of a config, set to ``split`` (``'train'``, ``'val'``, ``'trainval'``).

    Raises:
        ConfigError: If it is not one of ours, which have splits.
    """
    if not cfg.get('val_dataloader'):
        raise ConfigError('--choose-threshold: the config has no val_dataloader, whose data set is read')
    dataset = copy.deepcopy(cfg.val_dataloader.dataset)
    for leaf in leaves_of(dataset).values():
        if not is_a(leaf, FundusVessels, DATASETS):
            raise ConfigError(f'--choose-threshold: the validation data set of the config, {name_of(leaf)}, has no split')
        leaf['split'] = split
    return dataset


def choose_threshold(runner: Runner, dataset: dict[str, Any]) -> None:
    """Predict training pictures and set ``test_cfg.threshold`` to the value with the best pooled Dice inside the field of view.

    Every process predicts its share.  The choice, the Dice at every threshold from .01 to .99 and the pictures' origin go into
    ``runner.threshold_chosen_on``, and from there into ``results.json``.

    Args:
        runner (Runner): With a checkpoint to load.
        dataset (dict): Of :func:`threshold_dataset`.
    """
    runner.load_or_resume()
    loader = runner.build_dataloader({**copy.deepcopy(runner.cfg.test_dataloader), 'dataset': dataset}, seed=runner.seed)
    metric = VesselMetric(detail=False)
    metric.dataset_meta = loader.dataset.metainfo
    runner.model.eval()
    with torch.no_grad(), bar('choose threshold', len(loader) if is_main_process() else 0) as shown:
        for batch in loader:
            metric.process(batch, [sample.to_dict() for sample in runner.model.test_step(batch)])
            shown.step()
    metric.evaluate(len(loader.dataset))
    if metric.histogram is None:
        raise RuntimeError('VesselMetric made no histogram')
    choice = best_threshold(metric.histogram)
    model = getattr(runner.model, 'module', runner.model)
    model.test_cfg['threshold'] = runner.cfg.model.test_cfg['threshold'] = choice['threshold']
    origin = {'split': leaves_of(dataset).popitem()[1]['split'], 'pictures': len(loader.dataset), **described(loader.dataset)}
    runner.threshold_chosen_on = {**origin, **choice}  # for ResultsHook
    print_log(
        f'threshold {choice["threshold"]:.2f}: best Dice, {choice["Dice"]:.4f}, on the {origin["pictures"]} pictures of {origin["class"]} '
        f'({origin["split"]})',
        logger='current',
    )


def use_stored_threshold(cfg: Config) -> dict[str, Any] | None:
    """Set ``test_cfg.threshold`` to the one that was stored with the checkpoint of a config (``load_from``), and say so.

    Returns:
        dict, optional: What is known of it, for ``runner.threshold_chosen_on``; ``None`` if the checkpoint has none, or the model takes
        none.
    """
    stored = (load_from_anywhere(cfg.load_from).get('meta') or {}).get('threshold')
    if not stored or not is_a(cfg.model, VesselSegmentor, MODELS):
        return None
    cfg.model.setdefault('test_cfg', {})['threshold'] = stored['threshold']
    print_log(
        f'threshold {stored["threshold"]:.2f}: stored with {cfg.load_from}, chosen on {stored.get("pictures")} pictures of '
        f'{stored.get("class")} ({stored.get("split")}); --threshold sets another',
        logger='current',
    )
    return {name: stored[name] for name in STORED if name in stored}


def store_threshold(checkpoint: str | Path, chosen: dict[str, Any]) -> None:
    """Keep a chosen threshold with the checkpoint it was chosen for, where prediction looks for it; the file is whole or as it was.

    Args:
        checkpoint (str | Path): Rewritten with ``meta['threshold']``: the value, its Dice, and the pictures it was chosen on.
        chosen (dict): ``runner.threshold_chosen_on``.
    """
    store_meta(checkpoint, 'threshold', {key: chosen[key] for key in STORED})
