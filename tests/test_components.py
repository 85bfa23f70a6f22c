"""A type is the same component however a config writes it, and its arguments are known as far as they can be."""

import pytest
import torch
from mmengine.optim import CosineAnnealingLR
from mmseg.datasets import DRIVEDataset
from mmseg.models import EncoderDecoder
from mmseg.registry import DATASETS, MODELS, OPTIMIZERS, PARAM_SCHEDULERS

from mmseg_fundus.components import arguments, component, is_a, takes
from mmseg_fundus.datasets import DRIVEVesselDataset, FundusPhotographsDataset, FundusVesselDataset
from mmseg_fundus.models import FrozenVisionTransformer, FundusDataPreprocessor, VesselSegmentor


@pytest.mark.parametrize(
    'kind',
    ['VesselSegmentor', 'mmseg.VesselSegmentor', 'mmseg_fundus.VesselSegmentor', 'mmseg_fundus.models.VesselSegmentor', VesselSegmentor],
)
def test_a_type_is_a_name_with_or_without_scope_a_path_or_the_class(kind):
    assert component(kind, MODELS) is VesselSegmentor
    assert is_a(dict(type=kind), VesselSegmentor, MODELS) and is_a(dict(type=kind), EncoderDecoder, MODELS)
    assert not is_a(dict(type=kind), FrozenVisionTransformer, MODELS)


@pytest.mark.parametrize('kind', ['Nothing', 'nowhere.Nothing', 'mmseg_fundus.Nothing', None, 3, 'random'])
def test_what_is_no_component_is_none(kind):
    assert component(kind, MODELS) is None and not is_a(dict(type=kind), VesselSegmentor, MODELS)
    assert not is_a(None, VesselSegmentor, MODELS) and not takes({}, 'weights', MODELS)


def test_subclasses_and_parents_count():
    assert is_a(dict(type='DRIVEVesselDataset'), FundusVesselDataset, DATASETS)
    assert not is_a(dict(type='DRIVEDataset'), FundusVesselDataset, DATASETS)
    assert component('Adam', OPTIMIZERS) is torch.optim.Adam and component('CosineAnnealingLR', PARAM_SCHEDULERS) is CosineAnnealingLR


@pytest.mark.parametrize(
    'kind, has, lacks',
    [
        (VesselSegmentor, {'precision', 'backbone', 'test_cfg'}, {'weights', 'self', 'args', 'kwargs'}),
        (FrozenVisionTransformer, {'weights', 'allow_unsafe'}, {'img_size', 'drop_rate'}),  # not of its base: nothing is handed on
        (FundusPhotographsDataset, {'data_root', 'augmentation', 'verify'}, {'kwargs'}),
        (FundusDataPreprocessor, {'mean', 'size_divisor', 'test_cfg'}, {'kwargs'}),
        (DRIVEDataset, {'data_prefix', 'img_suffix', 'pipeline'}, {'verify', 'augmentation'}),
        (CosineAnnealingLR, {'T_max', 'eta_min', 'by_epoch', 'begin'}, {'kwargs'}),
        (DRIVEVesselDataset, {'val_fraction'}, set()),
    ],
)
def test_arguments_are_those_of_the_bases_too_where_they_get_there(kind, has, lacks):
    names, others = arguments(kind)
    assert has <= names and not lacks & names and not others


def test_keywords_that_go_elsewhere_are_open():
    class Holder:
        def __init__(self, size, **options):
            self.made = dict(**options)

    assert arguments(Holder) == ({'size'}, True)
    assert arguments(dict)[1] and not arguments(torch.optim.Adam)[1]
