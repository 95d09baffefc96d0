"""Evidence in memory: Kafka as places and records, a store, and the stage that stands between them."""

from base64 import b64encode
from collections.abc import Callable, Collection, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID, uuid4

from prometheus_client import CollectorRegistry

from andon.evidence import Dossier, KeptFrame, LostFrame
from andon.folder import Folder
from andon.ids import frame_id, sha256_hex
from andon.memory import MemoryDeadLetters, MemoryKafka, MemorySink, MemorySource
from andon.metrics import Metrics
from andon.records import (
    Cause,
    Evidence,
    Frame,
    FramePlace,
    IncidentEvent,
    IncidentKind,
    Score,
    Severity,
    Verdict,
    frame_headers,
    write_event,
)
from andon.stage import Message, Record, Stage
from andon.store import BlobStore
from andon.topics import FRAMES, INCIDENTS, SCORES, VERDICTS
from andon_alerting.evidence.board import Board
from andon_alerting.evidence.copying import Copying
from andon_alerting.evidence.elsewhere import Elsewhere
from andon_alerting.evidence.fetch import Found, Gone
from andon_alerting.evidence.janitor import Janitor
from andon_alerting.evidence.keep import Keeper
from andon_alerting.evidence.review import Reviewing
from andon_alerting.evidence.reviewed_count import ReviewedCount
from andon_alerting.evidence.settings import KeepingSettings
from andon_alerting.evidence.shelf import Patience, Shelf
from andon_alerting.evidence.tidy import Bounds
from andon_alerting.evidence.turn import Keeping, Telling

NOW = datetime(2026, 3, 2, 14, 0, tzinfo=UTC)
HEAT = b"\x89PNG\r\n\x1a\n heat"
STATION = "weld-07"
INCIDENT = UUID(int=5)


class Log:
    """Kafka as places and records; counts what it is asked for."""

    def __init__(self) -> None:
        self.records: dict[FramePlace, Record] = {}
        self.asked: list[FramePlace] = []
        self.held_since = NOW - timedelta(hours=24)

    def __call__(self, places: Collection[FramePlace]) -> Iterator[tuple[FramePlace, Found]]:
        self.asked += places
        yield from ((place, self.records.get(place, Gone(self.held_since))) for place in places)

    def put(self, topic: str, offset: int, value: bytes, headers: tuple[tuple[str, bytes], ...] = ()) -> FramePlace:
        place = FramePlace(topic=topic, partition=0, offset=offset)
        self.records[place] = Record(topic, 0, offset, STATION.encode(), value, headers, 1_772_000_000_000)
        return place

    def capture(self, seq: int, image: bytes | None = None, dataref: str | None = None, sha256: str = "") -> Evidence:
        """A frame with its score."""
        image, own = image or picture(seq), frame_id(STATION, 1, seq)
        frame = Frame(STATION, 1, seq, own, NOW, sha256=sha256 or sha256_hex(image), dataref=dataref)
        place = self.put(FRAMES, seq, b"" if dataref else image, frame_headers(frame))
        score = Score(
            frame_id=own, station=STATION, epoch=1, seq=seq, captured_at=NOW, scored_at=NOW, width=8, height=8,
            verdict=Verdict.ANOMALOUS, frame=place, heat_map=b64encode(HEAT).decode(),
        )  # fmt: skip
        scored = self.put(SCORES, seq, write_event(score))
        return Evidence(frame_id=own, frame=place, scored=scored, captured_at=NOW, dataref=dataref)


def picture(seq: int) -> bytes:
    return b"\xff\xd8\xff picture " + bytes([seq % 256]) * 40


def turn(kind: IncidentKind, *shown: Evidence, incident: UUID = INCIDENT, s: int = 0, **other: object) -> IncidentEvent:
    fields: dict[str, object] = {
        "event_id": uuid4(),
        "incident_id": incident,
        "kind": kind,
        "station": STATION,
        "cause": Cause.DEFECT_SURGE,
        "severity": Severity.CRITICAL,
        "reason": "test",
        "at": NOW + timedelta(seconds=s),
        "opened_at": NOW,
        "evidence": shown,
    }
    return IncidentEvent.model_validate(fields | other)


OPENED, UPDATED, RESOLVED = IncidentKind.OPENED, IncidentKind.UPDATED, IncidentKind.RESOLVED


class Room:
    """A keeper with a store of its own."""

    def __init__(self, url: str, folder: Path, pool: ThreadPoolExecutor) -> None:
        self.log, self.shelf, self.blobs = Log(), Shelf(url), BlobStore(str(folder / "frames"))
        self.pool = pool
        copying, self.store = Copying(self.log, pool), Folder(url)
        self.keeper = Keeper(self.shelf, copying, self.blobs, KeepingSettings(), pool)
        self.reviewing = Reviewing(self.store, copying, self.blobs, Elsewhere(self.shelf, pool), pool)

    def keep(self, *events: IncidentEvent) -> list[KeptFrame | LostFrame]:
        return self.keeper.keep(events, NOW)

    def dossier(self, incident: UUID = INCIDENT) -> Dossier:
        found = self.shelf.dossier(str(incident))
        assert found is not None
        return found

    def files(self, incident: UUID = INCIDENT) -> dict[str, int]:
        return {each.name: each.size for each in self.shelf.listed(str(incident))}


class Clock:
    def __init__(self) -> None:
        self.s = 0.0

    def __call__(self) -> float:
        return self.s


class Line:
    """The stage in memory, as `main` puts it together."""

    def __init__(self, room: Room, limit_s: float = 600.0) -> None:
        self.kafka, self.board, self.clock = MemoryKafka(partitions=2), Board(), Clock()
        self.metrics = Metrics(CollectorRegistry())
        source = Keeping(
            MemorySource(self.kafka, [INCIDENTS, VERDICTS], "g"),  # type: ignore[arg-type]  # a group's place is not asked for
            room.keeper,
            room.reviewing,
            self.board,
            Patience(limit_s, self.clock),
            self.metrics,
            lambda: NOW,
        )
        sink, letters = MemorySink(self.kafka), MemoryDeadLetters(self.kafka)
        self.stage = Stage("evidence", source, Telling(self.board), sink, letters)

    def tell(self, value: bytes, key: str = STATION, topic: str = INCIDENTS) -> Record:
        return self.kafka.append(Message(topic, key.encode(), value))

    def step(self, s: float = 0) -> None:
        self.clock.s += s
        self.stage.step(lambda: NOW)

    def committed(self, record: Record) -> bool:
        return self.kafka.committed("g", record.topic, record.partition) > record.offset


def janitor(room: Room, labelled: set[UUID], clock: Callable[[], datetime], **bounds: object) -> Janitor:
    given = {"max_age": timedelta(days=90), "max_bytes": 10**9, "drill_age": timedelta(days=1)} | bounds
    metrics = Metrics(CollectorRegistry())
    return Janitor(
        room.shelf,
        Bounds(**given),  # type: ignore[arg-type]
        lambda: labelled,
        room.pool,
        metrics,
        clock,
        300,
        ReviewedCount(room.store, metrics),
    )


def story(room: Room, number: int, over: bool = True) -> UUID:
    incident = UUID(int=number)
    room.keep(turn(OPENED, room.log.capture(number), incident=incident, s=number))
    if over:
        room.keep(turn(RESOLVED, incident=incident, s=number + 1))
    return incident
