"""The commands and snippets of a Markdown page, as a reader would copy them."""

import re
from typing import NamedTuple


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
    found = re.search(r'^.*(?:Traceback \(most recent|\berror:).*$', output, re.MULTILINE | re.IGNORECASE)
    return f'exit status {status}' if status else found.group().strip()[:200] if found else ''
