"""`andon compare`: what the active bundle and a shadow said of the same live frames."""

from collections import Counter
from collections.abc import Callable
from contextlib import closing, suppress
from dataclasses import dataclass

from andon.assignments import Assignments
from andon.bundle import BundleError
from andon.errors import Broken, Invalid, Mistake
from andon.kafka.reach import reach
from andon.kafka.table import TopicReader
from andon.settings import KafkaSettings
from andon.store import BundleStore
from andon.topics import MODELS, SCORES, SHADOW_SCORES
from andon_training.progress import Progress, silent
from andon_training.replay.answers import Answers
from andon_training.replay.held import cut, records_in
from andon_training.replay.line import read_people, station_stretches
from andon_training.replay.pages_saved import Pages, pages
from andon_training.replay.pairing import Pairing, of_table, paired
from andon_training.replay.rescore import bundles_of
from andon_training.replay.span import Span
from andon_training.replay.table import ScoreTable

Budget = Callable[[str], float | None]
"""The false-call budget of a bundle by digest; None where it is not at hand."""


@dataclass(frozen=True)
class Comparison:
    """What was found. `pairing` holds the active side first; `shadows` counts the scores of each shadow.

    `alone` are frames of which only the active one, and only the shadow, has spoken.
    """

    station: str
    span: Span
    shadow: str
    shadows: Counter[str]
    active: ScoreTable
    other: ScoreTable
    pairing: Pairing
    line_bundles: Counter[str]
    budgets: dict[str, float | None]
    pages: Pages
    answers: Answers
    alone: tuple[int, int]
    cut: str | None

    @property
    def refused(self) -> int:
        """Records that were no scores."""
        return self.active.refused + self.other.refused


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
    """Reads both topics of scores and joins them. `shadow` is a digest or the beginning of one.

    Raises Mistake, saying how to begin, where there is nothing to compare; Broken when Kafka does not answer.
    """
    tables, gone = [], None
    for done, topic in enumerate((SCORES, SHADOW_SCORES)):
        progress("scores", done, 2)
        held = station_stretches(kafka, topic, station, span, everywhere=everywhere)
        gone = gone or cut(held, span, f"scores of {station}")
        tables.append(ScoreTable(station).read(records_in(kafka, held)))
    progress("scores", 2, 2)
    active, other = tables
    if not len(other):
        raise Mistake(no_shadow(station, span, shadows_of(kafka, station), len(active)))
    return compared(station, span, active, other, shadow, budget, read_people(kafka, station, span.start), gone)


def compared(
    station: str,
    span: Span,
    active: ScoreTable,
    other: ScoreTable,
    shadow: str | None,
    budget: Budget,
    answers: Answers,
    gone: str | None = None,
) -> Comparison:
    """Joins two tables. Raises Mistake when `shadow` is none of those that scored, or nothing was scored by both."""
    digest = chosen(other, shadow)
    first, second = of_table(active), of_table(other, digest)
    pairing = paired(first, second)
    if not len(pairing):
        raise Mistake(
            f"station {station}: of {len(first)} frames scored by the active bundle and {len(second)} by shadow "
            f"{digest[:12]} from {span}, none is the same; wait until both have scored the same frames, or go further "
            "back with --from"
        )
    judged = bundles_of(active, pairing.first)
    both = pairing.both
    return Comparison(
        station=station,
        span=span,
        shadow=digest,
        shadows=shadows_in(other),
        active=active,
        other=other,
        pairing=pairing,
        line_bundles=judged,
        budgets={each: budget(each) for each in (*judged, digest)},
        pages=pages(active.captured[pairing.first.rows][both], pairing.first.called[both], pairing.second.called[both]),
        answers=answers,
        alone=(len(first) - len(pairing), len(second) - len(pairing)),
        cut=gone,
    )


def shadows_in(table: ScoreTable) -> Counter[str]:
    """How many scores of each bundle a table holds."""
    return Counter(table.bundles[code] for code in table.bundle_codes.tolist() if code >= 0)


def chosen(table: ScoreTable, shadow: str | None) -> str:
    """The digest of the shadow that `shadow` names, else of the one that scored last. Raises Mistake."""
    names = shadows_in(table)
    if not names:
        raise Mistake("the shadow's scores name no bundle: none of its frames could be scored; see its log")
    if shadow is None:
        return table.bundles[next(int(code) for code in table.bundle_codes[::-1] if code >= 0)]
    found = [digest for digest in names if digest.startswith(shadow)]
    if len(found) == 1:
        return found[0]
    some = ", ".join(f"{digest[:12]} ({n} scores)" for digest, n in names.most_common(5))
    which = "is no shadow that scored" if not found else "is more than one shadow"
    raise Mistake(f"--shadow {shadow[:80]}: {which} this station in that time; there are: {some}")


def no_shadow(station: str, span: Span, assigned: tuple[str, ...], scored: int) -> str:
    """That there are no shadow scores, and how to get some."""
    head = f"station {station}: no shadow has scored a frame from {span} ({scored} scores by the active bundle)"
    if assigned:
        return (
            f"{head}, though {assigned[0][:12]} is its shadow. Is `andon shadow-scoring` running? If it has only just "
            "begun, wait for some frames; else go further back with --from"
        )
    return (
        f"{head}, and it has none. Give it one with `andon shadow {station} BUNDLE`, run `andon shadow-scoring`, and "
        "compare after some frames; to try a bundle on frames of the past instead: "
        f"`andon rescore {station} --bundle BUNDLE`"
    )


def shadows_of(kafka: KafkaSettings, station: str) -> tuple[str, ...]:
    """The shadows that are assigned to `station`, for any product. Raises Broken."""
    if MODELS not in reach(kafka).topics:
        return ()
    table = Assignments()
    with closing(TopicReader(kafka, MODELS)) as reader:
        for record in reader.read_to_end():
            with suppress(Invalid):
                table.apply(record)
    return tuple(
        digest for each in table.all() if each.active.station in (station, "*") for digest in each.active.shadows
    )


def budgets_in(store: BundleStore) -> Budget:
    """Looks budgets up in a store."""

    def budget(digest: str) -> float | None:
        try:
            return store.manifest(digest).calibration.budget
        except (BundleError, Broken):
            return None

    return budget
