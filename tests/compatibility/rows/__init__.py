"""The rows, a file for each kind; importing registers them."""

from . import hooks, loops, data, evaluation, models, losses, optimizers, visualizers, tools, inferencers, configs, checkpoints  # noqa: F401, I001
