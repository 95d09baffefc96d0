"""What an errand says on its way, one line of JSON each: how far it is, and in the end what came of it."""

from uuid import UUID

from pydantic import BaseModel, ConfigDict

from andon.records import Rescored


class Result(BaseModel):
    """How a request ended: with a `bundle` in the store, or a `problem` in a sentence.

    `ours`: the request is not at fault, and may be taken up again.
    """

    model_config = ConfigDict(frozen=True)

    request_id: UUID
    sentence: str = ""
    bundle: str | None = None
    threshold: float | None = None
    rescored: Rescored | None = None
    problem: str = ""
    ours: bool = False


class Word(BaseModel):
    """One line. `progress` is a share of the way, 0 to 1."""

    model_config = ConfigDict(frozen=True)

    progress: float | None = None
    result: Result | None = None
