"""`andon compare`: what two bundles said of the same live frames, whichever of them served at the time."""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from andon.bundle import BundleError
from andon.comparing.pairing import Pairing, Side, of_rows, paired
from andon.comparing.table import Ids, ScoreTable
from andon.errors import Broken, Mistake
from andon.records import Assignment
from andon.settings import KafkaSettings
from andon.store import BundleStore
from andon.topics import SCORES, SHADOW_SCORES
from andon_training.progress import Progress, silent
from andon_training.replay.alone import Alone, alone
from andon_training.replay.answers import Answers
from andon_training.replay.held import cut, records_in
from andon_training.replay.line import read_people, station_stretches
from andon_training.replay.pages_saved import Pages, pages
from andon_training.replay.span import Span
from andon_training.replay.standing import Heard, Standing, read_assigned, standing

Budget = Callable[[str], float | None]
"""The false-call budget of a bundle by digest; None where it is not at hand."""


@dataclass(frozen=True)
class Comparison:
    """What was found. `pairing` holds the active side first, then the bundle that is looked at; its rows are those of
    `heard`. `judged` counts the frames of the active side by bundle, `shadows` the scores of each shadow.

    `alone` are frames of which only the active side, and only the other bundle, has spoken. `exchanged` counts the
    frames of both that the bundle looked at judged live, while the other was its shadow.
    """

    station: str
    span: Span
    standing: Standing
    heard: Heard
    pairing: Pairing
    judged: Counter[str]
    shadows: Counter[str]
    budgets: dict[str, float | None]
    pages: Pages
    answers: Answers
    alone: tuple[Alone, Alone]
    exchanged: int
    cut: str | None

    @property
    def refused(self) -> int:
        """Records that were no scores."""
        return self.heard.table.refused


def compare(
    kafka: KafkaSettings,
    station: str,
    span: Span,
    *,
    shadow: str | None,
    budget: Budget,
    everywhere: bool = False,
    progress: Progress = silent,
) -> Comparison:
    """Reads both topics of scores and joins them by bundle. `shadow` is a digest or the beginning of one.

    Raises Mistake, saying how to begin, where there is nothing to compare; Broken when Kafka does not answer.
    """
    table, lengths, gone = ScoreTable(station), [], None
    for done, topic in enumerate((SCORES, SHADOW_SCORES)):
        progress("scores", done, 2)
        held = station_stretches(kafka, topic, station, span, everywhere=everywhere)
        gone = gone or cut(held, span, f"scores of {station}")
        lengths.append(len(table.read(records_in(kafka, held))))
    progress("scores", 2, 2)
    people, assigned = read_people(kafka, station, span.start), read_assigned(kafka, station)
    return compared(span, Heard(table, lengths[0]), assigned, shadow, budget, people, gone)


def compared(
    span: Span,
    heard: Heard,
    assigned: Sequence[Assignment],
    shadow: str | None,
    budget: Budget,
    answers: Answers,
    gone: str | None = None,
) -> Comparison:
    """Joins what two bundles said. `assigned` is what serves the station now, the most general first.

    Raises Mistake when `shadow` names no bundle that scored, there is none to look at, or no frame has both.
    """
    table = heard.table
    stands = standing(table.station, heard, assigned, shadow)
    first, second = sides(heard, stands.bundle, stands.active)
    pairing = paired(first, second)
    if not len(pairing):
        raise Mistake(nothing_in_common(table.station, span, stands, first, second))
    judged, both = heard.counts(pairing.first.rows), pairing.both
    exchanged = (pairing.second.rows < heard.live) & (pairing.first.rows >= heard.live) & both
    captured = table.captured[pairing.first.rows][both]
    return Comparison(
        station=table.station,
        span=span,
        standing=stands,
        heard=heard,
        pairing=pairing,
        judged=judged,
        shadows=heard.counts(heard.shadow_rows),
        budgets={each: budget(each) for each in dict.fromkeys((stands.active, *judged, stands.bundle)) if each},
        pages=pages(captured, pairing.first.called[both], pairing.second.called[both]),
        answers=answers,
        alone=(_alone(table, first, second, pairing), _alone(table, second, first, pairing)),
        exchanged=int(exchanged.sum()),
        cut=gone,
    )


def sides(heard: Heard, bundle: str, active: str | None) -> tuple[Side, Side]:
    """What is held against `bundle`, and what `bundle` said: one word a frame each, wherever it was said.

    Against it stands the line's last word where that is another's; else what another said as a shadow, `active`
    before all others.
    """
    table, live, shadow = heard.table, heard.live_rows, heard.shadow_rows
    its, line = table.by(bundle), table.last_of(live)
    own = np.concatenate([shadow[its[shadow]], live[its[live]]])
    others = shadow[~its[shadow] & (table.bundle_codes[shadow] >= 0)]
    preferred = table.by(active)[others]
    against = np.concatenate([others[~preferred], others[preferred], line[~its[line]]])
    return of_rows(table, table.last_of(against)), of_rows(table, table.last_of(own))


def _alone(table: ScoreTable, side: Side, other: Side, pairing: Pairing) -> Alone:
    rows = side.rows[~_in(side.ids, pairing.first.ids) & (table.bundle_codes[side.rows] >= 0)]
    return alone(table.captured[rows], table.captured[other.rows[table.bundle_codes[other.rows] >= 0]])


def _in(ids: Ids, known: Ids) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
    """Which of `ids` are among `known`, sorted and not empty."""
    places = np.minimum(np.searchsorted(known, ids), len(known) - 1)
    return np.asarray(known[places] == ids)


def nothing_in_common(station: str, span: Span, stands: Standing, first: Side, second: Side) -> str:
    """That no frame has both, and what to do."""
    active = f" ({stands.active[:12]} is active now)" if stands.active else ""
    return (
        f"station {station}: of {len(second)} frames scored by {stands.bundle[:12]} and {len(first)} by others{active} "
        f"from {span}, none is the same; wait until both have scored the same frames, or go further back with --from"
    )


def budgets_in(store: BundleStore) -> Budget:
    """Looks budgets up in a store."""

    def budget(digest: str) -> float | None:
        try:
            return store.manifest(digest).calibration.budget
        except (BundleError, Broken):
            return None

    return budget
