"""A desk for the commands of people on call: topics in memory, and incidents written by hand."""

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from typer.testing import CliRunner, Result

from andon.cli import build
from andon.errors import Broken
from andon.ids import derived_id, frame_id
from andon.memory import MemoryKafka
from andon.records import Cause, Evidence, FramePlace, IncidentEvent, IncidentKind, Severity, write_event
from andon.stage import Message, Record
from andon.topics import INCIDENTS, SILENCES
from andon_alerting.commands.desk import Reading


@dataclass
class MemoryDesk:
    """`run` runs a command; `coming` is what `--follow` is given after the beginning, before Ctrl-C."""

    kafka: MemoryKafka = field(default_factory=lambda: MemoryKafka(partitions=1))
    down: bool = False
    coming: list[IncidentEvent] = field(default_factory=list)

    def open(self, *_: Any) -> "MemoryDesk":
        if self.down:
            raise Broken("cannot reach Kafka: nobody is there")
        return self

    def table(self, topic: str) -> Iterator[Record]:
        yield from self.kafka.records(topic)

    def log(self, topic: str, since: datetime) -> Reading:
        found = [each for each in self.kafka.records(topic) if each.timestamp_ms >= since.timestamp() * 1000]
        return Reading(iter(found), len(found))

    def following(self, topic: str, since: datetime) -> AbstractContextManager[Iterator[Record | None]]:
        return nullcontext(self._follow(topic, since))

    def write(self, messages: Sequence[Message]) -> None:
        self.kafka.time_ms = int(datetime.now(UTC).timestamp() * 1000)
        for each in messages:
            self.kafka.append(each)

    def run(self, *words: str, given: str | None = None, columns: int = 300) -> Result:
        return CliRunner(env={"COLUMNS": str(columns)}).invoke(build(words[0]), list(words), input=given)

    def say(self, *events: IncidentEvent) -> None:
        for each in events:
            self.kafka.time_ms = int(each.at.timestamp() * 1000)
            self.kafka.append(Message(INCIDENTS, each.station.encode(), write_event(each)))

    def silences(self) -> list[Record]:
        return self.kafka.records(SILENCES)

    def _follow(self, topic: str, since: datetime) -> Iterator[Record | None]:
        yield from self.log(topic, since).records
        yield None
        for each in self.coming:
            self.say(each)
            yield self.kafka.records(topic)[-1]
        raise KeyboardInterrupt


def ago(**time: float) -> datetime:
    """Some time ago, to the second."""
    return (datetime.now(UTC) - timedelta(**time)).replace(microsecond=0)


def opened(station: str = "weld-07", at: datetime | None = None, **other: Any) -> IncidentEvent:
    """An incident that begins."""
    at = at or ago(minutes=12)
    incident = derived_id(frame_id(station, 1, int(at.timestamp())), str(other.get("cause", Cause.DEFECT_SURGE)))
    fields: dict[str, Any] = {
        "event_id": derived_id(incident, "opened"),
        "incident_id": incident,
        "kind": IncidentKind.OPENED,
        "station": station,
        "cause": Cause.DEFECT_SURGE,
        "severity": Severity.CRITICAL,
        "reason": "surge",
        "at": at,
        "opened_at": at,
        "count": 3,
        "line": "body",
        "bundle": "b" * 64,
        "summary": f"{station}: 3 of the last 5 frames look defective.",
        "first_action": "Look at the last parts of this station.",
        "evidence": (evidence(station, at),),
    }
    return IncidentEvent.model_validate(fields | other)


def evidence(station: str, at: datetime, seq: int = 7, **other: Any) -> Evidence:
    """One frame."""
    fields: dict[str, Any] = {
        "frame_id": frame_id(station, 1, seq),
        "frame": FramePlace(topic="camera.frames", partition=2, offset=1000 + seq),
        "captured_at": at,
        "score": 0.2,
        "threshold": 0.1,
    }
    return Evidence.model_validate(fields | other)


def turn(event: IncidentEvent, kind: IncidentKind, at: datetime, **other: Any) -> IncidentEvent:
    """Another turn of the same incident."""
    name = "/".join([kind, *(str(each) for each in other.values())])
    return event.model_copy(update={"event_id": derived_id(event.incident_id, name), "kind": kind, "at": at} | other)


def paged(event: IncidentEvent, sink: str, reason: str = "accepted") -> IncidentEvent:
    """That a sink was told."""
    said = {"sink": sink, "about": event.kind, "reason": reason, "summary": "", "evidence": ()}
    return turn(event, IncidentKind.PAGED, event.at + timedelta(seconds=1), **said)


def over(event: IncidentEvent, at: datetime, **other: Any) -> IncidentEvent:
    """That it is over."""
    said = {"summary": f"{event.station} looks good again.", "first_action": ""}
    return turn(event, IncidentKind.RESOLVED, at, **(said | other))


def acknowledged(event: IncidentEvent, by: str, at: datetime, note: str | None = None) -> IncidentEvent:
    """That somebody has taken it on."""
    said = {"by": by, "note": note, "summary": f"{by} has taken it on.", "evidence": ()}
    return turn(event, IncidentKind.ACKNOWLEDGED, at, **said)


def short(event: IncidentEvent) -> str:
    """As people type it."""
    return event.incident_id.hex[:8]


def other_id(text: str) -> UUID:
    """An id of that beginning."""
    return UUID(text.ljust(32, "0"))
