"""A score's few numbers, read without the rest of it: most scores are nothing special."""

from dataclasses import dataclass
from uuid import UUID

from pydantic import TypeAdapter, ValidationError

from andon.errors import Invalid
from andon.reasons import Reason
from andon.records import Verdict


@dataclass(frozen=True, slots=True)
class Peek:
    """As `andon.records.Score` has them."""

    frame_id: UUID
    verdict: Verdict
    score: float | None = None
    threshold: float | None = None
    bundle: str | None = None
    golden: str | None = None

    @property
    def ratio(self) -> float | None:
        """Score against threshold; above 1 is anomalous."""
        return self.score / self.threshold if self.score is not None and self.threshold else None


_PEEK = TypeAdapter(Peek)


def peeked(value: bytes | None) -> Peek:
    """The numbers of a score's JSON. Raises Invalid."""
    try:
        return _PEEK.validate_json(value or b"")
    except ValidationError:
        raise Invalid(Reason.BAD_RECORD, "Score: it cannot be read") from None
