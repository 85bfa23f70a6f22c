import random

import numpy as np
import torch
from mmengine.hooks import Hook
from mmseg.registry import HOOKS


@HOOKS.register_module()
class EpochSeedHook(Hook):
    """Seeds Python, numpy and torch from (seed, epoch, rank) before each training epoch.

    What an epoch draws then depends on its number and not on what ran before it, so a training resumed after epoch N goes on as if
    it had not been interrupted, dropout included.
    """

    priority = 'VERY_HIGH'

    def before_train_epoch(self, runner) -> None:
        state = np.random.SeedSequence((runner.seed, runner.epoch, runner.rank)).generate_state(1)[0]
        random.seed(int(state))
        np.random.seed(state)
        torch.manual_seed(int(state))
