"""Builds what pyproject.toml cannot say: configs and tools travel in ``mmseg_fundus/.mim``, as OpenMMLab's packages have them.

In a checkout that folder holds links, which git keeps; a wheel gets files.
"""

import shutil
from pathlib import Path

from setuptools import setup
from setuptools.command.build_py import build_py

ROOT = Path(__file__).parent
PACKAGE = 'mmseg_fundus'
CHECKOUT_ALONE = ('check_gpu.sh', 'quickstart.sh', 'run_tests.sh')  # tools that install, or write into the checkout


def shipped() -> list:
    """Files that go into ``.mim``, below the checkout: no results, no checkpoints, nothing that the tools wrote there."""
    patterns = ('configs/**/*.py', 'configs/**/*.md', 'configs/**/*.yml', 'tools/*.py', 'tools/*.sh', 'model-index.yml')
    based_on = f'{PACKAGE}/zoo/[!_]*.py'  # configs name the bundled model's as a base, seen from their own folder
    found = [path.relative_to(ROOT) for pattern in (*patterns, based_on) for path in ROOT.glob(pattern)]
    return [path for path in found if path.name not in CHECKOUT_ALONE and not {'results', 'work_dirs'} & set(path.parts)]


class BuildPy(build_py):
    def run(self) -> None:
        folder = Path(self.build_lib) / PACKAGE
        if not self.editable_mode:
            shutil.rmtree(folder, ignore_errors=True)  # what an earlier build left there would travel too
        super().run()
        if not self.editable_mode:
            for path in shipped():
                (folder / '.mim' / path).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(ROOT / path, folder / '.mim' / path)


setup(cmdclass={'build_py': BuildPy})
