"""The review queue: which frames people are to look at, and why. Pure, and bounded whatever comes.

Of each station it holds the best so many of each kind (`KINDS`), each frame once, under the kind that is asked first.
Answered ones leave, as do those whose image is gone and those older than KEEP. `worth` puts them in order.
"""

from collections import OrderedDict
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from threading import Lock
from uuid import UUID

from andon.errors import Invalid
from andon.ids import drill_of
from andon.rates import is_audited
from andon.records import Answer, FramePlace, Told, Verdict, read_score
from andon.stage import Record
from andon.topics import SHADOW_SCORES
from andon_console.review.peek import Peek, peeked
from andon_console.shots import Shot

KEEP = timedelta(days=3)
NEAR = 0.05
"""A score is near its threshold when it differs from it by no more than this share."""

_LONG_AGO = datetime.fromtimestamp(0, UTC)
MOST_STATIONS = 1000
MOST_PAIRS = 4000  # scores that wait for another bundle's of the same frame: a few seconds of a large line


class Kind(StrEnum):
    """Why a frame is worth a look, in the order in which they are asked; each frame is asked for the first that holds.

    A frame of the audit sample is asked as one of it only, whatever else it is: were those that look odd asked sooner,
    the answered part of the sample would not be random any more.
    """

    INCIDENT = "incident"  # an open incident shows it
    NEAR = "near"  # its score is near the threshold, on either side
    DISAGREE = "disagree"  # a shadow says otherwise
    AUDIT = "audit"  # called ok, and drawn at random to find what passes
    CALL = "call"  # any other call that nobody has answered


ROOM = {Kind.NEAR: 10, Kind.DISAGREE: 10, Kind.AUDIT: 50, Kind.CALL: 20}
"""So many of each station are kept. What is of an incident is held by the incident."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """A frame to be asked. `shadow` is the digest of the bundle that says otherwise, `shadow_ratio` its score against
    its threshold."""

    shot: Shot
    kind: Kind
    shadow: str | None = None
    shadow_ratio: float | None = None

    @property
    def frame_id(self) -> UUID:
        """The frame's."""
        return self.shot.frame_id

    @property
    def captured_at(self) -> datetime:
        """When its picture was taken; long ago, where nobody knows."""
        return self.shot.captured_at or _LONG_AGO


Order = Callable[[Candidate], tuple[float, ...]]
"""The lower, the sooner it is asked, among those of its kind."""

Place = tuple[str, int]


@dataclass(frozen=True, slots=True)
class Changes:
    """What is to be remembered: candidates that came, frames that left (station, id), and where to read on."""

    came: tuple[Candidate, ...]
    left: tuple[tuple[str, UUID], ...]
    places: Mapping[Place, int]


