"""What all pages are made of: the frame around them, headed parts, tables."""

import base64
import hashlib
from collections.abc import Iterable
from pathlib import Path
from string import Template

from ..version import __version__
from .values import escape

HERE = Path(__file__).parent


def framed(beside: bool = False, **parts: str) -> str:
    """A page around its parts, which are HTML: ``title``, ``heading``, ``subtitle``, ``warning``, ``body``, and the ``tool`` that makes it.

    Its content security policy allows the one script and images within the page, nothing else: what a picture or a config is called
    cannot make it load or run anything.  With ``beside`` it allows images in files, too.
    """
    style, script = ((HERE / file).read_text(encoding='utf-8') for file in ('style.css', 'script.js'))
    return Template((HERE / 'page.html').read_text(encoding='utf-8')).substitute(
        style=style,
        script=script,
        script_hash=base64.b64encode(hashlib.sha256(script.encode()).digest()).decode(),
        version=escape(__version__),
        images="data: 'self' file:" if beside else 'data:',  # to Firefox, 'self' is no file beside the page
        kept='It shows files beside it: keep the folder together. Nothing is loaded from a network.'
        if beside
        else 'One file, nothing is loaded from elsewhere.',
        **parts,
    )


def section(title: str, *parts: str) -> str:
    """A headed part of the page; '' without contents."""
    body = ''.join(parts)
    anchor = title.lower().replace(' ', '-')
    return f'<section aria-labelledby="{anchor}"><h2 id="{anchor}">{title}</h2>{body}</section>' if body else ''


def missing(sentence: str, command: str = '') -> str:
    """What is not there, and the command that makes it."""
    return f'<p class="missing">{escape(sentence)}' + (f' <code>{escape(command)}</code>' if command else '') + '</p>'


def scrolled(table: str, label: str) -> str:
    """A table that scrolls by itself where the page is too narrow."""
    return f'<div class="scroll" role="region" aria-label="{escape(label)}" tabindex="0">{table}</div>'


def sortable(titles: Iterable[str], rows: str, label: str) -> str:
    """A table that a click on a column's name sorts.

    Args:
        titles (Iterable[str]): Names of the columns, HTML.
        rows (str): ``<tr>`` of each row.  The first cell is sorted by its text, the others by the number in ``data-value``, of which
            ``""`` comes last.
        label (str): What the table shows, text.
    """
    head = ''.join(
        f'<th scope="col" aria-sort="none"><button type="button">{title}<span aria-hidden="true"></span></button></th>' for title in titles
    )
    return scrolled(f'<table class="sortable"><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table>', label)
