"""The commands and snippets of a Markdown page, as a reader would copy them."""

import re
import subprocess
from pathlib import Path
from typing import NamedTuple

END = '@@ done'


class Block(NamedTuple):
    """A fenced block of a page."""

    language: str
    text: str


def blocks(page: str) -> list:
    """Fenced blocks, in order."""
    return [Block(*found) for found in re.findall(r'^```(\w+)\n(.*?)^```', page, re.MULTILINE | re.DOTALL)]


def commands(text: str) -> list:
    """Commands of a block of bash: continued lines are one, comments and empty lines none."""
    lines = re.sub(r'\\\n\s*', '', text).splitlines()
    return [line for line in lines if line.strip() and not line.lstrip().startswith('#')]


def looks_wrong(output: str, status: int) -> str:
    """What is wrong with what a command said and how it ended; '' if nothing."""
    found = re.search(r'^.*(?:Traceback \(most recent|\berror(?: \(rank \d+\))?:).*$', output, re.MULTILINE | re.IGNORECASE)
    return f'exit status {status}' if status else found.group().strip()[:200] if found else ''


class Shell:
    """One bash that all commands share, as a reader's terminal."""

    def __init__(self, clone: Path, env: dict):
        self.process = subprocess.Popen(
            ['bash'],
            cwd=clone,
            env=env,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors='replace',
        )

    def run(self, command: str) -> tuple:
        """Output and exit status of a command."""
        self.process.stdin.write(f'{{ {command}\n}} </dev/null\nstatus=$?; echo; echo "{END} $status"\n')
        self.process.stdin.flush()
        output = []
        for line in self.process.stdout:
            if line.startswith(END):
                return ''.join(output), int(line.split()[-1])
            output.append(line)
        return ''.join(output), -1
