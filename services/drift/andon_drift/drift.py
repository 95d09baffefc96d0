"""Scores and readings become findings. The pure middle of the service.

A handler does no I/O, so what is remembered of the stations in a batch lies on a `Board` before it is called
(`remember.Remembering` puts it there), and their new states are left there. Findings are its results. The order of a
turn is then that of the stage: Kafka has the findings, then, now and then, Redis the states, then the offsets are
committed.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from andon.baselines import Known
from andon.charts import BASE, cell
from andon.errors import Invalid
from andon.records import Reading, Score, Verdict, read_reading, read_score, write_event
from andon.records.baseline import SIGNALS as OF_SENSORS
from andon.stage import Held, Message, Record, Rejected, Result
from andon.topics import BASELINES, DRIFT, NOTICES, REQUESTS, SIGNALS
from andon_drift.detect import Decision, Missing, Step, decide
from andon_drift.limits import Limits
from andon_drift.look import Look, Shifts, find_shifts
from andon_drift.numbers import NAMES, Scale, numbers
from andon_drift.sensors import Sensors, Why
from andon_drift.settings import FaultSettings
from andon_drift.state import Seen, State, evidence_of
from andon_drift.watch.baselines import Baselines
from andon_drift.watch.collecting import Collected
from andon_drift.watch.learning import Outcome, notice_of
from andon_drift.watch.place import PlaceId, Watched
from andon_drift.watch.rows import Row
from andon_drift.watch.rules import Rules, Told
from andon_drift.watch.sensing import SensorTeller
from andon_drift.watch.telling import FrameTeller
from andon_drift.watch.watcher import Watcher

LimitsOf = Callable[[str], Limits | Missing]
"""The limits of a bundle, by digest, or why there are none yet. Never waits."""


@dataclass(slots=True)
class Card:
    """One station on the board: what is remembered of it. `seen` is the last picture that was judged; `dirty` says that
    there is something to save, `touched` which of its places changed, `saved` those that lie in Redis; `shown_at` is
    when its state was last shown there."""

    station: str
    partition: int
    state: State
    watched: Watched = field(default_factory=Watched)
    seen: tuple[Look, Limits] | None = None
    dirty: bool = False
    touched: set[PlaceId] = field(default_factory=set)
    saved: set[PlaceId] = field(default_factory=set)
    shown_at: float = -1e9


@dataclass(slots=True)
class Board:
    """What the stage knows. `decided`, `told` and `readings` (by station, what became of them) are for those who watch;
    `outcomes` is what was learned meanwhile."""

    cards: dict[str, Card] = field(default_factory=dict)
    decided: list[tuple[str, Decision]] = field(default_factory=list)
    readings: Counter[tuple[str, Why]] = field(default_factory=Counter)
    told: list[Told] = field(default_factory=list)
    outcomes: list[Outcome] = field(default_factory=list)

    def drop(self, partitions: Iterable[tuple[str, int]]) -> None:
        """Forgets the stations of `partitions`, whatever the topic: a station has the same one in all of them. Whoever
        gets them reads again what is known."""
        gone = {partition for _, partition in partitions}
        for station in [station for station, card in self.cards.items() if card.partition in gone]:
            del self.cards[station]


class Drifting:
    """The handler: scores and readings in, findings out, the new states left on the board."""

    def __init__(
        self,
        board: Board,
        limits_of: LimitsOf,
        faults: FaultSettings,
        baselines: Baselines | None = None,
        rules: Rules | None = None,
    ) -> None:
        """Without `baselines` only faults are found: nothing is learned or watched."""
        self._board = board
        self._limits_of = limits_of
        self._faults = faults
        self._baselines = baselines
        self._rules = rules or Rules()
        word_of = baselines.word if baselines else _no_word
        self._frames = Watcher(self._rules, word_of, FrameTeller(self._rules))
        self._sensors = Watcher(self._rules, word_of, SensorTeller())

    def __call__(self, records: Sequence[Record], _now: datetime) -> list[Result]:
        """Decides on each score and reading in order. A score whose reference is being read comes again in a moment."""
        self._board.decided.clear()
        self._board.readings.clear()
        self._board.told.clear()
        results: list[Result] = self._learned()
        resting: set[tuple[str, int]] = set()
        for record, read in self._read(records, results):
            partition = record.topic, record.partition
            if partition in resting or (isinstance(read, _Scored) and read.limits is Missing.LOADING):
                resting.add(partition)
                results.append(Held(record))
                continue
            results += self._sense(record, read) if isinstance(read, _Sensed) else self._turn(read)
        return results

    def _read(self, records: Sequence[Record], results: list[Result]) -> "list[tuple[Record, _Scored | _Sensed]]":
        """What the records hold; shifts of all pictures are found at once, which is cheaper."""
        found: list[tuple[Record, _Scored | _Sensed]] = []
        for record in records:
            try:
                if record.topic == SIGNALS:
                    found.append((record, _Sensed(read_reading(record))))
                else:
                    score = read_score(record)
                    found.append((record, _Scored(score, record, self._limits(score))))
            except Invalid as error:
                results.append(Rejected(record, error.reason, error.detail))
        scored = [each for _, each in found if isinstance(each, _Scored)]
        judged = [(each, each.limits) for each in scored if isinstance(each.limits, Limits)]
        shifts = find_shifts([(each.score, limits) for each, limits in judged])
        for (each, _), found_in_it in zip(judged, shifts, strict=True):
            each.shifts = found_in_it
        return found

    def _turn(self, scored: "_Scored") -> list[Message]:
        """One score: faults first, then, where nothing is wrong with the picture, its numbers."""
        card = self._board.cards[scored.score.station]
        seen = Seen(scored.score, scored.place, scored.shifts)
        before = card.state
        step = decide(card.state, seen, scored.limits, self._faults)
        card.state = step.state
        if step.state is before:
            return []
        card.dirty = True
        if step.look is not None and isinstance(scored.limits, Limits):
            card.seen = step.look, scored.limits
        self._board.decided += [(card.station, each) for each in step.decisions if each.finding is not None]
        found = [each.finding for each in step.decisions if each.finding is not None]
        messages = [Message(DRIFT, card.station.encode(), write_event(finding)) for finding in found]
        return messages + self._watch(card, seen, step) if self._baselines else messages

    def _watch(self, card: Card, seen: Seen, step: Step) -> list[Message]:
        """The numbers of a picture that was judged, at its place."""
        score, watched = seen.score, card.watched
        if step.state.resting:
            if not watched.resting:
                self._frames.rest(watched)
                card.touched |= watched.places.keys()
            watched.resting = self._rules.rest + 1
            return []
        if step.look is None or score.bundle is None:
            return self._nowhere(card, seen)
        if watched.resting:
            watched.resting -= 1
            return []
        place = self._frames.place(watched, score.product, score.bundle, NAMES)
        card.touched.add(place.id)
        scale = Scale(score.width, score.height, score.threshold)
        right, down = (seen.shifts or Shifts()).pixels
        row = Row(
            score.captured_at,
            numbers(score, step.look.health, right, down),
            score.verdict is Verdict.ANOMALOUS,
            score.embedding,
            _cell(score),
        )
        whole = self._frames.completes(place)
        picture = evidence_of(seen) if whole else None
        return self._say(self._frames.take(card.station, watched, place, row, picture, scale))

    def _nowhere(self, card: Card, seen: Seen) -> list[Message]:
        """A picture that no bundle judges: the station's places are left for as long."""
        if seen.score.bundle is not None or seen.score.golden is not None:
            return []
        card.watched.elsewhere += 1
        if card.watched.elsewhere % BASE:
            return []
        return self._say(self._frames.elsewhere(card.station, card.watched, None, seen.score.captured_at))

    def _sense(self, record: Record, sensed: "_Sensed") -> list[Message]:
        """One reading: a row of the station's sensors, now and then."""
        if self._baselines is None:
            return []
        card = self._board.cards[sensed.reading.station]
        watched = card.watched
        watched.sensors = sensors = watched.sensors or Sensors()
        taken = sensors.take(sensed.reading, record.timestamp_ms)
        self._board.readings[card.station, taken.why] += 1
        card.dirty = True
        if taken.row is None:
            return []
        place = watched.places.get((None, OF_SENSORS))
        names = place.names if place is not None and place.watching else sensors.names
        place = self._sensors.place(watched, None, OF_SENSORS, names)
        card.touched.add(place.id)
        row = Row(taken.row.at, tuple(taken.row.vector(place.names).tolist()))
        return self._say(self._sensors.take(card.station, watched, place, row, None, Scale()))

    def _learned(self) -> list[Result]:
        """References that are known now, for `baselines`; and those that count, said again where another was said."""
        if self._baselines is None:
            return []
        again = self._baselines.again(self._board.cards)
        results: list[Result] = [Message(BASELINES, each.key.encode(), write_event(each)) for each in again]
        outcomes, self._board.outcomes = self._board.outcomes, []
        for outcome in outcomes:
            results += self._take(outcome)
        return results

    def _take(self, outcome: Outcome) -> list[Message]:
        job, card = outcome.job, self._board.cards.get(outcome.job.station)
        place = card.watched.places.get(job.place) if card else None
        if card is None or place is None or place.watching or place.relearned != job.relearned:
            return []
        card.dirty = True
        card.touched.add(place.id)
        if outcome.lost:
            place.collected = Collected.empty(self._rules.enough)
            place.collected.why = outcome.why
            return []
        collected = place.collected
        collected.ready_at = collected.ready_at or job.collected.frames
        baseline = outcome.baseline
        if baseline is None:
            collected.why, collected.next_at, collected.room = outcome.why, outcome.next_at, outcome.room
            return []
        collected.next_at = 2 * collected.frames  # by then the topic has it
        return [
            Message(BASELINES, baseline.key.encode(), write_event(baseline)),
            Message(NOTICES, baseline.station.encode(), write_event(notice_of(outcome, baseline))),
        ]

    def _say(self, told: Sequence[Told]) -> list[Message]:
        self._board.told += told
        messages: list[Message] = []
        for each in told:
            key = each.finding.station.encode()
            messages.append(Message(DRIFT, key, write_event(each.finding)))
            if each.request is not None:
                messages.append(Message(REQUESTS, key, write_event(each.request)))
        return messages

    def _limits(self, score: Score) -> Limits | Missing:
        if score.golden is not None or score.bundle is None:
            return Missing.NO_BUNDLE
        return self._limits_of(score.bundle)


@dataclass(slots=True)
class _Scored:
    score: Score
    place: Record
    limits: Limits | Missing
    shifts: Shifts | None = None


@dataclass(frozen=True, slots=True)
class _Sensed:
    reading: Reading


def _cell(score: Score) -> int:
    """Where its map is highest, in the grid of places; -1: unknown."""
    if score.peak is None or not score.width or not score.height:
        return -1
    return cell(score.peak[0] / score.width, score.peak[1] / score.height)


def _no_word(_station: str, _product: str | None, _bundle: str) -> Known:
    return Known()
