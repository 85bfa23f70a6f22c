"""One row of docs/versions.md per session: ``uvx nox -s upstream``. Needs the Python versions named here (uv fetches them).

``wheel`` and ``wheel_upstream`` are not rows: they install the wheel where there is no checkout, and use it.
"""

import shutil
from pathlib import Path
from tempfile import TemporaryDirectory

import nox

nox.options.default_venv_backend = 'uv'
nox.options.sessions = ['default', 'newest', 'oldest', 'upstream']


def suite(session):
    session.run('python', '-m', 'pytest', '-n', '2', '--dist', 'worksteal', *session.posargs, env={'OMP_NUM_THREADS': '1'})


def install_upstream(session):
    session.install('setuptools<70', 'wheel', 'ninja', 'psutil')
    session.install('torch==2.1.2', 'torchvision==0.16.2', 'numpy<2')
    session.install('--no-build-isolation', '-r', 'requirements/mminstall.txt')


def built_wheel(session):
    """Path of a wheel that is built of an sdist, as ``python -m build`` does; both pass ``twine check``."""
    folder = Path(session.create_tmp()) / 'dist'
    shutil.rmtree(folder, ignore_errors=True)
    session.run('uvx', '--from', 'build', 'pyproject-build', '--outdir', str(folder), external=True)
    session.run('uvx', 'twine', 'check', '--strict', *map(str, folder.iterdir()), external=True)
    return str(next(folder.glob('*.whl')))


def carry_away(session):
    script = Path('tests/wheel/carried_away.py').absolute()
    with TemporaryDirectory() as folder, session.chdir(folder):
        session.run('python', str(script))


@nox.session(python='3.11')
def default(session):
    """What setup_env.sh installs."""
    session.install('-e', '.[mm,tests]')
    suite(session)


@nox.session(python='3.13')
def newest(session):
    """The newest Python that is supported, newest packages."""
    session.install('-e', '.[mm,tests]')
    suite(session)


@nox.session(python='3.10')
def oldest(session):
    """The oldest Python and every direct dependency at its lower bound."""
    session.install('--resolution', 'lowest-direct', '-e', '.[mm,tests]')
    suite(session)


@nox.session(python='3.11')
def upstream(session):
    """OpenMMLab's own packages; mmcv compiles for 5 to 35 minutes."""
    install_upstream(session)
    session.install('-e', '.[tests]', 'numpy<2')  # OpenCV would bring numpy 2, with which torch 2.1 does not work
    suite(session)


@nox.session(python='3.11')
def wheel(session):
    """The wheel with what setup_env.sh installs."""
    session.install(f'{built_wheel(session)}[mm]')
    carry_away(session)


@nox.session(python='3.11')
def wheel_upstream(session):
    """The wheel with OpenMMLab's own packages."""
    install_upstream(session)
    session.install(built_wheel(session), 'numpy<2')
    carry_away(session)
