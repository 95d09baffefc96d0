"""Heartbeats under way: each is some golden frames of one station, and done when the last of them is judged. Pure."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from uuid import UUID

from andon.dead_letters import HEADER
from andon.errors import Invalid
from andon.records import FramePlace, Score, read_event
from andon.stage import Record
from andon.topics import DEAD_LETTERS, SCORES
from andon_ingest.heartbeat.judging import WORST_FIRST, Judged, Outcome, Sent, judge_letter, judge_score, judge_silence

MARK = b'"golden":'
LONGEST_TURN = timedelta(seconds=1)
Serves = Callable[[str, str | None, str], bool]
"""Whether this bundle serves this station and product now."""


@dataclass(frozen=True, slots=True)
class Done:
    """A heartbeat that is over. `worst` is the frame that decided it; None where nothing was sent, for `detail`."""

    station: str
    at: datetime
    outcome: Outcome
    judged: tuple[Judged, ...] = ()
    worst: Judged | None = None
    detail: str = ""


@dataclass(slots=True)
class Round:
    """One heartbeat under way. `at` is when its slot began, `heard_s` how long had been listened until it was sent."""

    station: str
    at: datetime
    waiting: dict[UUID, Sent]
    listened: timedelta
    judged: list[Judged] = field(default_factory=list)

    def done(self) -> Done:
        """What came of it: the worst of its frames; SWAPPED only where it is that of all."""
        for outcome in WORST_FIRST:
            worst = next((each for each in self.judged if each.outcome is outcome), None)
            if worst is not None:
                return Done(self.station, self.at, outcome, tuple(self.judged), worst)
        return Done(self.station, self.at, Outcome.SWAPPED, tuple(self.judged), self.judged[0])


class Rounds:
    """What was sent and is not judged yet. Only time in which somebody listens counts towards a frame's being missing:
    a process that was stopped for a minute has missed nothing."""

    __slots__ = ("_by_frame", "_last", "_late_after", "_listened", "_missing_after", "_serves")

    def __init__(self, serves: Serves, late_after_s: float, missing_after_s: float) -> None:
        self._serves = serves
        self._late_after = timedelta(seconds=late_after_s)
        self._missing_after = timedelta(seconds=missing_after_s)
        self._by_frame: dict[UUID, Round] = {}
        self._listened = timedelta(0)
        self._last: datetime | None = None

    def __len__(self) -> int:
        return len(self._by_frame)

    def began(self, station: str, at: datetime, frames: list[Sent]) -> None:
        """These are on their way. There must be one."""
        beat = Round(station, at, {each.frame_id: each for each in frames}, self._listened)
        self._by_frame |= dict.fromkeys(beat.waiting, beat)

    def take(self, record: Record, now: datetime) -> Done | None:
        """A record of `scores` or `dead-letters`; the heartbeat that it ends, if any."""
        if not self._by_frame:
            return None
        return {SCORES: self._score, DEAD_LETTERS: self._letter}[record.topic](record, now)

    def expired(self, now: datetime) -> list[Done]:
        """The heartbeats that end because nothing has come for too long. Called every turn."""
        self._listened += min(now - self._last, LONGEST_TURN) if self._last and now > self._last else timedelta(0)
        self._last = now
        over = [each for each, beat in self._by_frame.items() if self._listened - beat.listened >= self._missing_after]
        done = [self._judge(judge_silence(sent, serves=self._still(sent))) for sent in map(self._sent, over)]
        return [each for each in done if each is not None]

    def _score(self, record: Record, now: datetime) -> Done | None:
        if MARK not in record.value:  # reading JSON costs a hundred times more than this
            return None
        try:
            score = read_event(Score, record.value)
        except Invalid:  # alerting's to tell of
            return None
        if score.frame_id not in self._by_frame:
            return None
        sent = self._sent(score.frame_id)
        place = FramePlace.of(record)
        late = self._late_after
        return self._judge(judge_score(sent, score, place, now, late_after=late, serves=self._still(sent)))

    def _letter(self, record: Record, _now: datetime) -> Done | None:
        frame_id = _uuid(record)
        if frame_id is None or frame_id not in self._by_frame:
            return None
        sent = self._sent(frame_id)
        return self._judge(judge_letter(sent, _told(record, "reason"), _place(record), serves=self._still(sent)))

    def _judge(self, judged: Judged) -> Done | None:
        beat = self._by_frame.pop(judged.sent.frame_id)
        del beat.waiting[judged.sent.frame_id]
        beat.judged.append(judged)
        return None if beat.waiting else beat.done()

    def _sent(self, frame_id: UUID) -> Sent:
        return self._by_frame[frame_id].waiting[frame_id]

    def _still(self, sent: Sent) -> bool:
        return self._serves(sent.station, sent.product, sent.bundle)


def _uuid(letter: Record) -> UUID | None:
    try:
        return UUID((letter.header("ce_id") or b"").decode())
    except ValueError:  # UnicodeDecodeError is one
        return None


def _told(letter: Record, name: str) -> str:
    return (letter.header(HEADER + name) or b"").decode(errors="replace")


def _place(letter: Record) -> FramePlace | None:
    topic, partition, offset = (_told(letter, name) for name in ("topic", "partition", "offset"))
    if not (partition.isdecimal() and offset.isdecimal()):
        return None
    return FramePlace(topic=topic, partition=int(partition), offset=int(offset))
