"""Where frames vanished, and what to look at, for people. Pure."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from enum import StrEnum

from andon.incidents.when import spoken
from andon.passing import Which
from andon.records.passed import Hop
from andon_alerting.ledger.account import HOPS, Account, Gone
from andon_alerting.ledger.spans import Run

MOST_TOLD = 3
"""Runs that a sentence names."""


class Vanished(StrEnum):
    """Where a frame vanished: behind the last hop that saw it."""

    INGEST = "ingest"  # it has a number, and nobody saw it in Kafka
    CAMERA_FRAMES = "camera.frames"  # Kafka had it, and preprocess never read it
    PREPROCESS = "preprocess"  # preprocess read it, and neither passed it on nor refused it
    FRAMES_PREPARED = "frames.prepared"  # Kafka had it prepared, and scoring never read it
    SCORING = "scoring"  # scoring read it, and neither scored nor refused it
    SCORES = "scores"  # Kafka took its score, which is not there


BEHIND: dict[Hop | None, Vanished] = dict(zip(HOPS, Vanished, strict=True))

TRACE = {
    Vanished.INGEST: "numbered by ingest, and never seen in Kafka",
    Vanished.CAMERA_FRAMES: "written there{at}, never read by preprocess",
    Vanished.PREPROCESS: "read there{at}, neither passed on nor refused",
    Vanished.FRAMES_PREPARED: "written there{at}, never read by scoring",
    Vanished.SCORING: "read there{at}, neither scored nor refused",
    Vanished.SCORES: "the score was written{at}, and is not there",
}

LOOK = {
    Vanished.INGEST: "See ingest's log at that time: was it killed while it sent, or does another one number frames of "
    "the same capture?",
    Vanished.CAMERA_FRAMES: "Did Kafka delete them unread (retention), or did somebody move the offsets of preprocess?",
    Vanished.PREPROCESS: "See the log of preprocess at that time; report it as a fault of Andon with that log.",
    Vanished.FRAMES_PREPARED: "Did Kafka delete them unread (frames.prepared is kept for an hour), or did somebody "
    "move the offsets of scoring?",
    Vanished.SCORING: "See the log of scoring at that time; report it as a fault of Andon with that log.",
    Vanished.SCORES: "Did Kafka lose data, or did somebody delete records of scores?",
}


def where(gone: Gone) -> Vanished:
    """The hop behind which it vanished."""
    return BEHIND[HOPS[gone.hop]]


def moment(ms: int) -> datetime:
    """Unix time in milliseconds as a time in UTC; the last moment of the calendar where it has none."""
    try:
        return datetime.fromtimestamp(ms / 1000, UTC)
    except (ValueError, OverflowError, OSError):
        return datetime.max.replace(tzinfo=UTC)


def clock(at: datetime, now: datetime) -> str:
    """`14:02 UTC`, with the day where that is not today's."""
    return f"{at:%H:%M} UTC" if at.date() == now.date() else f"{at:%Y-%m-%d %H:%M} UTC"


def capture_words(which: Which, now: datetime) -> str:
    """Which capture, for people."""
    if which.origin is not None:
        return f"offsets in {which.origin}"
    return f"of the capture that began {clock(moment(which.epoch), now)}"


def numbers(runs: Sequence[tuple[int, int]]) -> str:
    """`1,201 to 1,203, 1,207 and 12 more`."""
    named = [f"{first:,}" if first == last else f"{first:,} to {last:,}" for first, last in runs[:MOST_TOLD]]
    more = sum(last - first + 1 for first, last in runs[MOST_TOLD:])
    return ", ".join(named) + (f" and {more:,} more" if more else "")


def frames_of(count: int) -> str:
    """`1 frame`, `3 frames`."""
    return f"{count:,} frame{'' if count == 1 else 's'}"


def lost_sentence(station: str, found: Sequence[tuple[Account, Run[Gone]]], now: datetime) -> str:
    """What vanished, where, and what to look at: of the first capture and hop by name, of others how many."""
    account, (_, _, gone) = found[0]
    same = [(a, b) for each, (a, b, other) in found if each is account and where(other) is where(gone)]
    count, total = _count(same), _count([run[:2] for _, run in found])
    at = f" at {clock(moment(gone.at), now)}" if gone.at else ""
    which = f"{numbers(same)} {capture_words(account.which, now)}"
    rest = f" {frames_of(total - count)} more vanished there or elsewhere." if total > count else ""
    told = f"{station}: {frames_of(count)} ({which}) vanished in {where(gone)}: {TRACE[where(gone)].format(at=at)}."
    return f"{told}{rest} {LOOK[where(gone)]} andon ledger {station} --missing names them all."[:1000]


def found_sentence(station: str, lasted: timedelta) -> str:
    """That what was missing came after all."""
    return f"{station}: the missing frames came after all, {spoken(lasted)} later."


def given_up_sentence(station: str, lost: int, quiet_s: float) -> str:
    """That no more vanish, and what did is lost."""
    count = f" {frames_of(lost)} of it count as lost; andon ledger {station} names them." if lost else ""
    return f"{station}: nothing more has vanished for {spoken(timedelta(seconds=quiet_s))}.{count}"


def _count(runs: Sequence[tuple[int, int]]) -> int:
    return sum(last - first + 1 for first, last in runs)
