"""Who serves a station now and which bundle is looked at beside it: as `models` says, else as the scores do."""

from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass

import numpy as np

from andon.assignments import Assignments
from andon.comparing.table import Rows, ScoreTable
from andon.errors import Invalid, Mistake
from andon.kafka.reach import reach
from andon.kafka.table import TopicReader
from andon.records import Assignment
from andon.records.assignment import EVERY
from andon.settings import KafkaSettings
from andon.topics import MODELS


@dataclass(frozen=True)
class Heard:
    """All scores of a station: the first `live` rows of `table` are the line's own, the others are shadows'."""

    table: ScoreTable
    live: int

    @property
    def rows(self) -> Rows:
        """Rows of all scores."""
        return np.arange(len(self.table))

    @property
    def live_rows(self) -> Rows:
        """Rows of the line's own scores."""
        return np.arange(self.live)

    @property
    def shadow_rows(self) -> Rows:
        """Rows of shadows' scores."""
        return np.arange(self.live, len(self.table))

    def counts(self, rows: Rows) -> Counter[str]:
        """How many of these scores are by each bundle."""
        codes, counts = np.unique(self.table.bundle_codes[rows], return_counts=True)
        names = self.table.bundles
        return Counter({names[c]: n for c, n in zip(codes.tolist(), counts.tolist(), strict=True) if c >= 0})

    def last_bundle(self, rows: Rows, but: str | None = None) -> str | None:
        """The bundle that gave the last of these scores, leaving `but` out; None where none names one."""
        codes = self.table.bundle_codes[rows]
        named = np.flatnonzero((codes >= 0) & ~self.table.by(but)[rows])
        return self.table.bundles[int(codes[named[-1]])] if len(named) else None


@dataclass(frozen=True)
class Standing:
    """`bundle` is looked at beside `active`, the one that serves now (None: nobody knows one).

    `assignment` is what `models` says of that now: where `bundle` is a shadow, the one that makes it so.
    """

    bundle: str
    active: str | None
    assignment: Assignment | None = None

    @property
    def shadow_now(self) -> bool:
        """Whether `bundle` is a shadow now."""
        return self.assignment is not None and self.bundle in self.assignment.shadows

    @property
    def rolls_back(self) -> bool:
        """Whether a rollback would let `bundle` serve."""
        past = self.assignment.past if self.assignment else ()
        return next((each.bundle for each in past if each.bundle != self.active), None) == self.bundle


def standing(station: str, heard: Heard, assigned: Sequence[Assignment], asked: str | None) -> Standing:
    """Whom to look at: the one that `asked` begins; else the first assigned shadow that has scored; else the one beside
    the active that scored last, as a shadow or live.

    Raises Mistake where that is nobody, or the active one itself.
    """
    bundle = _asked(heard, asked) if asked is not None else _usual(heard, assigned)
    if bundle is None:
        raise Mistake(no_shadow(station, heard, assigned))
    of = next((each for each in assigned if bundle in each.shadows), assigned[0] if assigned else None)
    active = of.bundle if of else heard.last_bundle(heard.live_rows)
    if bundle == active:
        others = list(_listed(heard, but=active))
        rest = f"; name one to hold against it: {', '.join(others)}" if others else f", and no other scored {station}"
        raise Mistake(f"--shadow {bundle[:12]}: is the bundle that is active for {station} now{rest}")
    return Standing(bundle, active, of)


def _usual(heard: Heard, assigned: Sequence[Assignment]) -> str | None:
    shadows, known = [digest for each in assigned for digest in each.shadows], heard.counts(heard.rows)
    if shadows:
        return next((digest for digest in shadows if digest in known), None)
    active = assigned[0].bundle if assigned else heard.last_bundle(heard.live_rows)
    return heard.last_bundle(heard.shadow_rows, but=active) or heard.last_bundle(heard.live_rows, but=active)


def _asked(heard: Heard, asked: str) -> str:
    found = [digest for digest in heard.counts(heard.rows) if digest.startswith(asked)]
    if len(found) == 1:
        return found[0]
    which = "is no bundle that scored" if not found else "is more than one bundle that scored"
    there = ", ".join(_listed(heard)) or "none"
    raise Mistake(f"--shadow {asked[:80]}: {which} this station in that time; there are: {there}")


def _listed(heard: Heard, but: str | None = None) -> Iterator[str]:
    for digest, n in heard.counts(heard.rows).most_common(6):
        if digest != but:
            yield f"{digest[:12]} ({n} scores)"


def no_shadow(station: str, heard: Heard, assigned: Sequence[Assignment]) -> str:
    """That there is nothing to look at, and how to get something."""
    shadows = [digest for each in assigned for digest in each.shadows]
    if shadows:
        others = ", ".join(_listed(heard, but=assigned[0].bundle))
        return (
            f"station {station}: {shadows[0][:12]} is its shadow and has scored no frame in that time. Is "
            "`andon shadow-scoring` running? If it has only just begun, wait for some frames; else go further back "
            "with --from" + (f", or look at another one with --shadow: {others}" if others else "")
        )
    if len(heard.shadow_rows):
        return f"station {station}: the shadow's scores name no other bundle: it could score no frame; see its log"
    return (
        f"station {station}: no other bundle has scored a frame in that time ({heard.live} live scores), and it has no "
        f"shadow. Give it one with `andon shadow {station} BUNDLE`, run `andon shadow-scoring`, and compare after some "
        f"frames; to try a bundle on frames of the past instead: `andon rescore {station} --bundle BUNDLE`"
    )


def assigned_to(table: Assignments, station: str) -> tuple[Assignment, ...]:
    """What serves `station`, for any product: those for all products before those for one, its own before everybody's.

    What is said for every station ('*') counts where no word of its own goes before it.
    """
    known = (each for each in table.all() if each.active.station in (station, EVERY))
    heeded = [each.active for each in known if table.lookup(station, each.active.product) is each]
    return tuple(sorted(heeded, key=lambda each: (each.product is not None, each.station == EVERY, each.key)))


def read_assigned(kafka: KafkaSettings, station: str) -> tuple[Assignment, ...]:
    """What serves `station` now; () where there is no such topic. Raises Broken."""
    if MODELS not in reach(kafka).topics:
        return ()
    table = Assignments()
    with closing(TopicReader(kafka, MODELS)) as reader:
        for record in reader.read_to_end():
            with suppress(Invalid):
                table.apply(record)
    return assigned_to(table, station)
