"""One row of docs/versions.md per session: ``uvx nox -s upstream``. Needs the Python versions named here (uv fetches them)."""

import nox

nox.options.default_venv_backend = 'uv'
nox.options.sessions = ['default', 'newest', 'oldest', 'upstream']


def suite(session):
    session.run('python', '-m', 'pytest', '-n', '2', '--dist', 'worksteal', *session.posargs, env={'OMP_NUM_THREADS': '1'})


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
    session.install('setuptools<70', 'wheel', 'ninja', 'psutil')
    session.install('torch==2.1.2', 'torchvision==0.16.2', 'numpy<2')
    session.install('--no-build-isolation', '-r', 'requirements/mminstall.txt')
    session.install('-e', '.[tests]', 'numpy<2')  # OpenCV would bring numpy 2, with which torch 2.1 does not work
    suite(session)
