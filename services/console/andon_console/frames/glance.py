"""The little of a score that curves and searches need: a twelfth of the cost of reading all of it."""

from uuid import UUID

from pydantic import AwareDatetime, BaseModel, ConfigDict, ValidationError

from andon.records import Verdict
from andon.stage import Record


class Glance(BaseModel):
    """Some of `andon.records.Score`."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    frame_id: UUID
    captured_at: AwareDatetime
    verdict: Verdict
    score: float | None = None
    threshold: float | None = None
    part: str | None = None
    golden: str | None = None

    @property
    def ratio(self) -> float | None:
        """Score against threshold; above 1 is anomalous."""
        return self.score / self.threshold if self.score is not None and self.threshold else None


def glance(record: Record, key: bytes) -> Glance | None:
    """The score in `record`, where it is of the station of this key; golden frames are of none."""
    if record.key != key:
        return None
    try:
        found = Glance.model_validate_json(record.value)
    except ValidationError:
        return None
    return None if found.golden else found
