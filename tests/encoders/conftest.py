import pytest


@pytest.fixture
def transformers():
    """The library, where it can compute: with a torch that is too old for it, it has no models."""
    found = pytest.importorskip('transformers')
    if not found.utils.is_torch_available():
        pytest.skip(f'transformers {found.__version__} does not work with this torch')
    return found
