"""The index page of a folder of predictions: a sortable table with thumbnails, and each picture large under a slider."""

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

from .frame import framed, section, sortable
from .values import escape, name, number

# of measure_vessels, {u} being px or um: the head of the column, decimals
COLUMNS = {
    'fov_area_{u}2': ('Field of view, {u}²', 0),
    'vessel_area_{u}2': ('Vessel area, {u}²', 0),
    'vessel_area_density': ('Vessel density', 4),
    'skeleton_length_{u}': ('Length, {u}', 0),
    'skeleton_length_density_per_{u}': ('Length density, 1/{u}', 5),
    'mean_width_{u}': ('Mean width, {u}', 2),
    'fractal_dimension_skeleton': ('Fractal dimension, lines', 3),
    'fractal_dimension_mask': ('Fractal dimension, mask', 3),
    'tortuosity': ('Tortuosity', 3),
    'mean_curvature_rad_per_{u}': ('Curvature, rad/{u}', 4),
    'branch_points': ('Branch points', 0),
}
HEADS = {
    key.format(u=u): (head.format(u=unit), digits) for key, (head, digits) in COLUMNS.items() for u, unit in (('px', 'px'), ('um', 'µm'))
}
OPEN = 20  # failed photographs that are listed without a click
VIEWER = """<dialog class="viewer" aria-labelledby="viewed">
<div class="bar"><h2><bdi id="viewed"></bdi></h2><span class="place"></span>
<span class="steps"><button type="button" class="before">‹ Previous</button> <button type="button" class="after">Next ›</button>
<button type="button" class="close">Close</button></span></div>
<div class="large">
<div class="stack"><img class="under" alt=""><img class="vessels" alt=""><img class="photograph" alt="">
<span class="divider" aria-hidden="true"></span>
<input type="range" min="0" max="100" value="50" aria-label="share of the photograph that is shown, in percent"></div>
<div class="beside-it">
<ul class="legend"><li><span class="swatch vessel"></span>vessels</li>
<li><span class="swatch field"></span>edge of the field of view</li></ul>
<p><label><input type="checkbox" class="alone"> vessels alone</label></p>
<p class="files"></p>
<dl class="facts"></dl>
<p class="note">Drag across the picture, or use the arrow keys: left and right move the line, up and down go to the next picture.</p>
</div></div></dialog>"""


@dataclass
class PredictedPicture:
    """A row of the page.

    Attributes:
        name (str): What the picture is called.
        files (dict): Kind (``'mask'``) to file, relative to the page.
        previews (dict): ``'photograph'``, ``'vessels'``, ``'thumbnail'`` to file, relative to the page.
        measured (dict): Measurements; ``None`` where there was nothing to measure.
    """

    name: str
    files: dict[str, Path]
    previews: dict[str, Path]
    measured: Mapping[str, float | None]


def folder_page(
    title: str, model: str, settings: Mapping[str, Any], pictures: Sequence[PredictedPicture], failed: Mapping[str, str]
) -> str:
    """The page, HTML; it lies in the folder that its files are relative to.

    Args:
        title (str): Name of the folder.
        model (str): What predicted, in words; '' for the checkpoint of ``settings``.
        settings (dict): Contents of ``settings.json``.
        pictures (Sequence[PredictedPicture]): Those that were predicted.
        failed (dict): Photographs that could not be predicted, by name, and why.
    """
    return framed(
        beside=True,
        title=escape(f'{title}: vessels'),
        heading=name(title),
        subtitle=f'{_photographs(len(pictures))} predicted' + (f', {len(failed)} failed' if failed else ''),
        warning='',
        body='\n'.join((_made_with(model, settings), _failures(failed), _table(pictures), VIEWER)),
        tool='predict.py',
    )


def _made_with(model: str, settings: Mapping[str, Any]) -> str:
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
        'Scale': f'{scale:g} µm to a pixel' if number(scale) is not None else '',
    }
    rows = ''.join(f'<div><dt>{key}</dt><dd>{name(text)}</dd></div>' for key, text in facts.items() if text)
    everything = escape(json.dumps(settings, indent=2, ensure_ascii=False))
    return section(
        'How they were made',
        f'<dl class="facts made">{rows}</dl>' if rows else '',
        '<p class="note">Found by a model, for research: not a medical device. Look at a picture before you use its figures.</p>',
        f'<details><summary>All settings</summary><pre tabindex="0">{everything}</pre></details>',
    )


def _failures(failed: Mapping[str, str]) -> str:
    if not failed:
        return ''
    rows = ''.join(f'<li>{name(reason)}</li>' for reason in failed.values())
    opened = ' open' if len(failed) <= OPEN else ''
    told = f'{_photographs(len(failed))} could not be predicted'
    listed = f'<details{opened}><summary>{told}</summary><ul>{rows}</ul></details>'
    return section('Failed', f'<div class="missing">{listed}</div>')


def _photographs(count: int) -> str:
    return f'{count} photograph' + ('' if count == 1 else 's')


def _table(pictures: Sequence[PredictedPicture]) -> str:
    if not pictures:
        return ''
    columns = list(dict.fromkeys(key for picture in pictures for key in picture.measured))
    heads = [f'<bdi title="{escape(key)}">{HEADS[key][0] if key in HEADS else escape(key)}</bdi>' for key in columns]
    rows = '\n'.join(_row(picture, columns) for picture in pictures)
    return section(
        'Pictures',
        '<p class="note">A click on a picture shows it large; a click on the head of a column sorts.</p>',
        f'<div class="folder">{sortable(("Picture", *heads, "Files"), rows, "Measurements of every picture")}</div>',
    )


def _row(picture: PredictedPicture, columns: Sequence[str]) -> str:
    first = name(picture.name)
    if 'photograph' in picture.previews:
        large, vessels, small = (link(picture.previews[kind]) for kind in ('photograph', 'vessels', 'thumbnail'))
        first = (
            f'<a class="open" href="{large}" data-vessels="{vessels}">'
            f'<img src="{small}" alt="" width="144" height="72" loading="lazy" decoding="async">{first}</a>'
        )
    cells = ''.join(_cell(picture.measured.get(key), HEADS[key][1] if key in HEADS else None) for key in columns)
    files = ' '.join(f'<a href="{link(file)}">{escape(kind)}</a>' for kind, file in picture.files.items())
    head = f'<th scope="row" title="{escape(picture.name)}">{first}</th>'
    return f'<tr>{head}{cells}<td class="files" data-value="{len(picture.files)}">{files}</td></tr>'


def _cell(value: float | None, digits: int | None) -> str:
    exact = number(value)
    if exact is None:
        return '<td data-value="">–</td>'
    return f'<td data-value="{exact:.9g}">{f"{exact:.4g}" if digits is None else f"{exact:.{digits}f}"}</td>'


def link(file: Path) -> str:
    """Address of a file beside the page, whatever it is called; letters that are no UTF-8 are the bytes of the file's name."""
    return quote(os.fsencode(file.as_posix()))
