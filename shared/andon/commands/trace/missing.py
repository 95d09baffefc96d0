"""What no topic holds of a frame, and why as far as that can be told. Pure."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from andon.commands.trace.hops import captured, inspected, place_of
from andon.commands.trace.search import Found
from andon.incidents import spoken
from andon.topics import BY_NAME, FRAMES, MIB, PREPARED

LATE = timedelta(seconds=30)
"""For so long a frame may be on its way, and nobody wonders."""


@dataclass(frozen=True, slots=True)
class Missing:
    """What there is nothing of, and why."""

    what: str
    why: str


def missing(found: Found, now: datetime) -> list[Missing]:
    """Hop by hop."""
    return [*_no_frame(found), *_no_prepared(found, now), *_no_score(found, now)]


def _no_frame(found: Found) -> Iterator[Missing]:
    if found.frame_record is not None:
        return
    place = found.place
    if place is None:
        yield Missing("the frame", f"no topic of frames holds it any more ({FRAMES} keeps {kept(FRAMES)})")
    else:
        long = f" ({place.topic} keeps {kept(place.topic)})" if place.topic in BY_NAME else ""
        yield Missing("the frame", f"{place_of(place)} is not there any more{long}")


def _no_prepared(found: Found, now: datetime) -> Iterator[Missing]:
    if found.prepared is not None or (found.letters and found.score_record is None):
        return
    ago = now - max((each.at for each in (*captured(found), *inspected(found))), default=now)
    if ago > timedelta(milliseconds=BY_NAME[PREPARED].retention_ms or 0):
        yield Missing(f"in {PREPARED}", f"it keeps {kept(PREPARED)}, and this was {spoken(ago)} ago")
    elif found.score_record is not None:
        yield Missing(f"in {PREPARED}", f"it keeps {kept(PREPARED)}, less where a partition is full")


def _no_score(found: Found, now: datetime) -> Iterator[Missing]:
    if found.score_record is not None or found.letters:
        return
    way = [*captured(found), *inspected(found)]
    last = f"the last hop that has it is {way[-1].name!r}" if way else "no hop has it"
    wait = "; it may still be on its way: look again" if way and now - way[-1].at < LATE else ""
    station = found.station or "STATION"
    yield Missing("a verdict", f"{last}{wait}. andon ledger {station} says whether others are missing")


def kept(topic: str) -> str:
    """For how long a topic of ours keeps what it holds, as Andon makes it."""
    known = BY_NAME[topic]
    hours = (known.retention_ms or 0) // 3_600_000
    size = f", {known.retention_bytes // (1024 * MIB)} GiB a partition at most" if known.retention_bytes else ""
    return (f"{hours} h" if hours < 48 else f"{hours // 24} days") + size
