"""A short table inside a page: the page says itself which results it shows."""

import re
from pathlib import Path

from ..errors import ConfigError
from ..fileio.whole_files import write_whole
from .cells import cells, table
from .table import END, load_for_table

BEGIN = re.compile(r'<!-- results of ([^:>]+): made by tools/results_table.py, do not edit -->\n')
COLUMNS = ('method', 'trained on', 'encoder', 'trained parameters', 'threshold', 'Dice', 'AUC-ROC', 'Sensitivity', 'Specificity')


def with_summary(page: Path, folder: Path) -> str:
    """Text of a page with its short table; nothing is written.

    The line above the table names files of the folder without ``.json``, or patterns of them: a row each, in that order.  All that a
    pattern finds are seeds of one row.

    Raises:
        ConfigError: If there is no such line, or no result of a name.
    """
    text = page.read_text()
    begin = BEGIN.search(text)
    end = text.find(END, begin.end()) if begin else -1
    if not begin or end < 0:
        raise ConfigError(f"{page} lacks the lines '<!-- results of NAMES: made by tools/results_table.py, do not edit -->' and {END!r}")
    rows = []
    for name in begin.group(1).split():
        group = [load_for_table(path) for path in sorted(folder.glob(f'{name}.json'))]
        if not group:
            raise ConfigError(f'{page} shows the results of {name}, which {folder} has not; add them, or take the name out of the page')
        rows.append(cells(group))
    lines = '\n'.join(table(rows, COLUMNS))
    return f'{text[: begin.end()]}{lines}\n{text[end:]}'


def write_summary(page: Path, folder: Path) -> None:
    """Write the short table into the page."""
    new = with_summary(page, folder)
    write_whole(page, lambda path: path.write_text(new))
