"""What an attempt to fit a station's first bundle is asked, and what it answers: one line of JSON each way."""

from pydantic import BaseModel, ConfigDict


class Job(BaseModel):
    """Fit a bundle to the newest `frames` frames of `station`; so many attempts failed before."""

    model_config = ConfigDict(frozen=True)

    station: str
    frames: int
    attempts: int = 0


class Lesson(BaseModel):
    """What was learned: the bundle that now lies in the store, from how many frames, and how sure its threshold is.

    `budget`, `low` and `high` are shares of good frames; the truth lies between the last two at that `confidence`.
    """

    model_config = ConfigDict(frozen=True)

    bundle: str
    frames: int
    offered: int
    left_out: int
    worth_a_look: int
    threshold: float
    budget: float
    low: float
    high: float
    confidence: float
    sees: bool


class Outcome(BaseModel):
    """How an attempt ended: with a `lesson`, or a `problem` in a sentence; `ours` where the frames are not at fault."""

    model_config = ConfigDict(frozen=True)

    job: Job
    lesson: Lesson | None = None
    problem: str = ""
    ours: bool = False
