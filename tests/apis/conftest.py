import pytest

from mmseg_fundus.apis import FundusVesselInferencer


@pytest.fixture
def infer(tiny_checkpoint):
    """Builds an inferencer of the tiny model; lines of its config, the checkpoint's meta and options can be given."""
    return lambda extra='', meta=None, **options: FundusVesselInferencer(*tiny_checkpoint(extra, **(meta or {})), device='cpu', **options)