class Queue:
    """Any thread may ask. `said` tells whether people have answered a frame; `share` is that of the audit sample;
    `order` says which of a kind are the best.

    `take` costs 4 us for a score that is nothing special, 40 us for one that is asked: only what is a call, near or
    audited is read whole. A candidate takes 3 kB: 130 MB where every place of 500 stations is taken.
    """

    def __init__(self, order: Order, said: Callable[[UUID], bool], share: float) -> None:
        self.version = 0
        self.returned = 0  # frames whose answer was taken back
        self._order = order
        self._said = said
        self._share = share
        self._lock = Lock()
        self._found: dict[UUID, Candidate] = {}
        self._rooms: dict[str, dict[Kind, dict[UUID, Candidate]]] = {}
        self._places: dict[Place, int] = {}
        self._changed: dict[UUID, str] = {}
        self._tried: set[bytes] = set()  # stations whose frames a shadow scores
        self._scores: OrderedDict[UUID, Record] = OrderedDict()
        self._shadows: OrderedDict[UUID, Peek] = OrderedDict()

    # -- what comes ----------------------------------------------------------------------------------------------

    def take(self, records: Sequence[Record]) -> None:
        """Takes in records of `scores` or `scores.shadow`; what cannot be read is passed over."""
        with self._lock:
            for record in records:
                with suppress(Invalid):
                    self._read(record)
                place = record.topic, record.partition
                self._places[place] = record.offset + 1

    def add(self, candidates: Iterable[Candidate]) -> None:
        """Takes in candidates of before, as they were remembered."""
        with self._lock:
            for each in candidates:
                self._offer(each)

    def hear(self, answer: Answer) -> None:
        """Somebody said something of a frame: it leaves, or comes again where that was taken back."""
        with self._lock:
            if self._said(answer.frame_id):
                self._drop(answer.frame_id)
            elif answer.answer is Told.WITHDRAWN and answer.captured_at is not None and answer.frame is not None:
                shot = Shot.of_answer(answer)
                kind = self._kind(shot.verdict, shot.ratio, shot.frame_id)
                if kind is not None:
                    self._offer(Candidate(shot, kind))
                    self.returned += 1

    def begin(self, places: Mapping[Place, int]) -> None:
        """From where on it is going to be read."""
        with self._lock:
            self._places |= places

    # -- what leaves ---------------------------------------------------------------------------------------------

    def forget(self, now: datetime, oldest: Mapping[Place, int], kept: Callable[[UUID], bool]) -> None:
        """What is older than KEEP, or whose image lay before the `oldest` record of its place that Kafka holds and was
        `kept` nowhere else."""
        with self._lock:
            for each in list(self._found.values()):
                if each.captured_at < now - KEEP or (_is_gone(each.shot, oldest) and not kept(each.frame_id)):
                    self._drop(each.frame_id)

    def drop(self, frame: UUID) -> None:
        """Its image is gone."""
        with self._lock:
            self._drop(frame)

    # -- what there is -------------------------------------------------------------------------------------------

    def all(self) -> list[Candidate]:
        """Every candidate, in no order."""
        with self._lock:
            return list(self._found.values())

    def get(self, frame: UUID) -> Candidate | None:
        """The candidate of a frame."""
        return self._found.get(frame)

    def places(self, topic: str) -> dict[int, int]:
        """Up to where each partition of a topic was read."""
        with self._lock:
            return {part: at for (name, part), at in self._places.items() if name == topic}

    def image_places(self) -> set[Place]:
        """Where in Kafka their images lie."""
        shots = (each.shot for each in self.all())
        return {(each.frame.topic, each.frame.partition) for each in shots if each.frame and not each.dataref}

    def changes(self) -> Changes:
        """What has changed since this was last asked."""
        with self._lock:
            changed, self._changed = self._changed, {}
            came = tuple(self._found[each] for each in changed if each in self._found)
            left = tuple((station, each) for each, station in changed.items() if each not in self._found)
            return Changes(came, left, dict(self._places))

    def change_all(self) -> None:
        """Has `changes` tell everything once more: what remembered it has lost it."""
        with self._lock:
            self._changed |= {each.frame_id: each.shot.station for each in self._found.values()}

    # -- how -----------------------------------------------------------------------------------------------------

    def _read(self, record: Record) -> None:
        peek = peeked(record.value)
        if peek.golden is not None or record.key is None:
            return
        if record.topic == SHADOW_SCORES:
            self._tried.add(record.key)
            self._compare(self._scores.get(peek.frame_id), peek)
            _remember(self._shadows, peek.frame_id, peek)
            return
        if record.key in self._tried:
            self._compare(record, self._shadows.get(peek.frame_id))
            _remember(self._scores, peek.frame_id, record)
        kind = self._kind(peek.verdict, peek.ratio, peek.frame_id)
        if kind is not None and self._would_fit(record.key.decode(errors="replace"), kind, peek):
            self._offer(_candidate(record, kind))

    def _kind(self, verdict: Verdict | None, ratio: float | None, frame: UUID) -> Kind | None:
        if verdict is Verdict.OK and is_audited(frame, self._share):
            return Kind.AUDIT
        if ratio is not None and abs(ratio - 1) <= NEAR:
            return Kind.NEAR
        return Kind.CALL if verdict is Verdict.ANOMALOUS else None

    def _would_fit(self, station: str, kind: Kind, peek: Peek) -> bool:
        """Whether it is worth reading whole: of a station that always is near its threshold, most are not."""
        room = self._rooms.get(station, {}).get(kind, {})
        if kind is not Kind.NEAR or peek.verdict is Verdict.ANOMALOUS or len(room) < ROOM[kind]:
            return True
        return abs((peek.ratio or 0) - 1) < max(abs((each.shot.ratio or 0) - 1) for each in room.values())

    def _compare(self, scored: Record | None, shadow: Peek | None) -> None:
        if scored is None or shadow is None:
            return
        active = peeked(scored.value)
        if {active.verdict, shadow.verdict} == {Verdict.OK, Verdict.ANOMALOUS}:
            audited = active.verdict is Verdict.OK and is_audited(active.frame_id, self._share)
            kind = Kind.AUDIT if audited else Kind.DISAGREE
            self._offer(replace(_candidate(scored, kind), shadow=shadow.bundle, shadow_ratio=shadow.ratio))

    def _offer(self, new: Candidate) -> None:
        station, frame = new.shot.station, new.frame_id
        if drill_of(station) is not None or self._said(frame):
            return
        before = self._found.get(frame)
        if before is not None:
            new = _merged(before, new)
            if new == before:
                return
            self._drop(frame)
        if station not in self._rooms and len(self._rooms) >= MOST_STATIONS:
            return
        self._put(new)

    def _put(self, new: Candidate) -> None:
        room = self._rooms.setdefault(new.shot.station, {}).setdefault(new.kind, {})
        room[new.frame_id] = self._found[new.frame_id] = new
        self._mark(new)
        if len(room) > ROOM[new.kind]:
            last = max(room.values(), key=self._order)
            self._drop(last.frame_id)
            if last.shot.verdict is Verdict.ANOMALOUS and last.kind is not Kind.CALL:
                self._put(replace(last, kind=Kind.CALL))  # a call stays one, though others are nearer

    def _drop(self, frame: UUID) -> None:
        found = self._found.pop(frame, None)
        if found is not None:
            rooms = self._rooms[found.shot.station]
            rooms[found.kind].pop(frame, None)
            if not any(rooms.values()):
                del self._rooms[found.shot.station]
            self._mark(found)

    def _mark(self, changed: Candidate) -> None:
        self.version += 1
        self._changed[changed.frame_id] = changed.shot.station


def _candidate(record: Record, kind: Kind) -> Candidate:
    """Raises Invalid."""
    shot = Shot.of_score(read_score(record), FramePlace.of(record))
    return Candidate(replace(shot, regions=()), kind)


def _merged(before: Candidate, new: Candidate) -> Candidate:
    """The frame under the kind that is asked first; of the audit sample it stays. What a shadow said is not lost."""
    kinds = [each.kind for each in (before, new)]
    kind = Kind.AUDIT if Kind.AUDIT in kinds else min(kinds, key=list(Kind).index)
    said = new if new.shadow is not None else before
    return replace(before, kind=kind, shadow=said.shadow, shadow_ratio=said.shadow_ratio)


def _is_gone(shot: Shot, oldest: Mapping[Place, int]) -> bool:
    place = shot.frame
    if place is None or shot.dataref:
        return False
    return place.offset < oldest.get((place.topic, place.partition), 0)


def _remember(pairs: "OrderedDict[UUID, Record] | OrderedDict[UUID, Peek]", frame: UUID, what: object) -> None:
    pairs[frame] = what  # type: ignore[assignment]
    if len(pairs) > MOST_PAIRS:
        pairs.popitem(last=False)
