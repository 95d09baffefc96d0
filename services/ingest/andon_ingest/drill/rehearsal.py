"""One drill: good frames until the line has settled, then fault after fault, with recovery between them."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from itertools import cycle
from uuid import UUID

from andon.errors import Broken
from andon.line import Policy
from andon.records import Verdict
from andon_ingest.clock import Clock
from andon_ingest.drill.camera import Camera, Sent
from andon_ingest.drill.ear import Ear
from andon_ingest.drill.faults import Fault
from andon_ingest.drill.judging import Outcome, Tried, expected, judge
from andon_ingest.drill.pictures import spoilt
from andon_ingest.drill.sample import Sample
from andon_ingest.styles import Random

GOOD_RUN = 12  # more than any decision about pictures looks back
MOST_GOOD = 60  # frames, until a line that cannot settle is given up
MOST_BAD = 24  # altered pictures; as many frames are three times what the slowest decision needs
PATIENCE_S = 15.0  # for what has been sent to come through, and be told
LISTEN_S = 0.02
LEAVING_RATE = 10.0  # frames a second

Tell = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Wanted:
    """How a drill is done: `strength` of the faults, and how long a page may take (None: as long as is usual)."""

    policy: Policy
    strength: float = 1.0
    within_s: float | None = None


class Rehearsal:
    """Drills one copy. `arrived` is filled by whoever hears notifications (None: nobody does)."""

    def __init__(
        self,
        camera: Camera,
        ear: Ear,
        sample: Sample,
        wanted: Wanted,
        clock: Clock,
        rng: Random,
        tell: Tell,
        arrived: Mapping[str, datetime] | None = None,
    ) -> None:
        self._camera = camera
        self._ear = ear
        self._sample = sample
        self._wanted = wanted
        self._clock = clock
        self._rng = rng
        self._tell = tell
        self._arrived = arrived

    def run(self, faults: Iterable[Fault]) -> Iterator[Outcome]:
        """One outcome a fault. Raises Broken when good frames do not settle the line."""
        self._tell("good frames, until the line has settled")
        self._settle()
        for fault in faults:
            yield self._try(fault)

    def leave(self) -> None:
        """Ends it, wherever it stands: good frames until nothing is open, then one that says that no more will come."""
        self._camera.gap_s = min(self._camera.gap_s, 1 / LEAVING_RATE)
        if self._ear.story.open:
            self._recover()
        last = self._camera.over()
        self._until(lambda: last.frame in self._ear.verdicts, PATIENCE_S)

    def _settle(self) -> None:
        sent: list[UUID] = []
        while not (self._are_good(sent[-GOOD_RUN:]) and not self._ear.story.open):
            if len(sent) >= MOST_GOOD + self._wanted.policy.clear_after:
                raise Broken(self._unsettled(sent))
            sent.append(self._next_good().frame)
            if len(sent) >= GOOD_RUN:
                self._until(lambda: self._are_good(sent[-GOOD_RUN:]), self._camera.wait_s)

    def _are_good(self, frames: list[UUID]) -> bool:
        return len(frames) == GOOD_RUN and all(self._ear.verdicts.get(each) is Verdict.OK for each in frames)

    def _unsettled(self, sent: list[UUID]) -> str:
        said = [self._ear.verdicts.get(each) for each in sent]
        bad, unheard = sum(each not in (None, Verdict.OK) for each in said), said.count(None)
        still = ", ".join(f"{each.cause} is open" for each in self._ear.story.open)
        counts = f"of {len(sent)} good frames {bad} were not called ok, {unheard} got no verdict"
        where = f"{self._camera.copy} did not settle: {counts}"
        return f"{where}{'; ' + still if still else ''}; is the whole line running? andon heartbeat --once tells"

    def _try(self, fault: Fault) -> Outcome:
        images = spoilt(fault, self._sample.images, MOST_BAD, self._wanted.strength, self._rng)
        known = set(self._ear.story.incidents)
        self._tell(f"{fault}: under way")
        self._until(lambda: False, self._camera.wait_s)
        began, frames = self._spoil(fault, images, known)
        self._tell(f"{fault}: good frames again, until it is over")
        self._recover()
        tried = Tried(fault, began, frames, self.within_s(fault), self._arrived)
        return judge(tried, self._ear.story.after(known))

    def within_s(self, fault: Fault) -> float:
        """How long the page may take: as was asked, else as long as all bad frames, or the silence, and some more."""
        if self._wanted.within_s is not None:
            return self._wanted.within_s
        return self._lasts_s(fault) + PATIENCE_S

    def _lasts_s(self, fault: Fault) -> float:
        if fault is Fault.SILENCE:
            return self._wanted.policy.silent_after_s or 0.0
        return MOST_BAD * self._camera.gap_s

    def _spoil(self, fault: Fault, images: list[bytes], known: set[UUID]) -> tuple[datetime, list[UUID]]:
        """Sends altered frames, or nothing, until it is told or enough time has gone."""

        def told() -> bool:
            return self._is_told(fault, known)

        began, longest_s = self._clock.utc(), self._lasts_s(fault) + PATIENCE_S
        if fault is Fault.SILENCE:
            self._until(told, longest_s)
            return began, []
        sent: list[Sent] = []
        deadline = self._clock.monotonic() + longest_s
        for image in cycle(images):  # a copy that sent nothing while it waits would be called silent
            sent.append(self._camera.send(image, f"drill {fault}"))
            if self._until(told, self._camera.wait_s) or self._clock.monotonic() > deadline:
                break
        return sent[0].captured_at, [each.frame for each in sent]

    def _is_told(self, fault: Fault, known: set[UUID]) -> bool:
        found = expected(fault, self._ear.story.after(known))
        if found is None or found.first_page is None:
            return False
        return self._arrived is None or found.label in self._arrived

    def _recover(self) -> None:
        """Good frames, until no incident is open and nothing remembers the fault; not for ever."""
        deadline = self._clock.monotonic() + PATIENCE_S
        count, most = 0, MOST_GOOD + self._wanted.policy.clear_after
        while count < GOOD_RUN or (self._ear.story.open and (count < most or self._clock.monotonic() < deadline)):
            self._next_good()
            self._until(lambda: False, self._camera.wait_s)
            count += 1

    def _next_good(self) -> Sent:
        self._until(lambda: False, self._camera.wait_s)
        return self._camera.good()

    def _until(self, met: Callable[[], bool], seconds: float) -> bool:
        """Listens until it is met, or so many seconds have gone; answers which."""
        deadline = self._clock.monotonic() + seconds
        while not met():
            left = deadline - self._clock.monotonic()
            if left <= 0:
                return False
            self._ear.listen(min(left, LISTEN_S))
        return True
