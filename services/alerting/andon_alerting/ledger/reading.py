"""What the records of the ledger's topics say: what passed a hop, and what became of a frame. Pure."""

import json
from typing import NamedTuple

from andon.dead_letters import HEADER
from andon.errors import Invalid
from andon.ids import station_id
from andon.passing import Which, of_headers, of_record
from andon.records import read_event
from andon.records.passed import Passed
from andon.stage import Record
from andon.topics import DEAD_LETTERS, LEDGER, SCORES

READS = (LEDGER, SCORES, DEAD_LETTERS)
"""The topics of the ledger."""
_OF_FRAMES = frozenset({"ingest", "preprocess", "scoring"})
"""Whose dead letters are frames. Others refuse scores and answers, shadow scoring only copies."""


class Final(NamedTuple):
    """What became of a frame: a dead letter for that reason, else scored. `at` in Unix time in milliseconds."""

    which: Which
    seq: int
    dead: str | None
    at: int


def station_of(record: Record) -> str | None:
    """Whose ledger a record belongs to; None where it belongs to none."""
    if record.topic == DEAD_LETTERS:
        found = dead_letter(record)
        return found.which.station if found else None
    try:
        return station_id((record.key or b"").decode(errors="replace"))
    except Invalid:
        return None


def final(record: Record) -> Final | None:
    """What a record of `scores` or `dead-letters` says became of a frame; None where it says nothing of one."""
    if record.topic == DEAD_LETTERS:
        return dead_letter(record)
    found = of_headers(record.headers) or _in_score(record)
    return Final(*found, None, record.timestamp_ms) if found else None


def dead_letter(letter: Record) -> Final | None:
    """The frame that a dead letter was. Of ingest's own only what it had given a number: the rest is no frame."""
    told = {name: (value or b"").decode(errors="replace") for name, value in letter.headers if name.startswith(HEADER)}
    service = told.get("andon-service")
    if service not in _OF_FRAMES:
        return None
    own = tuple(pair for pair in letter.headers if not pair[0].startswith(HEADER))
    if service == "ingest":
        found = of_headers(own)
    else:
        try:
            partition, offset = int(told["andon-partition"]), int(told["andon-offset"])
            found = of_record(Record(told["andon-topic"], partition, offset, letter.key, b"", own))
        except (KeyError, ValueError):
            return None
    return Final(*found, told.get("andon-reason", "unknown")[:64], letter.timestamp_ms) if found else None


def passed(record: Record) -> Passed:
    """What a record of `ledger` says. Raises Invalid: BAD_RECORD, SCHEMA_TOO_NEW, BAD_STATION."""
    said = read_event(Passed, record.value)
    station_id(said.station)
    return said


def which_of(said: Passed) -> Which:
    """The capture it speaks of."""
    return Which(said.station, said.epoch, said.origin)


def _in_score(record: Record) -> tuple[Which, int] | None:
    """Of a score that an older Andon wrote, without headers."""
    try:
        said = json.loads(record.value)
        station, epoch, seq = station_id(said["station"]), int(said["epoch"]), int(said["seq"])
        if epoch > 0 and seq >= 0:
            return Which(station, epoch), seq
        place = said["frame"]
        return Which(station, 0, f"{place['topic']}/{int(place['partition'])}"), int(place["offset"])
    except (ValueError, KeyError, TypeError, RecursionError, Invalid):
        return None


__all__ = ["READS", "SCORES", "Final", "dead_letter", "final", "passed", "station_of", "which_of"]
