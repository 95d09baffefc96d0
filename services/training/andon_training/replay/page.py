"""A finding as one page: self-contained, without a script, light or dark as the reader's screen is."""

from dataclasses import dataclass
from datetime import datetime

from andon_training.evaluate import chart as paper
from andon_training.evaluate.chart import Chart
from andon_training.evaluate.pictures import heat_gradient
from andon_training.evaluate.report import pages
from andon_training.printable import printable
from andon_training.replay.pictures import Shown

TEMPLATE = "page.html.j2"
NO_BREAK = "\N{NO-BREAK SPACE}"


@dataclass(frozen=True)
class Card:
    """One figure, large."""

    label: str
    value: str
    told: str = ""


@dataclass(frozen=True)
class Table:
    """Rows of text under `columns`; the first column is words, the others are figures unless `facts`."""

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    told: str = ""
    facts: bool = False


@dataclass(frozen=True)
class Row:
    """One frame of a gallery. `flag` is a short word about it, `facts` go below it."""

    name: str
    flag: str
    facts: tuple[str, ...]
    pictures: tuple[Shown, ...]


@dataclass(frozen=True)
class Gallery:
    """Frames of one kind, out of `of`."""

    title: str
    told: str
    of: int
    rows: tuple[Row, ...]


@dataclass(frozen=True)
class Page:
    """What a page says, from the top down. `warnings` stand out, `said` are plain sentences.

    The first table stands beside the charts, where there are some; `galleries_first` puts the frames before both.
    """

    title: str
    under: tuple[str, ...]
    cards: tuple[Card, ...] = ()
    warnings: tuple[str, ...] = ()
    said: tuple[str, ...] = ()
    tables: tuple[Table, ...] = ()
    charts: tuple[Chart, ...] = ()
    names: tuple[str, str] = ("", "")
    galleries: tuple[Gallery, ...] = ()
    galleries_title: str = "Frames to look at"
    galleries_first: bool = False
    facts: tuple[Table, ...] = ()


def rendered(page: Page, *, made_at: datetime, andon_version: str) -> bytes:
    """The page, UTF-8 HTML."""
    environment = pages(str(__package__))
    environment.filters |= {"printable": sentence, "begun": begun}
    given = {"page": page, "made_at": made_at, "andon_version": andon_version}
    text = environment.get_template(TEMPLATE).render(given, paper=paper, heat_gradient=heat_gradient())
    return text.lstrip().encode("utf-8") + b"\n"


def begun(text: str) -> str:
    """`text` with a capital at its beginning; what follows stays as it is."""
    return text[:1].upper() + text[1:]


def sentence(text: str) -> str:
    """`text` without what a page had better not get; the no-break space before a per cent sign stays."""
    return NO_BREAK.join(map(printable, text.split(NO_BREAK)))
