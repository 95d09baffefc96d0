"""The line's own records of a station in a stretch of time: scores, dead letters, answers. No group, no commit."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from uuid import UUID

from andon.comparing.table import ScoreTable
from andon.dead_letters import HEADER
from andon.kafka.source import Place
from andon.letters import read_letter
from andon.settings import KafkaSettings
from andon.stage import Record
from andon.topics import VERDICTS
from andon_training.replay.answers import Answers, read_answers
from andon_training.replay.held import Stretch, all_places, own_places, records_in, stretches
from andon_training.replay.span import Span

DAY = timedelta(days=1)


@dataclass(frozen=True)
class Letters:
    """Dead letters of a station: why, by frame id, and in which partitions their frames lay."""

    reasons: dict[UUID, str]
    places: frozenset[Place]

    def counts(self) -> Counter[str]:
        """How many for each reason."""
        return Counter(reason.partition(":")[0] for reason in self.reasons.values())


def station_stretches(
    kafka: KafkaSettings, topic: str, station: str, span: Span, *, everywhere: bool = False
) -> list[Stretch]:
    """Where records of `station` lie in `topic` in that time; [] where there is no such topic."""
    places = all_places(kafka, topic.__eq__)
    return stretches(kafka, places if everywhere else own_places(places, station), span)


def read_scores(kafka: KafkaSettings, topic: str, station: str, span: Span, *, everywhere: bool = False) -> ScoreTable:
    """The scores of `station` written to `topic` in that time. Raises Broken when Kafka does not answer."""
    held = station_stretches(kafka, topic, station, span, everywhere=everywhere)
    return ScoreTable(station).read(records_in(kafka, held))


def read_people(kafka: KafkaSettings, station: str, since: datetime) -> Answers:
    """What people answered since then, wherever it lies."""
    places = all_places(kafka, VERDICTS.__eq__)
    held = stretches(kafka, places, Span(since, datetime.now(UTC) + DAY))
    return read_answers(station, records_in(kafka, held))


def letters_of(station: str, records: Iterable[Record], span: Span) -> Letters:
    """The dead letters among `records` that were frames of `station`'s camera, written in that time."""
    reasons: dict[UUID, str] = {}
    places: set[Place] = set()
    for record in records:
        if record.key != station.encode() or not _written_in(record, span) or record.header("ce_golden"):
            continue
        if (found := dead_frame(record)) is None:
            continue
        frame_id, place = found
        reasons[frame_id] = f"{said(record, 'reason')}: {said(record, 'detail')}"
        places.add(place)
    return Letters(reasons, frozenset(places))


def dead_frame(record: Record) -> tuple[UUID, Place] | None:
    """The id of the frame that a dead letter was, and the partition it came from; None where it tells of no frame."""
    topic, partition, offset = (said(record, name) for name in ("topic", "partition", "offset"))
    if not (partition.isdecimal() and offset.isdecimal()):
        return None
    frame_id = read_letter(record).frame_id
    return (frame_id, (topic, int(partition))) if frame_id is not None else None


def said(record: Record, name: str) -> str:
    """What a dead letter's header of that name says; '' where it has none."""
    return (record.header(HEADER + name) or b"").decode(errors="replace")


def _written_in(record: Record, span: Span) -> bool:
    stamp = said(record, "timestamp-ms")
    return stamp.isdecimal() and span.start.timestamp() * 1000 <= int(stamp) < span.stop.timestamp() * 1000
