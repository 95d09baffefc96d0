"""What alerting counts and logs, from outside: wrapped around the handler."""

from collections.abc import Iterable, Sequence
from datetime import datetime

import structlog

from andon.by_station import ByStation
from andon.metrics import Metrics
from andon.records import IncidentKind
from andon.stage import Handler, Record, Result
from andon_alerting.alerting import Board, Telling
from andon_alerting.policy import Decision, Why
from andon_alerting.standing import Standing

SCORED = "scores"
"""Whose incidents these are on show."""


def counted(handle: Handler, board: Board, metrics: Metrics, standing: Standing | None = None) -> Handler:
    """`handle`, with its decisions counted, the news among them logged, and what is open shown."""
    shown = standing or Standing(metrics)
    named = ByStation(str)  # somebody who invents stations opens incidents at each of them

    def counting(records: Sequence[Record], now: datetime) -> Iterable[Result]:
        results = list(handle(records, now))
        for station, decision, told in board.decided:
            _count(metrics, named(station), decision)
            if decision.kind is not None or told is not Telling.NOTHING_NEW:
                _log(station, decision, told)
        for card in board.cards.values():
            troubles = [(card.station, each.cause.value) for each in card.state.open]
            shown.put(SCORED, card.station, card.partition, troubles)
        return results

    return counting


def _count(metrics: Metrics, station: str, decision: Decision) -> None:
    if decision.why is Why.STALE:
        metrics.scores_stale.labels(station).inc()
    if decision.kind is IncidentKind.OPENED and decision.incident:
        metrics.incidents_opened.labels(station, decision.incident.cause.value).inc()


def _log(station: str, decision: Decision, told: Telling) -> None:
    held = decision.incident
    structlog.get_logger().info(
        f"incident_{decision.kind or 'open'}",
        station=station,
        why=decision.why.value,
        telling=told.value,
        cause=held.cause.value if held else None,
        incident=str(held.incident) if held else None,
        frame=str(decision.frame) if decision.frame else None,
    )
