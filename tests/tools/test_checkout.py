"""What a user keeps in the checkout, and what the tools write there, is no fault of the code and no change to it."""

import os
import subprocess

import pytest

from mmseg_fundus.results.provenance import git_state

WRITTEN = (  # by the commands of the README and docs, run in the checkout
    *('work_dirs/run/results.json', 'overlays/vis_data/config.py', 'overlays/vis_data/vis_image/test_01_0.png', 'masks/01_test.png'),
    *('vessels/masks/eye.png', 'scores/results.json', 'vessels.onnx', 'full.pth', 'run.html', 'training.zip', 'eyes/mine.jpg'),
    *('data/DRIVE/x.tif', 'weights/VFM_Fundus_weights.pth', 'tools/work_dirs/run/config.py', 'configs/work_dirs/run/config.py'),
)
UNTIDY = 'import os, sys\nx = "double"\n'


def write(folder, *names, text=UNTIDY):
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)


@pytest.fixture
def git(tmp_path, root):
    """Calls git in a repository with this project's .gitignore, a module, a page and a result."""
    folder = tmp_path / 'checkout'
    environment = {name: value for name, value in os.environ.items() if not name.startswith('GIT_')}
    settings = ['-c', 'user.name=x', '-c', 'user.email=x@x', '-c', 'init.defaultBranch=main']

    def call(*arguments):
        command = ['git', *settings, '-C', str(folder), *arguments]
        return subprocess.run(command, env=environment, check=True, capture_output=True, text=True).stdout

    write(folder, 'mmseg_fundus/model.py', 'configs/README.md', 'configs/results/one.json', 'docs/gallery/a.png', text='x = 1\n')
    (folder / '.gitignore').write_text((root / '.gitignore').read_text())
    call('init', '-q')
    call('add', '.')
    call('commit', '-qm', 'first')
    call.folder = folder
    return call


def state(git):
    return git_state.__wrapped__(git.folder)


def test_what_the_commands_write_is_no_change_to_the_checkout(git):
    write(git.folder, *WRITTEN)
    assert git('status', '--porcelain') == '' and state(git) == {'revision': git('rev-parse', 'HEAD').strip(), 'changed': False}


def test_a_table_of_results_that_was_written_is_no_change_to_the_code(git):
    """tools/reproduce.py writes there after each training: the next one's checkpoint must not say that the code was changed."""
    write(git.folder, 'configs/README.md', 'configs/results/one.json', 'configs/results/two.json', 'docs/gallery/a.png', text='new')
    assert git('status', '--porcelain') != '' and state(git)['changed'] is False


@pytest.mark.parametrize('name', ['mmseg_fundus/model.py', 'mmseg_fundus/new.py', 'configs/mine.py', 'tools/new.sh'])
def test_code_that_was_changed_or_added_is_a_change(git, name):
    write(git.folder, name)
    assert state(git)['changed'] is True


@pytest.fixture
def run_tests(git, root):
    """tools/run_tests.sh of that checkout, with a Python that only says what it was asked for."""
    (git.folder / 'tools').mkdir()
    (git.folder / 'tools/run_tests.sh').write_text((root / 'tools/run_tests.sh').read_text())
    (git.folder / 'tools/setup_env.sh').write_text('setup_env() { PYTHON=echo; }\n')

    def call():
        done = subprocess.run(['bash', 'tools/run_tests.sh', '-k', 'some'], cwd=git.folder, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        return done.stdout.splitlines()

    return call


def test_lint_and_format_look_at_what_git_tracks_and_the_tests_at_their_folder(git, run_tests, root):
    write(git.folder, *WRITTEN, 'mine.py', 'configs/mine.py', 'test_mine.py', 'tests/test_new.py')
    git('add', 'tests/test_new.py')
    check, style, types, site, tests = run_tests()
    assert check == '-m ruff check configs/README.md mmseg_fundus/model.py tests/test_new.py'
    assert style == '-m ruff format --check configs/README.md mmseg_fundus/model.py tests/test_new.py'
    assert types == '-m mypy -p mmseg_fundus'
    assert site.startswith('-m mkdocs build --strict ') and '-q' not in site, 'quiet, it does not count its warnings'
    assert tests == '-m pytest -n 2 --dist worksteal -k some', 'pyproject.toml names the folder of the tests'
    assert 'testpaths = ["tests"]' in (root / 'pyproject.toml').read_text()
    (git.folder / 'mmseg_fundus/model.py').unlink()
    assert run_tests()[0] == '-m ruff check configs/README.md tests/test_new.py'


def test_without_git_lint_looks_at_the_projects_folders(git, run_tests):
    (git.folder / '.git').rename(git.folder / 'no_git')
    assert (
        run_tests()[0] == '-m ruff check configs docs examples mmseg_fundus tests tools mmseg_fundus_tools.py noxfile.py setup.py README.md'
    )
