"""Scores become incidents, and incidents become pages to be sent. The pure middle of the service.

A handler does no I/O, so what Redis remembers of the stations in a batch lies on a `Board` before it is called
(`remember.Remembering` puts it there) and what it decides is left on the same board: the new states, and the pages
to send. Events for Kafka are its results, as everywhere. The order of a turn is then that of the stage: the events
are acknowledged by Kafka, the board is written to Redis, the offsets are committed.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from uuid import UUID

from andon.errors import Invalid
from andon.line import Plan, Plans
from andon.records import Cause, FramePlace, IncidentEvent, IncidentKind, read_score, write_event
from andon.stage import Message, Record, Rejected, Result
from andon.topics import INCIDENTS
from andon_alerting.policy import Decision, State, Step, Why, decide, ended_by_a_person, went_silent
from andon_alerting.story import opening, turned

LASTING = frozenset(Cause) - {Cause.DEFECT_SURGE, Cause.SEVERE_DEFECT, Cause.UNSCORABLE}
"""What lasts until somebody says that it is over: told however late. The others show themselves again, or are over."""


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
    events by which people ended its incidents. `pages` are the events to be told.
    """

    station: str
    partition: int
    state: State
    mark: str = ""
    owed: frozenset[UUID] = frozenset()
    ended: tuple[IncidentEvent, ...] = ()
    pages: list[IncidentEvent] = field(default_factory=list)

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


class Alerting:
    """The handler: scores in, incident events out, the rest left on the board."""

    __slots__ = ("_board", "_max_alert_age_s", "_plans")

    def __init__(self, board: Board, plans: Plans, max_alert_age_s: float) -> None:
        self._board = board
        self._plans = plans
        self._max_alert_age_s = max_alert_age_s

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
            card, plan = self._board.cards[score.station], self._plans.of(score.station)
            results += self._turn(card, plan, decide(card.state, score, plan.policy, FramePlace.of(record)), now)
        for station in self._board.quiet:
            card, plan = self._board.cards[station], self._plans.of(station)
            if card.changed:  # it spoke in this very batch, or somebody ended what was open
                continue
            results += self._turn(card, plan, went_silent(card.state, plan.policy), now)
        return results

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
                events.append(Message(INCIDENTS, card.station.encode(), write_event(event)))
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
