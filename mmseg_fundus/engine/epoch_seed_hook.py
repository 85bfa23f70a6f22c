import random

import numpy as np
import torch
from mmengine.hooks import Hook
from mmengine.hooks.hook import DATA_BATCH
from mmengine.runner import IterBasedTrainLoop, Runner
from mmseg.registry import HOOKS


@HOOKS.register_module()
class EpochSeedHook(Hook):
    """Seeds Python, numpy and torch from (seed, epoch, rank) before each training epoch; from (seed, iteration, rank) before each
    iteration of a loop that counts those.

    What an epoch draws then depends on its number and not on what ran before it, so a training resumed after epoch N goes on as if
    it had not been interrupted, dropout included.
    """

    priority = 'VERY_HIGH'

    def before_train_epoch(self, runner: Runner) -> None:
        self._seed(runner, runner.epoch)

    def before_train_iter(self, runner: Runner, batch_idx: int, data_batch: DATA_BATCH = None) -> None:
        if isinstance(runner.train_loop, IterBasedTrainLoop):
            self._seed(runner, runner.iter)

    @staticmethod
    def _seed(runner: Runner, number: int) -> None:
        state = np.random.SeedSequence((runner.seed, number, runner.rank)).generate_state(1)[0]
        random.seed(int(state))
        np.random.seed(state)
        torch.manual_seed(int(state))
