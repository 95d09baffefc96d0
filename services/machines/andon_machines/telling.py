"""Records become what machines are told. The pure middle of the service; the sinks decide what is late."""

from collections.abc import Callable, Iterable, Sequence
from datetime import datetime

from andon.errors import Invalid
from andon.ids import drill_of
from andon.line import Plans
from andon.records import IncidentEvent, Score, read_event, read_score
from andon.stage import Message, Record, Rejected, Result
from andon_machines.incident import concerns_machines, station_incident
from andon_machines.result import Rule, part_result, write_result

VERDICT = "verdict"
INCIDENT = "incident"
"""What a message is: its `topic`, for the sink and for metrics."""


def everywhere(_station: str) -> bool:
    """Every station's verdicts are told."""
    return True


class Verdicts:
    """Scores -> part results. Golden frames and drills concern no machine; nor do stations that `told` leaves out."""

    __slots__ = ("_plans", "_rule", "_told")

    def __init__(self, plans: Plans, rule: Rule, told: Callable[[str], bool] = everywhere) -> None:
        self._plans = plans
        self._rule: Rule = rule
        self._told = told

    def __call__(self, records: Sequence[Record], _now: datetime) -> Iterable[Result]:
        """In order, so that each station's stay in order."""
        return [result for record in records for result in self._of(record)]

    def _of(self, record: Record) -> list[Result]:
        try:
            score = read_score(record)
        except Invalid as error:
            return [Rejected(record, error.reason, error.detail)]
        if not self._concerns(score):
            return []
        told = part_result(score, self._plans.of(score.station), self._rule)
        return [Message(VERDICT, score.station.encode(), write_result(told))]

    def _concerns(self, score: Score) -> bool:
        return score.golden is None and drill_of(score.station) is None and self._told(score.station)


def incidents(records: Sequence[Record], _now: datetime) -> Iterable[Result]:
    """Incident events -> what MES are told of them."""
    return [result for record in records for result in _incident(record)]


def _incident(record: Record) -> list[Result]:
    try:
        event = read_event(IncidentEvent, record.value)
    except Invalid as error:
        return [Rejected(record, error.reason, error.detail)]
    if not concerns_machines(event):
        return []
    told = station_incident(event)
    return [Message(INCIDENT, told.station.encode(), write_result(told))]
