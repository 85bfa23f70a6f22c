"""Files from http(s) addresses."""

import hashlib
import re
import shutil
from http.client import HTTPException
from pathlib import Path
from urllib.request import Request, urlopen

import torch

from ..errors import FileError, plain

PATIENCE = 30  # seconds without an answer after which a download is given up


def kept_at(address: str) -> Path:
    """Where the file of an address is kept: in torch's cache folder, apart from files of the same name from elsewhere."""
    folder = hashlib.sha256(address.encode()).hexdigest()[:16]
    name = re.sub(r'[^\w.-]', '_', address.split('?')[0].split('/')[-1])[-100:].lstrip('.') or 'checkpoint.pth'
    return Path(torch.hub.get_dir()) / 'checkpoints' / folder / name


def download(address: str, path: Path) -> None:
    """Write what an address answers with to a file, whose folder is made.

    Raises:
        FileError: If it cannot be reached or written, does not come whole, or there is no answer for ``PATIENCE`` seconds.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        request = Request(address, headers={'User-Agent': 'mmseg_fundus'})
        with urlopen(request, timeout=PATIENCE) as answer, path.open('wb') as file:
            shutil.copyfileobj(answer, file, 2**20)
            length, got = answer.headers.get('Content-Length', ''), file.tell()
        if length.isdecimal() and int(length) != got:
            raise ValueError(f'{got:,} of {int(length):,} bytes came')
    except (OSError, ValueError, HTTPException) as error:
        why = str(error).strip().splitlines() or [type(error).__name__]
        raise FileError(f'{address} could not be downloaded ({plain(why[0])}); download it yourself and name the file') from error
