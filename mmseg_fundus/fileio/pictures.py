"""Pictures by the names of their files: which there are, and a name for each prediction.  None is opened."""

import glob
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import TypeVar

from ..errors import DataError

PICTURE_SUFFIXES = ('.png', '.jpg', '.jpeg', '.tif', '.tiff', '.gif', '.bmp', '.ppm', '.pgm')
DICOM_SUFFIXES = ('.dcm', '.dicom')
PHOTOGRAPH_SUFFIXES = (*PICTURE_SUFFIXES, '.webp', *DICOM_SUFFIXES)

Key = TypeVar('Key')


def is_picture(path: Path) -> bool:
    """Whether a file's name ends like a picture's, perhaps gzipped."""
    return not path.name.startswith('.') and Path(path.name.lower().removesuffix('.gz')).suffix in PICTURE_SUFFIXES


def find_photographs(inputs: Iterable[str | Path], leave_out: Path | None = None) -> dict[Path, Path]:
    """Photographs that files, folders and patterns stand for.

    Args:
        inputs (Sequence[str | Path]): Files of any name, folders (searched below, files whose names end like a picture's, no hidden
            ones) and patterns (``'eyes/**/*.jpg'``).
        leave_out (Path, optional): A folder whose contents do not count: where the predictions go.

    Returns:
        dict[Path, Path]: File to the name of its prediction, without suffix: its place below the folder that was given, its name if
        it was given itself.  Two that would be the same go on with their suffixes (``a_jpg``, ``a_png``).

    Raises:
        DataError: If an input does not exist or stands for no photograph.
    """
    found: dict[Path, Path] = {}
    for given in map(str, inputs):
        path = Path(given).expanduser()
        if path.is_dir():
            files = [file for file in sorted(path.rglob('*')) if _is_photograph(file, path)]
            matches = {file: file.relative_to(path) for file in files if not _is_below(file, leave_out)}
        elif path.exists():
            matches = {path: Path(path.name)}
        else:
            files = [Path(name) for name in sorted(glob.glob(str(path), recursive=True))]
            matches = {file: Path(file.name) for file in files if file.is_file() and not _is_below(file, leave_out)}
            if not files:
                raise DataError(f'{given}: no such file or folder, and no file matches it as a pattern')
        if not matches:
            raise DataError(f'{given} holds no picture ({", ".join(PHOTOGRAPH_SUFFIXES)})')
        found.update(matches)
    unique = {file.resolve(): (file, name) for file, name in reversed(list(found.items()))}
    return distinct_names({file: name for file, name in sorted(unique.values(), key=lambda item: str(item[1]))})


def _is_photograph(file: Path, below: Path) -> bool:
    hidden = any(part.startswith('.') for part in file.relative_to(below).parts)
    return not hidden and file.is_file() and Path(file.name.lower().removesuffix('.gz')).suffix in PHOTOGRAPH_SUFFIXES


def _is_below(file: Path, folder: Path | None) -> bool:
    return folder is not None and folder.resolve() in file.resolve().parents


def distinct_names(names: dict[Key, Path]) -> dict[Key, Path]:
    """Names without suffixes, with them where two would be the same, numbered where that is not enough.

    Args:
        names (dict[Any, Path]): Anything to a name with suffix.  Upper and lower case are the same name, as on some file systems.

    Returns:
        dict[Any, Path]: The same keys; no two names are the same.
    """

    def stem(name: Path) -> Path:
        return name.with_name(Path(name.name.removesuffix('.gz')).stem)

    def count(values: Iterable[Path]) -> Counter[str]:
        return Counter(str(value).casefold() for value in values)

    stems = count(map(stem, names.values()))
    whole = {k: stem(n) if stems[str(stem(n)).casefold()] == 1 else n.with_name(n.name.replace('.', '_')) for k, n in names.items()}
    repeated, result = count(whole.values()), dict[Key, Path]()
    taken, numbers = {key for key, number in repeated.items() if number == 1}, Counter[str]()
    for key, name in whole.items():
        folded = str(name).casefold()
        while repeated[folded] > 1:
            numbers[folded] += 1
            name = whole[key].with_name(f'{whole[key].name}_{numbers[folded]}')
            if str(name).casefold() not in taken:
                taken.add(str(name).casefold())
                break
        result[key] = name
    return result
