"""Checks that the OpenMMLab packages are there, of one family and recent enough."""

import functools
from importlib import metadata

# import name -> (distribution of the maintained continuation, of upstream)
DISTRIBUTIONS = {
    'mmengine': (('onedl-mmengine', '0.10.8'), ('mmengine', '0.10.0')),
    'mmcv': (('onedl-mmcv', '2.3.0'), ('mmcv', '2.0.0')),
    'mmseg': (('onedl-mmsegmentation', '1.4.0'), ('mmsegmentation', '1.2.2')),
    'mmpretrain': (('onedl-mmpretrain', '1.3.0'), ('mmpretrain', '1.2.0')),
}
# what installs each family; this package itself is not on PyPI, so its name with an extra is no advice
INSTALL = (
    "pip install -e '.[mm]' in a checkout, or anywhere: pip install "
    "'onedl-mmcv>=2.3.0' 'onedl-mmengine>=0.10.8' 'onedl-mmpretrain>=1.3.0' 'onedl-mmsegmentation>=1.4.0' torchvision",
    "pip install 'mmengine>=0.10.4,<0.11' mmcv==2.1.0 mmsegmentation==1.2.2 mmpretrain==1.2.0, and the torchvision that goes with torch "
    '(mmcv compiles: see requirements/mminstall.txt)',
)


@functools.cache
def installed_versions() -> dict[str, str]:
    """Version of every installed distribution that provides an mm* package, by distribution name."""
    names = [name for families in DISTRIBUTIONS.values() for name, _ in families]
    versions = {}
    for name in [*names, 'torchvision']:
        try:
            versions[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return versions


def _release(version: str) -> tuple[int, ...]:
    """``'2.3.2.post1+cu12'`` -> ``(2, 3, 2)``: enough to compare lower bounds."""
    numbers = []
    for part in version.split('+')[0].split('.'):
        if not part.isdigit():
            break
        numbers.append(int(part))
    return tuple(numbers)


def find_problem(versions: dict[str, str]) -> str | None:
    """What is wrong with a set of installed versions, as one sentence, or ``None``.

    Args:
        versions (dict): ``{distribution name: version}``, as :func:`installed_versions` returns it.
    """
    missing, old, families = list[str](), list[str](), (dict[str, str](), dict[str, str]())
    if 'torchvision' not in versions:
        missing.append('torchvision (mmpretrain imports it)')
    for module, candidates in DISTRIBUTIONS.items():
        present = [(i, name, least) for i, (name, least) in enumerate(candidates) if name in versions]
        if not present:
            missing.append(module)
        for family, name, least in present:
            families[family][name] = versions[name]
            if _release(versions[name]) < _release(least):
                old.append(f'{name} {versions[name]} (needs {least} or newer)')
    if families[0] and families[1]:
        both = ', '.join(f'{k} {v}' for family in families for k, v in family.items())
        return (
            f'two families of OpenMMLab packages are mixed in this environment ({both}); they overwrite each other. '
            f'Make a new environment and run: {INSTALL[0]}'
        )
    install = INSTALL[1 if families[1] else 0]  # the other family over what is there would mix them
    if missing:
        return f'packages are missing: {", ".join(missing)}. Run: {install}'
    if old:
        return f'OpenMMLab packages are too old: {", ".join(old)}. Run: {install}'
    return None


def name_packages() -> None:
    """Tell mmengine which distributions hold ``mmseg`` and ``mmpretrain`` here.

    It knows upstream's names alone.  ``get_config('mmseg::...')`` and ``get_model`` would find no ``mmsegmentation`` beside the maintained
    continuation, and pip-install it over that.
    """
    from mmengine.config.utils import MODULE2PACKAGE

    versions = installed_versions()
    for module, ((continuation, _), _) in DISTRIBUTIONS.items():
        if module in MODULE2PACKAGE and continuation in versions:
            MODULE2PACKAGE[module] = continuation


def check_stack() -> None:
    """Raise one readable :class:`StackError` if the mm* packages are missing, mixed or too old, or OpenCV lacks libGL."""
    from .errors import StackError  # here, because setup_env.sh runs this file alone

    problem = find_problem(installed_versions())
    if problem:
        raise StackError(f'mmseg_fundus: {problem}')
    try:
        import cv2  # noqa: F401
    except ImportError as error:
        raise StackError(
            f'mmseg_fundus: OpenCV cannot be loaded ({error}). On a machine without graphics libraries run: '
            'pip install --force-reinstall --no-deps opencv-python-headless'
        ) from error


if __name__ == '__main__':
    check = find_problem(installed_versions())
    if check:
        raise SystemExit(f'error: {check}')
