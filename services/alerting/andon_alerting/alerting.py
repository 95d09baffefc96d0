"""Scores become incidents, and incidents become pages to be sent. The pure middle of the service.

What drifted at a station is told with what scores tell of it (`drifts.py`): as what changed there last, where nothing
else did since. A page of bad parts is held back for a moment where the picture itself looks otherwise (`looks.py`), so
that the camera's own fault can be told instead.

A handler does no I/O, so what Redis remembers of the stations in a batch lies on a `Board` before it is called
(`remember.Remembering` puts it there) and what it decides is left on the same board: the new states, and the pages
to send. Events for Kafka are its results, as everywhere. The order of a turn is then that of the stage: the events
are acknowledged by Kafka, the board is written to Redis, the offsets are committed.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum
from math import inf
from uuid import UUID

from andon.errors import Invalid
from andon.line import Plan, Plans
from andon.records import Cause, Change, FramePlace, IncidentEvent, IncidentKind, Score, read_score
from andon.stage import Message, Record, Rejected, Result
from andon.tracing.context import traceparent_in
from andon_alerting.looks import Looks
from andon_alerting.policy import Decision, Open, State, Step, Why, decide, ended_by_a_person, went_silent
from andon_alerting.story import opening, turned
from andon_alerting.traces import turn_message, with_trace

LASTING = frozenset(Cause) - {Cause.DEFECT_SURGE, Cause.SEVERE_DEFECT, Cause.UNSCORABLE}
"""What lasts until somebody says that it is over: told however late. The others show themselves again, or are over."""

OF_PARTS = frozenset({Cause.DEFECT_SURGE, Cause.SEVERE_DEFECT})
"""Parts look bad."""


FAULT_AFTER = 8  # bad pictures: as many the drift service wants to see before it names a fault of the camera
SLACK_S = 0.5  # until it has said so, and its incident is open


class Telling(StrEnum):
    """Whether people are told of a decision."""

    PAGE = "page"  # yes
    TOO_OLD_TO_PAGE = "too_old_to_page"  # recorded; a fresh frame that shows the same will page
    NEVER_TOLD = "never_told"  # over, and nobody was told that it began: recorded only
    NOTHING_NEW = "nothing_new"  # no: they know, or there is nothing to know


@dataclass(slots=True)
class Card:
    """One station on the board: as Redis holds it (`mark`, '' where it holds nothing) and as it is now.

    `owed` are open incidents nobody was told of, since the frames that opened them were too old. `ended` are the
    events by which people ended its incidents. `pages` are the events to be told, `holds` by incident how many seconds
    its page waits.
    """

    station: str
    partition: int
    state: State
    mark: str = ""
    owed: frozenset[UUID] = frozenset()
    ended: tuple[IncidentEvent, ...] = ()
    pages: list[IncidentEvent] = field(default_factory=list)
    holds: dict[UUID, float] = field(default_factory=dict)

    @property
    def changed(self) -> bool:
        """Whether there is anything to write."""
        return self.state.mark != self.mark if self.mark else self.state != State(self.station)


@dataclass(slots=True)
class Board:
    """What the stage knows between poll and commit. `decided` is for those who watch."""

    cards: dict[str, Card] = field(default_factory=dict)
    quiet: list[str] = field(default_factory=list)  # stations that fell silent, to be decided on in this turn
    decided: list[tuple[str, Decision, Telling]] = field(default_factory=list)


DriftedBefore = Callable[[str, str | None, datetime], Change | None]
"""What drifted at a station, of a product, before something began there; None: nothing that is known."""


def nothing_drifted(_station: str, _product: str | None, _began: datetime) -> Change | None:
    """Nothing is known of drift."""
    return None


class Alerting:
    """The handler: scores in, incident events out, the rest left on the board. `hold_s` is how long a page of bad parts
    waits at most where the picture looks otherwise."""

    __slots__ = ("_board", "_drifted", "_hold_s", "_looks", "_max_alert_age_s", "_plans")

    def __init__(
        self,
        board: Board,
        plans: Plans,
        max_alert_age_s: float,
        *,
        drifted: DriftedBefore = nothing_drifted,
        hold_s: float = 0.0,
    ) -> None:
        self._board = board
        self._plans = plans
        self._max_alert_age_s = max_alert_age_s
        self._drifted = drifted
        self._hold_s = hold_s
        self._looks = Looks()

    def __call__(self, records: Sequence[Record], now: datetime) -> list[Result]:
        """Ends what people ended, decides on each score in order, then on the stations that fell silent."""
        self._board.decided.clear()
        for card in self._board.cards.values():
            for event in card.ended:
                self._end(card, event)
        results: list[Result] = []
        for record in records:
            try:
                score = read_score(record)
            except Invalid as error:
                results.append(Rejected(record, error.reason, error.detail))
                continue
            results += self._judge(score, record, now)
        for station in self._board.quiet:
            card, plan = self._board.cards[station], self._plans.of(station)
            if card.changed:  # it spoke in this very batch, or somebody ended what was open
                continue
            results += self._turn(card, plan, went_silent(card.state, plan.policy), now)
        return results

    def _judge(self, score: Score, record: Record, now: datetime) -> list[Message]:
        card, plan = self._board.cards[score.station], self._plans.of(score.station)
        step = decide(card.state, score, plan.policy, FramePlace.of(record))
        state, decisions = with_trace(step, traceparent_in(record.headers))
        if any(each.incident and each.incident.cause in OF_PARTS for each in decisions):
            state, decisions = self._with_drift(state, decisions)
            self._hold(card, score, decisions, pace_s(card.state, score))
        self._looks.note(score)
        return self._turn(card, plan, (state, decisions), now)

    def _hold(self, card: Card, score: Score, decisions: Sequence[Decision], pace_s: float) -> None:
        """Pages that are told first of bad parts wait, where the camera may be at fault, for as many pictures as it
        takes to be sure of that."""
        held = [(each.kind, each.incident) for each in decisions if each.incident and each.incident.cause in OF_PARTS]
        first = [one for kind, one in held if kind is IncidentKind.OPENED or one.incident in card.owed]
        if first and self._hold_s and self._looks.may_be_the_camera(score):
            for each in first:
                sure_s = max(0, FAULT_AFTER - each.bad) * pace_s + SLACK_S
                card.holds[each.incident] = min(self._hold_s, sure_s)

    def _with_drift(self, state: State, decisions: Sequence[Decision]) -> Step:
        """Open incidents of bad parts, with what drifted before they began, where nothing else has changed since."""
        told = {each.incident: self._knowing(state.station, each) for each in state.open if each.cause in OF_PARTS}
        kept = tuple(told.get(each.incident, each) for each in state.open)
        known = (
            replace(each, incident=told.get(each.incident.incident, each.incident)) if each.incident else each
            for each in decisions
        )
        return replace(state, open=kept), tuple(known)

    def _knowing(self, station: str, held: Open) -> Open:
        change = self._drifted(station, held.product, held.opened_at)
        is_news = change is not None and (held.changed is None or change.at > held.changed.at)
        return replace(held, changed=change) if is_news else held

    def _end(self, card: Card, event: IncidentEvent) -> None:
        """Without an event of our own: theirs is it. Its page was queued when it was heard, and is once more here, in
        case the incident was not kept yet by then."""
        held = next((each for each in card.state.open if each.incident == event.incident_id), None)
        if held is None:
            return
        card.state = ended_by_a_person(card.state, held.cause, event.at)
        told = Telling.NEVER_TOLD if held.incident in card.owed else Telling.PAGE
        card.owed -= {held.incident}
        if told is Telling.PAGE:
            card.pages.append(event)
        decision = Decision(Why.BY_A_PERSON, IncidentKind.RESOLVED, held)
        self._board.decided.append((card.station, decision, told))

    def _turn(self, card: Card, plan: Plan, step: Step, now: datetime) -> list[Message]:
        card.state, decisions = step
        events: list[Message] = []
        for decision in decisions:
            event = turned(plan, decision)
            if event is not None:
                events.append(turn_message(event))
            self._tell(card, plan, decision, event, now)
        return events

    def _tell(self, card: Card, plan: Plan, decision: Decision, event: IncidentEvent | None, now: datetime) -> None:
        told = telling(decision, card.owed, now, self._max_alert_age_s)
        self._board.decided.append((card.station, decision, told))
        held = decision.incident
        if held is None or told is Telling.NOTHING_NEW:
            return
        if told is Telling.TOO_OLD_TO_PAGE:
            card.owed |= {held.incident}
            return
        card.owed -= {held.incident}
        if told is Telling.PAGE:
            over = event is not None and event.kind is IncidentKind.RESOLVED
            card.pages.append(event if event and over else opening(plan, held))


def pace_s(before: State, score: Score) -> float:
    """How many seconds lie between two pictures of the station; infinite where this is its first."""
    if before.last is None:
        return inf
    return max(0.0, (score.captured_at - before.last.captured_at).total_seconds())


def telling(decision: Decision, owed: frozenset[UUID], now: datetime, max_alert_age_s: float) -> Telling:
    """Whether people are told of `decision` now. Frames that come late page nobody; the incident is owed until a
    fresh frame shows the same. That it is worse by now calls nobody again: reminders say it."""
    held = decision.incident
    if held is None or decision.at is None:
        return Telling.NOTHING_NEW
    late = too_late(held.cause, decision.at, now, max_alert_age_s)
    is_owed = held.incident in owed
    if decision.kind is IncidentKind.RESOLVED:
        return Telling.NEVER_TOLD if is_owed else Telling.PAGE
    if decision.kind is IncidentKind.OPENED or is_owed:
        return Telling.TOO_OLD_TO_PAGE if late else Telling.PAGE
    return Telling.NOTHING_NEW


def too_late(cause: Cause, at: datetime, now: datetime, max_alert_age_s: float) -> bool:
    """Whether what happened `at` is too old to call anybody `now`. What lasts until it is over is never late."""
    return cause not in LASTING and (now - at).total_seconds() > max_alert_age_s
