"""A layer that weight decay has emptied is named, once; one that begins with zeros is not."""

from types import SimpleNamespace

import pytest
import torch
from torch import nn

from mmseg_fundus.engine import FadedLayersHook


class Branches(nn.Module):
    """What the loss sees, and a branch of which it sees next to nothing."""

    def __init__(self):
        super().__init__()
        self.seen, self.deep, self.adapter = nn.Conv2d(3, 4, 3), nn.Conv2d(3, 4, 3), nn.Linear(5, 5, bias=False)
        nn.init.zeros_(self.adapter.weight)

    def forward(self, x):
        return self.seen(x) + 1e-9 * self.deep(x)


@pytest.fixture
def said(monkeypatch):
    said = []
    monkeypatch.setattr('mmseg_fundus.engine.faded_layers_hook.print_log', lambda text, **kwargs: said.append(text))
    return said


def trained(optimizer, epochs=2, load_from=None):
    torch.manual_seed(0)
    model, hook = Branches(), FadedLayersHook()
    runner = SimpleNamespace(model=model, _load_from=load_from, _resume=False)
    hook.before_train(runner)
    steps = optimizer(model.parameters(), lr=1e-3, weight_decay=1e-2)
    x = torch.randn(2, 3, 8, 8)
    for _ in range(epochs):
        for _ in range(300):
            steps.zero_grad()
            (model(x) - 1).square().mean().backward()
            steps.step()
        hook.after_train_epoch(runner)


def test_the_decay_of_adam_empties_a_layer_with_small_gradients(said):
    trained(torch.optim.Adam)
    assert len(said) == 1 and said[0].startswith('1 of 3 trained layers') and ' deep. ' in said[0] and 'weight_decay=0' in said[0]


def test_the_decay_of_adamw_does_not(said):
    trained(torch.optim.AdamW)
    assert not said


def test_an_empty_layer_of_a_checkpoint_is_named(said):
    trained(torch.optim.AdamW, load_from='faded.pth')
    assert len(said) == 1 and ' adapter. ' in said[0]


def test_a_frozen_layer_may_hold_what_it_likes(said):
    model = Branches()
    model.requires_grad_(False)
    nn.init.zeros_(model.deep.weight)
    FadedLayersHook().after_train_epoch(SimpleNamespace(model=model))
    assert not said
