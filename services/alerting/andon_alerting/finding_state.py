"""What is remembered of findings: how Redis keeps it, and how it comes back from Kafka where Redis has lost it.

Which findings last is read from `drift`, which incidents are open from `incidents`: the two are not made again from
one another, so what was told holds even if the line file says something else by now.
"""

from collections.abc import Iterable, Iterator
from contextlib import closing, suppress
from dataclasses import dataclass, replace
from datetime import datetime
from functools import cache
from typing import Protocol
from uuid import UUID

from pydantic import TypeAdapter

from andon.errors import Invalid
from andon.incidents import ended_by_a_person, read_turn
from andon.kafka.offsets import committed_offsets, offsets_since
from andon.kafka.reach import reach
from andon.kafka.table import TopicReader
from andon.records import IncidentEvent, IncidentKind
from andon.settings import KafkaSettings
from andon.stage import Idle, Record
from andon.topics import DRIFT, INCIDENTS
from andon_alerting.ended import by_then
from andon_alerting.findings import read_finding
from andon_alerting.rebuild import breathing
from andon_alerting.watch import FOUND, PARTNER, Watch, note, repeated, settled


class FindingHistory(Protocol):
    """What Kafka holds. `KafkaFindings` is the real one."""

    def findings(self) -> Iterable[Record]:
        """What was read of `drift` and is done with."""

    def incidents(self, since: datetime) -> Iterable[Record]:
        """The incident events since then."""


class KafkaFindings:
    """The history in the topics. `idle` is called while it is read."""

    def __init__(self, kafka: KafkaSettings, group: str, idle: Idle) -> None:
        self._kafka = kafka
        self._group = group
        self._idle = idle

    def findings(self) -> Iterator[Record]:
        """Up to the commit; what lies beyond comes again by itself. Raises Broken when Kafka does not answer."""
        done = committed_offsets(self._kafka, self._group, [(DRIFT, 0)])
        if done:
            yield from _read(TopicReader(self._kafka, DRIFT, starts={0: 0}, stops={0: done[DRIFT, 0]}), self._idle)

    def incidents(self, since: datetime) -> Iterator[Record]:
        """Of every partition, up to the end. Raises Broken when Kafka does not answer."""
        return incidents_since(self._kafka, since, self._idle)


def incidents_since(kafka: KafkaSettings, since: datetime, idle: Idle) -> Iterator[Record]:
    """Every record of `incidents` since then; calls `idle` while it reads. Raises Broken when Kafka does not answer."""
    places = [(INCIDENTS, part) for part in reach(kafka).topics[INCIDENTS].partitions]
    starts = {part: offset for (_, part), offset in offsets_since(kafka, places, since).items()}
    yield from _read(TopicReader(kafka, INCIDENTS, starts=starts), idle)


def _read(reader: TopicReader, idle: Idle) -> Iterator[Record]:
    with closing(reader):
        yield from breathing(reader.read_to_end(), idle)


def rebuilt(history: FindingHistory, since: datetime, now: datetime) -> dict[str, Watch]:
    """What is remembered of each cause, read back `now`. Incidents that began before `since` are not looked for."""
    watches: dict[str, Watch] = {}
    for record in history.findings():
        with suppress(Invalid):  # it was a dead letter then, and is nothing now
            finding = read_finding(record)
            watch = watches.get(finding.cause, Watch())
            other = watches.get(PARTNER.get(finding.cause, ""), Watch())
            watches[finding.cause] = watch if repeated(watch, finding) else note(watch, finding, other)
    standing = read_standing(history.incidents(since), now)
    for event in standing.open:
        if event.cause in FOUND:
            watch = watches.get(event.cause, Watch())
            watches[event.cause] = replace(watch, open=(*watch.open, event))
    for over in [each for each in standing.ended if each.cause in watches]:
        watches[over.cause] = settled(watches[over.cause], over, over.at)
    return watches


@dataclass(frozen=True, slots=True)
class Standing:
    """How incidents stand: those `open`, each as the event that opened it would tell it now; and the events by which
    people ended others."""

    open: tuple[IncidentEvent, ...]
    ended: tuple[IncidentEvent, ...]


def read_standing(records: Iterable[Record], now: datetime) -> Standing:
    """How the incidents stand that the events tell of. The first word that one is over counts, and not for what is to
    come after `now`."""
    found: dict[UUID, IncidentEvent] = {}
    over: dict[UUID, IncidentEvent] = {}
    for record in records:
        with suppress(Invalid):
            event = read_turn(record.value)
            if event.kind is IncidentKind.RESOLVED:
                found.pop(event.incident_id, None)
                over.setdefault(event.incident_id, event)
            elif event.kind is IncidentKind.OPENED and event.incident_id not in over:
                found.setdefault(event.incident_id, event)
            elif event.kind is IncidentKind.UPDATED and (opened := found.get(event.incident_id)):
                found[event.incident_id] = event.model_copy(update=_first(opened))
    ended = tuple(by_then(each, now) for each in over.values() if ended_by_a_person(each))
    return Standing(tuple(found.values()), ended)


def _first(opened: IncidentEvent) -> dict[str, object]:
    """What an update leaves as it was."""
    return {name: getattr(opened, name) for name in ("event_id", "kind", "reason", "at")}


@cache
def _adapter() -> TypeAdapter[Watch]:
    return TypeAdapter(Watch)


def write_watch(watch: Watch) -> str:
    """The JSON that Redis keeps."""
    return _adapter().dump_json(watch, exclude_none=True).decode()


def read_watch(text: str) -> Watch:
    """The watch in `text`."""
    return _adapter().validate_json(text)
