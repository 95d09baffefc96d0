"""Where pushed readings wait for the stage that sends them, and their senders for Kafka."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from andon.stage import Message, Record, Result
from andon.topics import SIGNALS
from andon_ingest.batch import BatchLimits
from andon_ingest.clock import Clock
from andon_ingest.inbox import Tray
from andon_ingest.signals.lenient import Parsed
from andon_ingest.signals.send import message


@dataclass(frozen=True, slots=True)
class Pushed:
    """The readings of one request."""

    readings: tuple[Parsed, ...]


class ReadingTray(Tray[Pushed, int]):
    """Answers with how many readings Kafka has. Its polls wait for nothing: frames go first."""

    def __init__(self, limits: BatchLimits, clock: Clock) -> None:
        super().__init__(_records, len, limits, clock, wait_s=0.0)


def _records(pushed: Pushed) -> Sequence[Record]:
    messages = [message(each.reading) for each in pushed.readings]
    return [Record("http", 0, place, each.key, each.value) for place, each in enumerate(messages)]


def readings(records: Sequence[Record], _now: datetime) -> Iterable[Result]:
    """The stage's handler: every pushed record is a reading."""
    return [Message(SIGNALS, record.key, record.value) for record in records]
