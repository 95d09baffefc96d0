"""One frame as pages show it, wherever it is known from: a score, an incident's evidence, or somebody's answer."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from andon.records import Answer, Evidence, FramePlace, Region, Score, Verdict


@dataclass(frozen=True, slots=True)
class Shot:
    """A frame and what inspection said of it. `frame` is where its image lies in Kafka, `scored` where its score does;
    `regions` are in pixels of the original, `width` by `height` (0: not known)."""

    frame_id: UUID
    station: str
    frame: FramePlace | None
    scored: FramePlace | None
    captured_at: datetime | None
    verdict: Verdict | None
    score: float | None = None
    threshold: float | None = None
    bundle: str | None = None
    product: str | None = None
    dataref: str | None = None
    regions: tuple[Region, ...] = ()
    width: int = 0
    height: int = 0

    @classmethod
    def of_score(cls, score: Score, scored: FramePlace | None) -> "Shot":
        """From its score, which lies at `scored`."""
        return cls(
            score.frame_id,
            score.station,
            score.frame,
            scored,
            score.captured_at,
            score.verdict,
            score.score,
            score.threshold,
            score.bundle,
            score.product,
            score.dataref,
            score.regions,
            score.width,
            score.height,
        )

    @classmethod
    def of_evidence(cls, station: str, shown: Evidence) -> "Shot":
        """From what an incident shows."""
        return cls(
            shown.frame_id,
            station,
            shown.frame,
            shown.scored,
            shown.captured_at,
            verdict_of(shown.score, shown.threshold),
            shown.score,
            shown.threshold,
            shown.bundle,
            None,
            shown.dataref,
            shown.regions,
            shown.width,
            shown.height,
        )

    @classmethod
    def of_answer(cls, said: Answer) -> "Shot":
        """From what somebody said of it."""
        return cls(
            said.frame_id,
            said.station,
            said.frame,
            said.scored,
            said.captured_at,
            said.verdict,
            said.score,
            said.threshold,
            said.bundle,
            said.product,
            said.dataref,
            (),
            said.width,
            said.height,
        )

    @property
    def ratio(self) -> float | None:
        """Score against threshold; above 1 is anomalous."""
        return self.score / self.threshold if self.score is not None and self.threshold else None


def verdict_of(score: float | None, threshold: float | None) -> Verdict:
    """What these numbers mean."""
    if score is None or threshold is None:
        return Verdict.UNSCORABLE
    return Verdict.ANOMALOUS if score > threshold else Verdict.OK
