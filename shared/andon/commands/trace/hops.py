"""What was found of a frame as its way, hop by hop. Pure."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise

from andon.commands.trace.search import Found, Letter
from andon.incidents import Incident, spoken
from andon.records import FramePlace, IncidentKind
from andon.stage import Record
from andon.topics import DEAD_LETTERS, INCIDENTS, PREPARED, SCORES


@dataclass(frozen=True, slots=True)
class Hop:
    """Somewhere the frame came `at` some time, by the clock of whoever wrote that down. `spent` is what the time before
    went into. `place` is where it lies in Kafka. `after`: its inspection was over."""

    name: str
    at: datetime
    spent: str = ""
    place: str = ""
    after: bool = False


@dataclass(frozen=True, slots=True)
class Step:
    """A hop with the time since the hop before; `ahead` of it where the two clocks contradict each other."""

    hop: Hop
    took: timedelta
    ahead: bool = False


def hops(found: Found) -> list[Hop]:
    """The hops that are known, in the order a frame takes them."""
    again = [each for each in found.letters if _sent_again(each, found)]
    dead = [each for each in found.letters if each not in again]
    way = [*captured(found), *_of_letters(again), *inspected(found), *_of_letters(dead), *_of_pages(found)]
    return [replace(each, at=_as_kafka(each.at)) for each in way]


def steps(way: list[Hop]) -> list[Step]:
    """With the time between them. A hop that seems to be before the one before it took no time that we could name."""
    first = [Step(way[0], timedelta())] if way else []
    return first + [_step(before, each) for before, each in pairwise(way)]


def skews(way: list[Hop]) -> list[str]:
    """Where clocks contradict each other, in sentences."""
    return [
        f"{each.name!r} seems to be {ms(before.at - each.at)} before {before.name!r}, so the clocks that wrote the two "
        "differ by at least that"
        for before, each in pairwise(way)
        if each.at < before.at
    ]


def ms(length: timedelta) -> str:
    """A length of time as a trace shows it: 12 ms, 12.4 s; people's words from two minutes on."""
    seconds = length.total_seconds()
    if seconds >= 120:
        return spoken(length)
    if seconds >= 10:
        return f"{seconds:.1f} s"
    return f"{seconds * 1000:.0f} ms"


def written(record: Record) -> datetime:
    """When it came into its topic, in UTC."""
    return datetime.fromtimestamp(record.timestamp_ms / 1000, UTC)


def place_of(where: Record | FramePlace) -> str:
    """As pages name it."""
    return f"{where.topic}/{where.partition}/{where.offset}"


def _as_kafka(at: datetime) -> datetime:
    """In whole milliseconds, as Kafka writes time: else what is done within one would seem to be done before itself."""
    return at.replace(microsecond=at.microsecond // 1000 * 1000)


def _step(before: Hop, hop: Hop) -> Step:
    return Step(hop, max(hop.at - before.at, timedelta()), hop.at < before.at)


def captured(found: Found) -> Iterator[Hop]:
    """When its maker, or ingest, says it was."""
    known = found.frame or found.score
    if known is not None:
        yield Hop("captured", known.captured_at)


def inspected(found: Found) -> Iterator[Hop]:
    """From the topic of frames to that of scores."""
    if found.frame_record is not None:
        foreign = found.frame is not None and found.frame.foreign
        again = found.frame is not None and found.frame.replayed is not None
        spent = "until it was sent again" if again else ("" if foreign else "ingest: read, numbered, written")
        yield Hop(f"in {found.frame_record.topic}", written(found.frame_record), spent, place_of(found.frame_record))
    if found.prepared is not None:
        spent = "waiting, then decoded, prepared and written"
        yield Hop(f"in {PREPARED}", written(found.prepared), spent, place_of(found.prepared))
    if found.score is not None:
        yield Hop("taken up by scoring", found.score.scored_at, "waiting" if found.prepared else "")
    if found.score_record is not None:
        yield Hop(f"in {SCORES}", written(found.score_record), "graph call, written", place_of(found.score_record))


def _sent_again(each: Letter, found: Found) -> bool:
    """Whether what lies in the topic of frames was written there when that letter was sent again."""
    if found.frame is None or found.frame.replayed is None or found.frame_record is None:
        return False
    return each[0].at <= written(found.frame_record)


def _of_letters(letters: list[Letter]) -> Iterator[Hop]:
    for letter, turn in letters:
        by = letter.service or "somebody"
        yield Hop(f"in {DEAD_LETTERS}", letter.at, f"rejected by {by}", place_of(letter.place))
        if turn is not None:
            yield Hop(f"letter {turn.kind}", turn.at, f"by {turn.by}")


def _of_pages(found: Found) -> Iterator[Hop]:
    for incident in found.incidents:
        opened = next((each for each in incident.turns if each.kind is IncidentKind.OPENED), None)
        if opened is None or not opened_by(incident, found):
            continue
        spent = f"alerting opened {incident.short}: {opened.cause.replace('_', ' ')}"
        yield Hop(f"in {INCIDENTS}", found.written[opened.event_id], spent, after=True)
        for sink, told in incident.told.items():
            yield Hop(f"page taken by {sink}", told[0].at, "queued, held, sent", after=True)


def opened_by(incident: Incident, found: Found) -> bool:
    """Whether it is this frame that opened it."""
    opened = next((each for each in incident.turns if each.kind is IncidentKind.OPENED), None)
    return bool(opened and opened.evidence and opened.evidence[0].frame_id == found.wanted.frame_id)
