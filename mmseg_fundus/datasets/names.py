"""Names of pictures, which masks, overlays and rows of tables are called by."""

import os
from collections import Counter
from pathlib import Path

from .reading import stem_of


def unique_names(paths, root: Path) -> list:
    """A name for each picture, no two the same, also where upper and lower case are one.

    It is the file's name without suffix; where that repeats (FIVES: ``1_A`` in train and test), with the folders before it: from
    ``root`` on, or, for a file elsewhere, from where the repeated ones part.  Where that repeats too, the suffix or a number follows.

    Args:
        paths (Sequence[str]): Of pictures.
        root (Path): The data set's folder.

    Returns:
        list[str]: In the order of ``paths``.
    """
    files = [Path(os.path.normpath(path)) for path in paths]
    same = {}
    for file in files:
        same.setdefault(stem_of(file).casefold(), []).append(file)
    names = []
    for file in files:
        group = same[stem_of(file).casefold()]
        names.append('_'.join([*_folders(file, group, root), stem_of(file)]) if len(group) > 1 else stem_of(file))
    repeated = _repeated(names)
    names = [f'{name}{file.suffix.replace(".", "_")}' if name.casefold() in repeated else name for name, file in zip(names, files)]
    repeated, taken, unique = _repeated(names), {name.casefold() for name in names}, []
    for name in names:
        if name.casefold() in repeated:
            name = next(f'{name}_{number}' for number in range(1, len(names) + 2) if f'{name}_{number}'.casefold() not in taken)
            taken.add(name.casefold())
        unique.append(name)
    return unique


def _folders(file: Path, group: list, root: Path) -> tuple:
    """Folders that tell a file from others of the same name."""
    if all(other.is_relative_to(root) for other in group):
        return file.relative_to(root).parts[:-1]
    return file.relative_to(os.path.commonpath([other.parent for other in group])).parts[:-1]


def _repeated(names: list) -> set:
    return {name for name, count in Counter(name.casefold() for name in names).items() if count > 1}
