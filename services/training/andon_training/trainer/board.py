"""What the trainer knows between turns, in memory alone: all of it can be read back from Kafka."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from fnmatch import fnmatchcase

from andon.assignments import Assignments, Serving
from andon.errors import Invalid
from andon.ids import station_id
from andon.records import Assignment, JobPhase, NoticeKind, Score, Unscorable, read_event
from andon.records.assignment import EVERY
from andon.stage import Record
from andon.topics import SCORES
from andon_training.trainer.budget import Budget
from andon_training.trainer.desk import Desk
from andon_training.trainer.lesson import Job, Outcome
from andon_training.trainer.newcomers import Newcomer, counted, least_worth, most_counted
from andon_training.trainer.settings import OnboardingSettings
from andon_training.trainer.trials import Tally, case_of

NO_BUNDLE = Unscorable.NO_BUNDLE.value.encode()

Key = tuple[str, str | None]


@dataclass(frozen=True, slots=True)
class News:
    """Something that was decided; `why` is one of few words."""

    kind: NoticeKind
    station: str
    why: str
    says: str


class WorkEnd(StrEnum):
    """What came of a piece of work."""

    MADE = "made"  # a bundle
    REFUSED = "refused"  # no bundle can be made of it
    FAILED = "failed"  # no fault of its own; it may be tried again

    @classmethod
    def of(cls, *, made: bool, ours: bool) -> "WorkEnd":
        """Of what was said of it."""
        return cls.MADE if made else cls.FAILED if ours else cls.REFUSED


@dataclass(frozen=True, slots=True)
class Finish:
    """A piece of work that has ended, and how long it took."""

    end: WorkEnd
    seconds: float


@dataclass(slots=True)
class Board:
    """`table` is what `models` held before this turn. `jobs` are being fitted, by station, `finished` how some ended.
    `at_once` pieces of work may be done at a time, fits and requests together; `fits` is the day's budget of fits.
    `phases` are how the work at hand stands, `ended` what has ended since those who watch last looked.

    `tallies` are by station and product of the assignment that asks for the trial. `sees` says of bundles whether a
    golden frame of theirs shows a defect. `acted` holds what was written on which assignment, until `models` shows it;
    `settling` since when a decision stands that is not written yet. `desk` holds people's requests. `news` are the last
    turn's, for those who watch.
    """

    table: Assignments
    onboarding: OnboardingSettings
    newcomers: dict[str, Newcomer] = field(default_factory=dict)
    assigned: frozenset[str] = frozenset()
    tallies: dict[Key, Tally] = field(default_factory=dict)
    sees: dict[str, bool] = field(default_factory=dict)
    acted: dict[Key, datetime] = field(default_factory=dict)
    settling: dict[Key, datetime] = field(default_factory=dict)
    jobs: dict[str, Job] = field(default_factory=dict)
    finished: list[Outcome] = field(default_factory=list)
    at_once: int = 1
    fits: Budget = field(default_factory=Budget)
    phases: list[JobPhase] = field(default_factory=list)
    ended: list[Finish] = field(default_factory=list)
    desk: Desk = field(default_factory=Desk)
    news: list[News] = field(default_factory=list)

    def follow(self) -> None:
        """Takes in a table that changed: every new word about a trial begins it anew, whoever is served now is no
        newcomer."""
        serving = self.table.all()
        self.assigned = frozenset(each.active.station for each in serving)
        asked = {place_of(each.active): case for each in serving if (case := case_of(each.active))}
        self.tallies = {
            key: known if (known := self.tallies.get(key)) and known.case == case else Tally(case)
            for key, case in asked.items()
        }
        self.settling = {key: since for key, since in self.settling.items() if key in self.tallies}
        self.acted = {key: at for key, at in self.acted.items() if key in self.tallies}
        self.newcomers = {name: known for name, known in self.newcomers.items() if not self.is_assigned(name)}

    def is_assigned(self, station: str) -> bool:
        """Whether anything is assigned to the station, or one bundle to all.

        A station for which only some product has a bundle is in people's hands already.
        """
        return station in self.assigned or self.table.of(EVERY, None) is not None

    def take(self, record: Record) -> None:
        """Counts a score, but for a golden frame's. What nobody waits for is not even read; what cannot be read is
        alerting's to tell of."""
        if not (self.tallies or (record.topic == SCORES and NO_BUNDLE in record.value)):
            return
        try:
            score = read_event(Score, record.value)
            station_id(score.station)
        except Invalid:
            return
        if score.golden is not None or score.scored_at.tzinfo is None or (record.key or b"") != score.station.encode():
            return
        if score.unscorable is Unscorable.NO_BUNDLE:
            if record.topic == SCORES:
                self._newcomer(score, record.partition)
            return
        serving = self.table.lookup(score.station, score.product)
        if serving is not None and (tally := self.tallies.get(place_of(serving.active))):
            tally.take(score)

    def forget(self, partitions: set[int]) -> None:
        """These are another's now. Trials of all stations go on with what is left."""
        self.newcomers = {name: known for name, known in self.newcomers.items() if known.partition not in partitions}

    def trials(self) -> Iterator[tuple[Serving, Tally]]:
        """The trials that are still to be decided, with what serves."""
        for key, tally in self.tallies.items():
            found = self.table.of(*key)
            if found is not None and self.acted.get(key) != found.active.at:
                yield found, tally

    def _newcomer(self, score: Score, partition: int) -> None:
        station, settings = score.station, self.onboarding
        if not settings.enabled or not fnmatchcase(station, settings.stations) or self.is_assigned(station):
            return
        if self.table.lookup(station, score.product) is not None:
            return
        known = self.newcomers.get(station) or Newcomer(station, partition, score.captured_at)
        self.newcomers[station] = counted(known, score, most_counted(settings))
        if len(self.newcomers) > settings.most_stations:
            del self.newcomers[least_worth(self.newcomers.values()).station]


def place_of(assignment: Assignment) -> Key:
    """What it is assigned to."""
    return assignment.station, assignment.product
