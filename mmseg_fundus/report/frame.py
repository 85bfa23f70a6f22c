"""HTML of templates (Jinja2), and the frame around every page."""

import base64
import hashlib
import re
from collections.abc import Iterable
from functools import cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from ..version import __version__
from .values import photographs, shown

HERE = Path(__file__).parent
_UNPRINTABLE = re.compile('[\x00-\x08\x0b-\x1f\x7f-\x9f\ufffe\uffff]')


def printable(value: Any) -> Any:
    """Text as a page can hold it: what no file can hold or no page may (lone surrogates, controls) is ``?``; HTML stays."""
    if isinstance(value, (Markup, int, float)):
        return value
    return _UNPRINTABLE.sub('?', str(value)).encode('utf-8', 'replace').decode('utf-8')


@cache
def _templates() -> Environment:
    found = Environment(
        loader=FileSystemLoader(HERE / 'templates', encoding='utf-8'),
        autoescape=True,
        finalize=printable,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    found.filters.update(shown=shown, photographs=photographs)
    return found


def render(template: str, **values: Any) -> Markup:
    """HTML of a template of ``templates``; a value is text and escaped, unless a template made it."""
    return Markup(_templates().get_template(template).render(values))


def joined(parts: Iterable[str]) -> Markup:
    """Pieces of HTML behind each other, the empty ones left out."""
    return Markup('\n').join(filter(None, parts))


def framed(body: Markup, beside: bool = False, warning: str = '', **texts: str) -> str:
    """A page around its ``body``: with ``title``, ``heading``, ``subtitle`` and the ``tool`` that makes it.

    Its content security policy allows the one script and images within the page, nothing else: what a picture or a config is called
    cannot make it load or run anything.  With ``beside`` it allows images in files, too.
    """
    style, script = (Markup((HERE / file).read_text(encoding='utf-8')) for file in ('style.css', 'script.js'))
    return render(
        'page.html',
        body=body,
        warning=warning,
        style=style,
        script=script,
        script_hash=base64.b64encode(hashlib.sha256(script.encode()).digest()).decode(),
        version=__version__,
        images=Markup("data: 'self' file:" if beside else 'data:'),  # to Firefox, 'self' is no file beside the page
        kept='It shows files beside it: keep the folder together. Nothing is loaded from a network.'
        if beside
        else 'One file, nothing is loaded from elsewhere.',
        **texts,
    )
