"""What people said, frame by frame, and added up by station, product and quarter hour. The last word counts."""

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import NamedTuple
from uuid import UUID

from andon.errors import Invalid
from andon.ids import drill_of
from andon.rates.counted import Kind, kind_of, was_called
from andon.rates.spans import QUARTER
from andon.reasons import Reason
from andon.records import Answer, Told

KEEP = timedelta(days=8)
MOST_ANSWERS = 100_000  # about 55 MB; over 8 days, one answer every 7 s
QUARTER_S = int(QUARTER.total_seconds())

Counts = list[int]
"""How often each `Kind` was said, by its number."""


class Word(NamedTuple):
    """The last word on a frame. `audit`: somebody was once asked it as one of the audit sample, which it never leaves:
    whatever is said later, on whatever occasion, is said of that sample. `quarter` counts quarter hours since 1970."""

    at: datetime
    station: str
    product: str | None
    quarter: int
    told: Told
    called: bool | None
    audit: bool

    @property
    def kind(self) -> Kind | None:
        """What it proves."""
        return kind_of(self.told, self.called, self.audit)


class Heard:
    """Answers in whatever order, each any number of times: what is known is the same. Of frames of the last KEEP only,
    and of MOST_ANSWERS frames at most: the oldest are forgotten first."""

    __slots__ = ("_counts", "_frames", "_words")

    def __init__(self) -> None:
        self._words: dict[UUID, Word] = {}
        self._frames: dict[int, set[UUID]] = {}
        self._counts: dict[str, dict[str | None, dict[int, Counts]]] = {}

    def __len__(self) -> int:
        return len(self._words)

    def hear(self, answer: Answer) -> None:
        """Takes in one answer; those on drill copies are none. Raises Invalid(BAD_RECORD) where a time has no zone."""
        if drill_of(answer.station) is not None:
            return
        before = self._words.get(answer.frame_id)
        word = _last(_word(answer), before)
        if before is not None:
            self._forget(answer.frame_id, before)
        self._words[answer.frame_id] = word
        self._frames.setdefault(word.quarter, set()).add(answer.frame_id)
        self._count(word, 1)
        if len(self._words) > MOST_ANSWERS:
            self._forget_quarter(min(self._frames))

    def forget(self, now: datetime) -> None:
        """All that is older than KEEP."""
        oldest = quarters_since_1970(now - KEEP)
        for quarter in [each for each in self._frames if each < oldest]:
            self._forget_quarter(quarter)

    def stations(self) -> list[str]:
        """Those that something is known of."""
        return list(self._counts)

    def products(self, station: str) -> list[str | None]:
        """The products of a station that something is known of."""
        return list(self._counts.get(station, ()))

    def of(self, station: str, product: str | None, quarters: Iterable[int]) -> Counts:
        """How often each `Kind` was said of the frames of these quarter hours."""
        known = self._counts.get(station, {}).get(product, {})
        rows = [row for each in quarters if (row := known.get(each)) is not None]
        return [sum(each) for each in zip(*rows, strict=True)] if rows else [0] * len(Kind)

    def _forget_quarter(self, quarter: int) -> None:
        for frame in list(self._frames[quarter]):
            self._forget(frame, self._words[frame])

    def _forget(self, frame: UUID, word: Word) -> None:
        del self._words[frame]
        self._frames[word.quarter].discard(frame)
        if not self._frames[word.quarter]:
            del self._frames[word.quarter]
        self._count(word, -1)

    def _count(self, word: Word, step: int) -> None:
        kind = word.kind
        if kind is None:
            return
        products = self._counts.setdefault(word.station, {})
        quarters = products.setdefault(word.product, {})
        row = quarters.setdefault(word.quarter, [0] * len(Kind))
        row[kind] += step
        if not any(row):
            del quarters[word.quarter]
            if not quarters:
                del products[word.product]
            if not products:
                del self._counts[word.station]


def quarters_since_1970(at: datetime) -> int:
    """Which quarter hour, in UTC, `at` lies in."""
    return int(at.timestamp()) // QUARTER_S


def _word(answer: Answer) -> Word:
    """A frame's time is that of its picture, or of the answer where that is not known."""
    taken = answer.captured_at or answer.at
    if answer.at.tzinfo is None or taken.tzinfo is None:
        raise Invalid(Reason.BAD_RECORD, "Answer: at and captured_at need a time zone")
    quarter, called = quarters_since_1970(taken), was_called(answer)
    return Word(answer.at, answer.station, answer.product, quarter, answer.answer, called, answer.audit)


def _last(word: Word, before: Word | None) -> Word:
    """The later of two words; of two at once, the one that came later."""
    if before is None:
        return word
    last = before if before.at > word.at else word
    return last._replace(audit=word.audit or before.audit)
