"""What the trainer asks of whoever does its work, be it a process or a Job.

The contract, once, for both:

* `Workers.begin` returns at once, whatever it takes to begin. What goes wrong with beginning is told by `ended`.
* The one who works reads its task as one line of JSON and says in lines how far it is and what came of it. Lines that
  are neither are its log. `lines` hands over each line once, in order, without waiting.
* When `ended` is not None nobody works any more. Asked before `lines`, these are the last.
* A piece of work that is begun again under the same task, by this process or the next, is the same piece of work where
  that can be: a Job that runs is adopted, and its lines come from the beginning.
* `leave` is for what nobody here waits for any more. A process ends with it; a Job runs on, for who comes next.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from andon.records import JobPhase

ASKED = "ANDON_ASKED"
"""The variable in which a Job is told what is asked."""


class Kind(StrEnum):
    """What a task is; the value is the module that does it."""

    FIT = "andon_training.trainer.attempt"  # a station's first bundle
    REQUEST = "andon_training.trainer.errand"  # what somebody asked for


@dataclass(frozen=True, slots=True)
class Task:
    """What is to be done. `key` is what it is of, `asked` the line of JSON, `tries` how often it failed before.
    `trains`: it is `andon train`, which a GPU helps."""

    kind: Kind
    key: str
    station: str
    asked: str
    tries: int = 0
    trains: bool = False


@dataclass(frozen=True, slots=True)
class Report:
    """How a piece of work stands; `why` is a sentence, where there is more to say than its phase."""

    phase: JobPhase
    why: str = ""


@dataclass(frozen=True, slots=True)
class Ended:
    """Nobody works any more. `problem` says why, where what came of it was not said; `ours`: the task is not at fault,
    and may be tried again."""

    problem: str
    ours: bool


class Worker(Protocol):
    """One piece of work. See the contract above."""

    @property
    def report(self) -> Report:
        """How it stands."""

    @property
    def ended(self) -> Ended | None:
        """How it ended; None while somebody works."""

    def lines(self) -> list[str]:
        """What was said since it was last asked."""

    def leave(self) -> None:
        """Nobody here waits for it. Any number of times."""


class Workers(Protocol):
    """Who begins work."""

    def begin(self, task: Task) -> Worker:
        """Begins it, or takes it up where it is being done. Returns at once."""
