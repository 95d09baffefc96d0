"""What stands in a bundle's JSON: `bundle.json`, `reference.json`, `made.json`, one frozen model each."""

from datetime import datetime
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from andon.preparation import Preparation
from andon.records.score import Verdict


class Part(BaseModel):
    """A newer writer may add fields within a schema version; a reader leaves them be."""

    model_config = ConfigDict(frozen=True, extra="ignore", allow_inf_nan=False)


Digest = str
_HEX64 = r"^[0-9a-f]{64}$"


class Member(Part):
    """One file of the bundle."""

    name: str
    sha256: str = Field(pattern=_HEX64)
    size: int = Field(ge=0)


class RateInterval(Part):
    """Where the true false-call rate at the threshold lies, with `confidence`, as a share of good frames."""

    low: float = Field(ge=0, le=1)
    high: float = Field(ge=0, le=1)
    confidence: float = Field(gt=0, lt=1)


class Calibration(Part):
    """How the threshold follows from good frames alone.

    `method` is `conformal` (an order statistic of held-out scores) or `pareto-tail` (extrapolated, because
    the budget lies beyond the sample). `good_frames` is how many held-out scores it rests on, `good_frames_missing`
    how many more, all below the threshold, would prove the budget at 95 % confidence.
    """

    method: Literal["conformal", "pareto-tail"]
    budget: float = Field(gt=0, lt=1, description="accepted share of good frames called anomalous")
    good_frames: int = Field(ge=1)
    good_frames_missing: int = Field(ge=0)
    false_call_rate: float = Field(ge=0, le=1, description="share of the held-out good frames above the threshold")
    interval: RateInterval
    folds: int = Field(ge=2)
    warnings: tuple[str, ...] = ()


class Training(Part):
    """What the model was made of. `settings` are the method's own, as it names them."""

    method: str
    extractor: str
    frames: int = Field(ge=1)
    frames_offered: int = Field(ge=1)
    unreadable: tuple[str, ...] = ()
    settings: dict[str, int | float | str] = {}


class Provenance(Part):
    """What made it. The moment stands in `made.json`, outside the digest."""

    andon: str
    onnx: str
    onnxruntime: str
    opencv: str


class GoldenFrame(Part):
    """One encoded image, and what the model must say of it wherever it is served."""

    name: str = Field(pattern=r"^golden/[A-Za-z0-9_][A-Za-z0-9._-]{0,99}$")
    sha256: str = Field(pattern=_HEX64)
    tensor_sha256: str = Field(pattern=_HEX64, description="of the prepared tensor's bytes: tells decoder from model")
    verdict: Verdict
    score: float
    synthetic: bool = Field(False, description="a good frame with a defect drawn into it")


class Tolerance(Part):
    """A golden score may move by `relative` times the greater of itself and the threshold, in size."""

    relative: float = Field(1e-3, ge=0)

    def allows(self, expected: float, got: float, threshold: float) -> bool:
        """Whether `got` is the score `expected`, as far as another machine's arithmetic goes."""
        return abs(got - expected) <= self.relative * max(abs(expected), abs(threshold))


class BundleManifest(Part):
    """`bundle.json`."""

    schema_version: Literal[1] = 1
    product: str | None = None
    preparation: Preparation
    threshold: float = Field(description="raw score; a frame above it is anomalous")
    calibration: Calibration
    training: Training
    provenance: Provenance
    golden: tuple[GoldenFrame, ...] = Field(min_length=1)
    tolerance: Tolerance = Tolerance()
    members: tuple[Member, ...] = ()

    def verdict(self, score: float) -> Verdict:
        """The verdict on a finite raw score."""
        return Verdict.ANOMALOUS if score > self.threshold else Verdict.OK


class Distribution(Part):
    """One number over the good frames: `quantiles` are evenly spaced from the least (0) to the greatest (1)."""

    quantiles: tuple[float, ...] = Field(min_length=2)
    mean: float
    sd: float = Field(ge=0)
    n: int = Field(ge=1)


class DriftReference(Part):
    """`reference.json`: how good frames looked, and scored, when the bundle was made. Health by feature name."""

    health: dict[str, Distribution]
    score: Distribution


class Made(Part):
    """`made.json`: outside the digest."""

    created_at: datetime
