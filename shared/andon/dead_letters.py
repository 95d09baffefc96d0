"""Dead letters: the original bytes, where they came from, and why. And how many of them are too many."""

from collections import deque
from collections.abc import Sequence

from andon.errors import Broken
from andon.records.replayed import sent_again
from andon.settings import DeadLetterLimit
from andon.stage import Message, Rejected

HEADER = "andon-"


class Limit:
    """Counts dead letters over the last records; a flood stops the service instead of draining a line into the bin."""

    __slots__ = ("_limit", "_recent", "_run")

    def __init__(self, limit: DeadLetterLimit) -> None:
        self._limit = limit
        self._run = 0
        self._recent: deque[bool] = deque(maxlen=limit.window)

    def judge(self, polled: int, rejected: Sequence[Rejected]) -> None:
        """Takes a batch into account. Raises Broken past the limit; nothing of the batch was written then.

        What somebody sent again and is refused again is no flood: it never counts."""
        good = polled - len(rejected)
        rejected = [each for each in rejected if not sent_again(each.record)]
        self._run = len(rejected) + (0 if good > 0 else self._run)
        self._recent.extend([False] * good + [True] * len(rejected))
        share = sum(self._recent) / max(1, len(self._recent))
        last = rejected[-1] if rejected else None
        if last and self._run > self._limit.max_run:
            raise Broken(f"{self._run} dead letters in a row, limit {self._limit.max_run}; last: {last.detail}")
        if last and len(self._recent) == self._limit.window and share > self._limit.max_ratio:
            raise Broken(
                f"{share:.1%} of the last {self._limit.window} records are dead letters, "
                f"limit {self._limit.max_ratio:.1%}; last: {last.detail}"
            )


def dead_letter(rejected: Rejected, topic: str, service: str, version: str) -> Message:
    """The record as it came, with headers that say where from and why."""
    record = rejected.record
    own = (
        ("topic", record.topic),
        ("partition", str(record.partition)),
        ("offset", str(record.offset)),
        ("timestamp-ms", str(record.timestamp_ms)),
        ("reason", str(rejected.reason)),
        ("detail", rejected.detail[:500]),
        ("service", service),
        ("version", version),
    )
    headers = tuple((HEADER + name, text.encode(errors="replace")) for name, text in own)
    return Message(topic, record.key, record.value, record.headers + headers)
