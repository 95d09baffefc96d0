"""Two bundles over the same live frames: who calls what, and what people said of these frames. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

import numpy as np

from andon.comparing.pairing import Agreement, Pairing, paired, strengths
from andon.comparing.table import Floats, Rows
from andon.records import Answer, Told
from andon_console.models.heard import Heard, frame_of
from andon_console.models.histogram import Bar, bars
from andon_console.models.said import Judged, judged, people_on
from andon_console.shots import Shot

SHOWN = 12


@dataclass(frozen=True, slots=True)
class Differing:
    """A frame that only one of the two calls; `first` and `second` are their ratios. `said` is people's word on it."""

    shot: Shot
    first: float
    second: float
    said: Told | None


@dataclass(frozen=True)
class Comparison:
    """`first` is the one that serves, or the older one. `alone` are frames that only one of them has scored."""

    first: str
    second: str
    agreement: Agreement
    judged: tuple[Judged, Judged]
    bars: tuple[list[Bar], list[Bar]]
    only_first: tuple[Differing, ...]
    only_second: tuple[Differing, ...]
    alone: tuple[int, int]

    @property
    def frames(self) -> int:
        """How many both scored."""
        return self.agreement.frames


def compared(heard: Heard, first: str, second: str, answers: Sequence[Answer]) -> Comparison:
    """What `first` and `second` said of the frames that both scored."""
    one, other = heard.side(first), heard.side(second)
    pair = paired(one, other)
    both = np.flatnonzero(pair.both)
    pair = Pairing(pair.first.at(both), pair.second.at(both))
    people = people_on(pair.first.ids, answers)
    told = {each.frame_id: each.answer for each in answers}
    strong = strengths(pair.first), strengths(pair.second)
    only = pair.first.called & ~pair.second.called, pair.second.called & ~pair.first.called
    worst = [_worst(np.flatnonzero(which), strong[1] - strong[0]) for which in only]
    shown = [_shown(heard, pair, places, strong, told) for places in worst]
    return Comparison(
        first,
        second,
        pair.agreement(),
        (judged(pair.first.called, people), judged(pair.second.called, people)),
        (bars(strong[0]), bars(strong[1])),
        shown[0],
        shown[1],
        (int(one.scored.sum()) - len(both), int(other.scored.sum()) - len(both)),
    )


def since(heard: Heard, first: str, second: str, begin: datetime) -> Agreement:
    """The same 2x2 table of frames captured from `begin` on: how far a trial that began then is."""
    pair = paired(heard.side(first), heard.side(second))
    late = np.flatnonzero(heard.table.captured[pair.first.rows] >= begin.timestamp())
    return Pairing(pair.first.at(late), pair.second.at(late)).agreement()


def _worst(places: Rows, apart: Floats) -> Rows:
    """Where the two differ most, first; at most SHOWN."""
    found: Rows = places[np.argsort(-np.abs(apart[places]), kind="stable")[:SHOWN]]
    return found


def _shown(
    heard: Heard,
    pair: Pairing,
    places: Rows,
    strong: tuple[Floats, Floats],
    told: dict[UUID, Told],
) -> tuple[Differing, ...]:
    live = heard.live_rows(pair.first.ids[places])
    found = []
    for at in places.tolist():
        row, key = int(pair.first.rows[at]), bytes(pair.first.ids[at])
        said = told.get(frame_of(key))
        found.append(Differing(heard.shot(row, live.get(key)), float(strong[0][at]), float(strong[1][at]), said))
    return tuple(found)
