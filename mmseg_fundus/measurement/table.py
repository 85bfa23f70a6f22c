import csv
import io
from pathlib import Path
from typing import Any

from ..errors import DataError
from ..fileio.whole_files import write_whole


def write_measurements(path: str | Path, rows: list[tuple[str, dict[str, Any]]]) -> None:
    """Write measurements as CSV, one line per picture; the file is whole or as it was.

    Args:
        path (str or Path): The file; its folder is made.
        rows (list[tuple[str, dict]]): Name and :func:`.measure_vessels` of each picture, perhaps with more numbers and words.

    Raises:
        DataError: If there are no rows, or they hold different measurements, as with and without a scale.
    """
    text = table_text(rows)
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    write_whole(path, lambda temporary: temporary.write_text(text, encoding='utf-8', errors='backslashreplace'))


def table_text(rows: list[tuple[str, dict[str, Any]]], of: str = 'picture') -> str:
    """What :func:`write_measurements` writes; ``of`` is what a row is of."""
    if not rows:
        raise DataError('no measurements to write')
    names = list(rows[0][1])
    text = io.StringIO()
    writer = csv.writer(text, lineterminator='\n')
    writer.writerow([of, *names])
    for picture, row in rows:
        if list(row) != names:
            raise DataError(f'{picture}: measured {", ".join(row)}; the first {of} {", ".join(names)}; give all a scale or none')
        writer.writerow([picture, *(f'{value:.6g}' if isinstance(value, float) else value for value in row.values())])
    return text.getvalue()
