"""What people would pick instead is measured in processes of its own, and told as a page."""

import pytest
import torch

from mmseg_fundus.benchmark.networks import nnunet_like, wnet_like
from mmseg_fundus.benchmark.peers import PEERS, PHOTOGRAPHS, peers, peers_markdown
from mmseg_fundus.benchmark.table import machine
from mmseg_fundus.choices import PEER_SETS


@pytest.mark.parametrize('build, parameters', [(nnunet_like, 46.3e6), (wnet_like, 62.5e3)])
def test_plain_networks_take_any_size_and_are_as_large_as_described(build, parameters):
    network = build().eval()
    assert sum(parameter.numel() for parameter in network.parameters()) == pytest.approx(parameters, rel=0.01)
    with torch.no_grad():
        assert network(torch.rand(1, 3, 140, 131)).shape == (1, 2, 140, 131)


@pytest.mark.slow
def test_a_system_is_measured_and_told():
    system = next(name for name in PEERS if name.startswith('lwnet-sized'))
    found = peers(['DRIVE'], [system], rounds=1)
    taken = found['DRIVE'][system]
    assert set(taken) == {'cpu', 'wall', 'memory'} and taken['cpu'] > 0 and taken['wall'] > 0
    page = peers_markdown(dict(machine=machine(), rounds=1, peers=found))
    assert '## DRIVE, 584 x 565' in page and f'| {system} |' in page


def test_every_set_has_a_photograph():
    assert tuple(PHOTOGRAPHS) == PEER_SETS
