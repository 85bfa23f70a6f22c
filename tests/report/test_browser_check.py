"""The script that opens a report in a browser says in one line what it lacks."""

import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).with_name('browser_check.py')


@pytest.fixture
def check(tmp_path):
    """Calls the script with these programs on the path, each a shell script."""
    (tmp_path / 'page.html').write_text('<p>')

    def call(page, **programs):
        for name, text in programs.items():
            (tmp_path / name).write_text(f'#!/bin/sh\n{text}\n')
            (tmp_path / name).chmod(0o755)
        command = [sys.executable, str(SCRIPT), str(tmp_path / page)]
        done = subprocess.run(command, env={'PATH': str(tmp_path)}, capture_output=True, text=True, timeout=60)
        assert done.returncode == 1 and done.stdout == '' and done.stderr.count('\n') == 1, done.stderr
        return done.stderr.strip()

    return call


def test_a_missing_browser_or_driver_is_one_line(check):
    install = 'on Debian: apt-get install chromium chromium-driver'
    assert check('page.html') == f'error: chromium and chromedriver not found; {install}'
    assert check('page.html', chromium='exit 1') == f'error: chromedriver not found; {install}'


def test_a_driver_that_does_not_start_is_one_line(check, tmp_path):
    found = check('page.html', chromium='exit 1', chromedriver='exit 3')
    assert found == f'error: light: {tmp_path}/chromedriver ended with status 3'


def test_a_missing_page_is_one_line(check, tmp_path):
    found = check('none.html', chromium='exit 1', chromedriver='exit 3')
    assert found == f'error: {tmp_path}/none.html: no such file; tools/report.py makes one'
