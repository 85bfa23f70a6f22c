from logging import WARNING

from mmengine.hooks import Hook
from mmengine.logging import print_log
from mmengine.runner import Runner
from mmseg.registry import HOOKS
from torch import Tensor, nn

LAYERS = (nn.Linear, nn.Conv1d, nn.Conv2d, nn.Conv3d)
FADED = 1e-3  # of the weights that a layer begins with


@HOOKS.register_module()
class FadedLayersHook(Hook):
    """Says after an epoch which trained layers have faded to nothing, each once, as a warning.

    The weight decay of ``Adam`` is part of the gradient that Adam scales to steps of one size.  Where a layer's own gradients are smaller
    (deep levels, a neck beside a detail path), every step shrinks the layer, whatever it has learned; the loss hardly tells.
    ``AdamW`` shrinks weights in proportion (https://arxiv.org/abs/1711.05101).

    A layer (convolution or linear) has faded if the root mean square of its weights is under a thousandth of ``1 / sqrt(inputs)``, about
    what they begin with.  Layers that begin with zeros, as LoRA's, are watched from when they are not.
    """

    def __init__(self) -> None:
        self._zero: set[str] = set()  # since the beginning
        self._told: set[str] = set()

    def before_train(self, runner: Runner) -> None:
        if not runner._load_from and not runner._resume:
            self._zero = {name for name, weight in _trained_layers(runner).items() if not weight.any()}

    def after_train_epoch(self, runner: Runner) -> None:
        layers = _trained_layers(runner)
        faded = {name for name, weight in layers.items() if _strength(weight) < FADED}
        self._zero &= faded
        faded -= self._zero
        new, self._told = sorted(faded - self._told), faded
        if new:
            print_log(
                f'{len(faded)} of {len(layers)} trained layers have faded to nothing, and what they see is lost: {", ".join(new)}. Their '
                'weights are under a thousandth of what a layer begins with. Where gradients are small, the weight decay of Adam does '
                "that; set optim_wrapper.optimizer.weight_decay=0, or type='AdamW'",
                logger='current',
                level=WARNING,
            )


def _trained_layers(runner: Runner) -> dict[str, Tensor]:
    """Weights by the layer's name."""
    model = getattr(runner.model, 'module', runner.model)
    layers = {name: layer.weight for name, layer in model.named_modules() if isinstance(layer, LAYERS)}
    return {name: weight for name, weight in layers.items() if weight.requires_grad}


def _strength(weight: Tensor) -> float:
    """Root mean square of a layer's weights, of about what they begin with."""
    weight = weight.detach().float()
    return float((weight.square().mean() * weight[0].numel()).sqrt())
