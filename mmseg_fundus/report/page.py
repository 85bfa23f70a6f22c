"""The report as one HTML page that needs no other file and no network."""

from pathlib import Path

from ..models.encoders.standin import LABEL
from ..visualization.overlay import LEGEND
from .frame import framed, missing, section
from .gather import Gathered
from .pictures import Picture
from .sections import data_line, figures, made_from, per_picture, score_curves, training
from .uncertainty import scale_key
from .values import escape, name, shown

HEADINGS = {'worst': 'Lowest Dice', 'best': 'Highest Dice'}


def make_page(gathered: Gathered) -> str:
    """Put the page together."""
    sections = (figures, score_curves, best_and_worst, per_picture, training, made_from)
    return framed(
        title=escape(title(gathered)),
        heading=name(title(gathered)),
        subtitle=escape(subtitle(gathered)),
        warning=warning(gathered),
        body='\n'.join(filter(None, (make(gathered) for make in sections))),
        tool='report.py',
    )


def title(gathered: Gathered) -> str:
    """Name of the method: of the config, as the tables of results say it, or what its maker calls it."""
    results = gathered.results
    if results.config is not None:
        return Path(results.config).stem
    return results.method or gathered.folder.resolve().name


def subtitle(gathered: Gathered) -> str:
    """What was measured on, and when."""
    results = gathered.results
    if gathered.results_path is None:
        return 'Training without results yet'
    kind = {'test': 'Test', 'val': 'Validation', 'masks': 'Evaluation of predictions'}.get(results.phase or '', 'Results')
    data = data_line(results.data)
    made = (results.time or '').replace('T', ' ')
    return ' · '.join(words for words in (f'{kind} on {data}' if data else kind, made) if words)


def warning(gathered: Gathered) -> str:
    """A line where the encoder's weights are a stand-in, so that nobody takes the figures for VisionFM's."""
    weights = gathered.results.weights
    return f'<p class="warning">Encoder: {escape(LABEL)}.</p>' if weights and LABEL in weights.notes else ''


def best_and_worst(gathered: Gathered) -> str:
    """The pictures with a slider between photograph and what was found, missed and false."""
    if gathered.no_pictures:
        sentence, command = gathered.no_pictures
        return section('Best and worst pictures', missing(f'No pictures. {sentence} What helps:', command))
    if not gathered.pictures:
        return ''
    keys = ''.join(f'<li><span class="swatch" style="background:rgb{colour}"></span>{key}</li>' for key, colour in LEGEND)
    uncertain = any(picture.uncertainty for picture in gathered.pictures)
    keys += scale_key() if uncertain else ''
    kind = 'pictures paired' if uncertain else 'pictures'
    groups = []
    for rank, heading in HEADINGS.items():
        cards = ''.join(_card(picture) for picture in gathered.pictures if picture.rank == rank)
        groups.append(f'<h3>{heading}</h3><div class="{kind}">{cards}</div>' if cards else '')
    told = '<p class="note">Drag across a picture, or use the arrow keys: photograph on the left, result on the right.</p>'
    return section('Best and worst pictures', f'<ul class="legend">{keys}</ul>', told, *groups)


def _card(picture: Picture) -> str:
    row, label = picture.row, escape(picture.row['picture'])
    figures = ', '.join(f'{figure} {shown(row.get(figure))}' for figure in ('Dice', 'Sensitivity', 'Precision'))
    note = missing(picture.note) if picture.note else ''
    stack = ''
    if picture.photograph:
        width, height = picture.size
        size = f'width="{width}" height="{height}" draggable="false"'
        stack = (
            f'<div class="stack" style="aspect-ratio:{width}/{height}">'
            f'<img class="overlay" src="{picture.overlay}" alt="{label}: vessels found, missed and false" {size}>'
            f'<img class="photograph" src="{picture.photograph}" alt="{label}: photograph" {size}>'
            f'<span class="divider" aria-hidden="true"></span>'
            f'<input type="range" min="0" max="100" value="50" aria-label="{label}: share of the photograph that is shown, in percent">'
            f'</div>'
        )
        if picture.uncertainty:
            told = f'{label}: uncertainty, dark where the members agree, bright where they differ'
            stack = f'<div class="pair">{stack}<img class="uncertainty" src="{picture.uncertainty}" alt="{told}" {size}></div>'
    return f'<figure class="picture">{stack}<figcaption><strong>{name(row["picture"])}</strong> {figures}</figcaption>{note}</figure>'
