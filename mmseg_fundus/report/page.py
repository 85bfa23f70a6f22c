"""The report as one HTML page that needs no other file and no network."""

from pathlib import Path

from markupsafe import Markup

from ..models.encoders.standin import LABEL
from ..visualization.overlay import BRIGHTEST, LEGEND
from .frame import framed, joined, render
from .gather import Gathered
from .measures import measures
from .sections import data_line, figures, made_from, per_picture, score_curves, training
from .uncertainty import scale_colours

HEADINGS = {'worst': 'Lowest Dice', 'best': 'Highest Dice'}


def make_page(gathered: Gathered) -> str:
    """Put the page together."""
    sections = (figures, score_curves, measures, best_and_worst, per_picture, training, made_from)
    return framed(
        title=title(gathered),
        heading=title(gathered),
        subtitle=subtitle(gathered),
        warning=warning(gathered),
        body=joined(make(gathered) for make in sections),
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
    return f'Encoder: {LABEL}.' if weights and LABEL in weights.notes else ''


def best_and_worst(gathered: Gathered) -> Markup:
    """The pictures with a slider between photograph and what was found, missed and false."""
    if not gathered.no_pictures and not gathered.pictures:
        return Markup()
    uncertain = any(picture.uncertainty for picture in gathered.pictures)
    return render(
        'best_and_worst.html',
        no_pictures=gathered.no_pictures,
        legend=LEGEND,
        scale=scale_colours() if uncertain else [],
        brightest=BRIGHTEST,
        groups=[(heading, [picture for picture in gathered.pictures if picture.rank == rank]) for rank, heading in HEADINGS.items()],
    )
