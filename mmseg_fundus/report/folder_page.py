"""The index page of a folder of predictions: a sortable table with thumbnails, and each picture large under a slider."""

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

from .frame import framed, render
from .values import Cell, cell, number, photographs

# of measure_vessels, {u} being px or um: the head of the column, decimals
COLUMNS = {
    'fov_area_{u}2': ('Field of view, {u}²', 0),
    'vessel_area_{u}2': ('Vessel area, {u}²', 0),
    'vessel_area_density': ('Vessel density', 4),
    'skeleton_length_{u}': ('Length, {u}', 0),
    'skeleton_length_density_per_{u}': ('Length density, 1/{u}', 5),
    'mean_width_{u}': ('Mean width, {u}', 2),
    'fractal_dimension_skeleton': ('Fractal dimension, lines', 3),
    'information_dimension_skeleton': ('Information dimension, lines', 3),
    'correlation_dimension_skeleton': ('Correlation dimension, lines', 3),
    'fractal_dimension_mask': ('Fractal dimension, mask', 3),
    'tortuosity': ('Tortuosity', 3),
    'tortuosity_local': ('Tortuosity, local', 4),
    'mean_curvature_rad_per_{u}': ('Curvature, rad/{u}', 4),
    'branching_angle_deg': ('Branching angle, °', 1),
    'branch_points': ('Branch points', 0),
    'expected_dice': ('Expected Dice', 3),
    'readable_share': ('Readable share', 3),
    'blur': ('Blur', 3),
    'brightness': ('Brightness', 3),
    'unevenness': ('Unevenness', 3),
    'roundness': ('Roundness of the field', 3),
    'flags': ('Flags', 0),
}
HEADS = {
    key.format(u=u): (head.format(u=unit), digits if u != 'deg' or key == key.format(u=u) else None)
    for key, (head, digits) in COLUMNS.items()
    for u, unit in (('px', 'px'), ('um', 'µm'), ('deg', '°'))
}
FIRST = ('expected_dice', 'flags')  # columns
OPEN = 20  # failed photographs that are listed without a click


@dataclass
class PredictedPicture:
    """A row of the page.

    Attributes:
        name (str): What the picture is called.
        files (dict): Kind (``'mask'``) to file, relative to the page.
        previews (dict): ``'photograph'``, ``'vessels'``, ``'thumbnail'`` to file, relative to the page.
        measured (dict): Measurements; ``None`` where there was nothing to measure; ``flags`` are words.
    """

    name: str
    files: dict[str, Path]
    previews: dict[str, Path]
    measured: Mapping[str, float | str | None]


def folder_page(
    title: str,
    model: str,
    settings: Mapping[str, Any],
    pictures: Sequence[PredictedPicture],
    failed: Mapping[str, str],
    agreement: str = '',
) -> str:
    """The page, HTML; it lies in the folder that its files are relative to.

    Args:
        title (str): Name of the folder.
        model (str): What predicted, in words; '' for the checkpoint of ``settings``.
        settings (dict): Contents of ``settings.json``.
        pictures (Sequence[PredictedPicture]): Those that were predicted.
        failed (dict): Photographs that could not be predicted, by name, and why.
        agreement (str): Which measures can be trusted; '' for nothing.
    """
    known = dict.fromkeys(key for picture in pictures for key in picture.measured)
    columns = sorted(known, key=lambda name: name not in FIRST)  # the others in their order
    body = render(
        'folder.html',
        made=_made_with(model, settings) | ({'Agreement of measures': agreement} if agreement else {}),
        settings=json.dumps(settings, indent=2, ensure_ascii=False),
        failed=list(failed.values()),
        open=OPEN,
        heads=[('', 'Picture'), *((key, HEADS[key][0] if key in HEADS else key) for key in columns), ('', 'Files')],
        rows=[_row(picture, columns) for picture in pictures],
    )
    told = f'{photographs(len(pictures))} predicted' + (f', {len(failed)} failed' if failed else '')
    return framed(body, beside=True, title=f'{title}: vessels', heading=title, subtitle=told, tool='predict.py')


def _made_with(model: str, settings: Mapping[str, Any]) -> dict[str, str]:
    prediction = settings.get('prediction') or {}
    files = settings.get('checkpoint')
    checkpoint = ', '.join(map(str, files)) if isinstance(files, list) else str(files or '')
    threshold, angle, poses = (prediction.get(key) for key in ('threshold', 'field_angle', 'tta'))
    scale = settings.get('um_per_pixel')
    facts = {
        'Model': f'{model} ({checkpoint})' if model and checkpoint else model or checkpoint,
        'Threshold': f'{threshold:g}: a pixel whose probability is above it is vessel' if number(threshold) is not None else '',
        'Field of view': {
            'found': 'found in each photograph; nothing outside it counts',
            'whole frame': 'the whole frame',
        }.get(str(settings.get('field_of_view')), ''),
        'Poses': 'mean of eight flips and quarter turns' if poses is True else 'mean of several' if poses else '',
        'Field angle': f'photographs are taken to show {angle:g} degrees of the eye' if number(angle) is not None else '',
        'Scale': f'{scale:g} µm to a pixel' if number(scale) is not None else 'degrees of the eye' if settings.get('per_degree') else '',
    }
    return {key: text for key, text in facts.items() if text}


def _row(picture: PredictedPicture, columns: Sequence[str]) -> dict[str, Any]:
    return dict(
        name=picture.name,
        previews={kind: link(file) for kind, file in picture.previews.items()} if 'photograph' in picture.previews else {},
        files={kind: link(file) for kind, file in picture.files.items()},
        cells=[_cell(picture.measured.get(key), HEADS[key][1] if key in HEADS else None) for key in columns],
    )


def _cell(value: float | str | None, digits: int | None) -> Cell:
    """A figure; or flags, which are sorted by how many they are."""
    return Cell(str(len(list(filter(None, value.split(';'))))), value or '–') if isinstance(value, str) else cell(value, digits)


def link(file: Path) -> str:
    """Address of a file beside the page, whatever it is called; letters that are no UTF-8 are the bytes of the file's name."""
    return quote(os.fsencode(file.as_posix()))
