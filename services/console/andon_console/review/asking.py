"""What people are asked next: the queue and the open incidents in one order, and who looks at what just now."""

import time
from collections import OrderedDict, defaultdict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from threading import Lock
from uuid import UUID

from andon.incidents import Incident
from andon.rates import is_audited
from andon.records import Verdict
from andon_console.answering import offered
from andon_console.live.answers import Answers
from andon_console.live.incidents import Incidents
from andon_console.review.queue import Candidate, Kind, Queue
from andon_console.review.worth import Wanted, in_order
from andon_console.shots import Shot

FRESH_S = 1.0  # so long an order is good, and longer where it takes long to make: 20 us a frame
AT_MOST = 0.05  # of a core, for putting in order
LOOKS_S = 60.0  # so long a frame that somebody is shown is not shown to others
MOST_SKIPPED = 500
MOST_GONE = 5000


@dataclass(frozen=True, slots=True)
class Choice:
    """What somebody is shown: `next` comes after it; `left` are all that are wanted."""

    shown: Candidate | None
    next: Candidate | None
    left: int


class Seats:
    """Who looks at which frame, and what they passed over. Of this console alone; whoever is lost only sees a frame
    twice."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = Lock()
        self._looks: dict[str, tuple[UUID, float]] = {}
        self._skipped: dict[str, OrderedDict[UUID, None]] = defaultdict(OrderedDict)

    def look(self, name: str, frame: UUID | None) -> None:
        """They are shown this one now; None: nothing."""
        with self._lock:
            if frame is None:
                self._looks.pop(name, None)
            else:
                self._looks[name] = frame, self._clock()

    def skip(self, name: str, frame: UUID) -> None:
        """They pass over it: it comes again behind all others."""
        with self._lock:
            theirs = self._skipped[name]
            theirs.pop(frame, None)
            theirs[frame] = None
            if len(theirs) > MOST_SKIPPED:
                theirs.popitem(last=False)

    def taken(self, name: str) -> set[UUID]:
        """What others look at."""
        with self._lock:
            since = self._clock() - LOOKS_S
            return {frame for who, (frame, at) in self._looks.items() if who != name and at >= since}

    def skipped(self, name: str) -> list[UUID]:
        """What they passed over, the longest ago first."""
        with self._lock:
            return list(self._skipped.get(name, ()))


class Asking:
    """Any thread may ask."""

    def __init__(self, queue: Queue, incidents: Incidents, answers: Answers, share: float) -> None:
        self.queue = queue
        self.seats = Seats()
        self._incidents = incidents
        self._answers = answers
        self._share = share
        self._lock = Lock()
        self._order: list[Candidate] = []
        self._good_until = float("-inf")
        self._returned = 0
        self._gone: OrderedDict[UUID, None] = OrderedDict()

    def all(self) -> list[Candidate]:
        """Everything that nobody has answered, in the order of worth."""
        with self._lock:
            if time.monotonic() >= self._good_until or self.queue.returned != self._returned:
                self._returned = self.queue.returned
                self._put_in_order()
            found = self._order
        return [each for each in found if not self._is_done(each.frame_id)]

    def choose(self, name: str, wanted: Wanted, passed: UUID | None = None) -> Choice:
        """What `name` is to be shown, but not the frame that they just `passed`."""
        found = [each for each in self.all() if wanted.has(each)]
        last = self.seats.skipped(name)
        taken, skipped = self.seats.taken(name), set(last)
        first = [each for each in found if each.frame_id not in skipped and each.frame_id not in taken]
        again = [each for each in found if each.frame_id in skipped and each.frame_id not in taken]
        again.sort(key=lambda each: last.index(each.frame_id))
        coming = [each for each in (*first, *again) if each.frame_id != passed]
        shown, following = [*coming, None, None][:2]
        return Choice(shown, following, len(found))

    def find(self, frame: UUID) -> Candidate | None:
        """The candidate of a frame, be it answered meanwhile."""
        return next((each for each in self._order if each.frame_id == frame), None) or self.queue.get(frame)

    def gone(self, frame: UUID) -> None:
        """Its image is not to be had any more: it is not asked."""
        self.queue.drop(frame)
        with self._lock:
            self._gone[frame] = None
            if len(self._gone) > MOST_GONE:
                self._gone.popitem(last=False)

    def _put_in_order(self) -> None:
        begun = time.thread_time()
        self._order = in_order(self._candidates())
        self._good_until = time.monotonic() + max(FRESH_S, (time.thread_time() - begun) / AT_MOST)

    def _is_done(self, frame: UUID) -> bool:
        return frame in self._gone or self._answers.of(frame) is not None

    def _candidates(self) -> Iterator[Candidate]:
        queued = {each.frame_id: each for each in self.queue.all()}
        for shot in shown_by(self._incidents.open()):
            before = queued.pop(shot.frame_id, None)
            yield of_incident(shot, before, self._share)
        yield from queued.values()


def of_incident(shot: Shot, before: Candidate | None, share: float) -> Candidate:
    """A frame that an open incident shows; one of the audit sample stays that."""
    if shot.verdict is Verdict.OK and is_audited(shot.frame_id, share):
        return before or Candidate(shot, Kind.AUDIT)
    return replace(before, kind=Kind.INCIDENT) if before is not None else Candidate(shot, Kind.INCIDENT)


def shown_by(incidents: Iterable[Incident]) -> Iterator[Shot]:
    """The frames that they show and people can answer, each once. Drills show nothing real; of what is about a whole
    line nobody knows the station."""
    seen: set[UUID] = set()
    for incident in incidents:
        last = incident.last
        if last.drill or last.station == "*":
            continue
        for shown in (each for turn in incident.turns for each in turn.evidence):
            shot = replace(Shot.of_evidence(last.station, shown), product=last.product)
            if shot.frame_id not in seen and offered(shot.verdict):
                seen.add(shot.frame_id)
                yield shot
