"""What the scripts install with: uv where nothing speaks against it, pip where pip has settings that uv would not read."""

import os
import subprocess

import pytest

FAKE_PYTHON = """#!/bin/sh
case "$*" in
    "-m pip config list") [ -n "$NO_PIP" ] && exit 1; printf '%s' "$PIP_SAYS"; echo "WARNING: a page of them" >&2; exit 0 ;;
    "-m pip --version") [ -z "$NO_PIP" ]; exit ;;
    "-m uv --version") exit 1 ;;
esac
echo "python $*"
"""


@pytest.fixture
def install(root, tmp_path):
    """Calls ``install torch`` of tools/setup_env.sh; returns the commands that it would have run."""

    def call(uv=True, **env):
        folder = tmp_path / 'bin'
        folder.mkdir(exist_ok=True)
        programs = {'python': FAKE_PYTHON, 'python3': FAKE_PYTHON.replace('$NO_PIP', '')}
        for name, text in {**programs, **({'uv': '#!/bin/sh\necho "uv $*"\n'} if uv else {})}.items():
            (folder / name).write_text(text)
            (folder / name).chmod(0o755)
        clean = {k: v for k, v in os.environ.items() if not k.startswith('PIP_')}
        clean.update(PATH=f'{folder}:/usr/bin:/bin', PYTHON=str(folder / 'python'), **env)
        code = f'set -euo pipefail; source {root}/tools/setup_env.sh; install torch'
        done = subprocess.run(['bash', '-c', code], env=clean, capture_output=True, text=True)
        assert done.returncode == 0 and done.stderr == '', done.stderr
        return done.stdout.splitlines()

    return call


def test_uv_installs_where_pip_has_no_settings(install, tmp_path):
    assert install() == [f'uv pip install --quiet --python {tmp_path}/bin/python torch']


@pytest.mark.parametrize('settings', ["global.constraint='/etc/xdg/pip/constraints.txt'", ":env:.index-url='https://mirror/simple'"])
def test_pip_installs_where_it_has_settings_because_uv_reads_none_of_them(install, settings):
    assert install(PIP_SAYS=settings) == ['python -m pip install -qq torch']


def test_pip_installs_where_there_is_no_uv(install):
    assert install(uv=False) == ['python -m pip install -qq torch']


def test_an_environment_without_pip_gets_it_where_pip_has_settings(install, tmp_path):
    assert install(NO_PIP='1') == [f'uv pip install --quiet --python {tmp_path}/bin/python torch']
    assert install(NO_PIP='1', PIP_SAYS="global.index-url='x'") == ['python -m pip install -qq torch']


def test_a_stack_that_is_there_keeps_its_numpy(root, tmp_path):
    """OpenCV's newest release asks for numpy 2, which breaks the torch of an upstream environment."""
    python = tmp_path / 'env' / 'bin' / 'python'
    python.parent.mkdir(parents=True)
    python.write_text('#!/bin/sh\ncase "$1" in -c) echo "numpy==1.26.4" ;; -m) [ "$3" = install ] && echo "$*"; exit 0 ;; esac\n')
    python.chmod(0o755)
    code = f'set -euo pipefail; source {root}/tools/setup_env.sh; pip_is_configured() {{ true; }}; setup_env tests'
    env = {**os.environ, 'VIRTUAL_ENV': str(tmp_path / 'env'), 'PATH': '/usr/bin:/bin'}
    done = subprocess.run(['bash', '-c', code], env=env, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[1] == f'-m pip install -qq -e {root}[tests] numpy==1.26.4'
