"""What stands in a bundle's JSON files, one frozen model each."""

from collections.abc import Iterable
from datetime import datetime
from typing import Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from andon.preparation import Preparation
from andon.records.baseline import Baseline
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

    `method` is `conformal` (an order statistic of the scores) or `pareto-tail` (extrapolated, because the budget lies
    beyond the sample). `good_frames` is how many scores it rests on, `effective_frames` how many independent ones they
    are worth (None: an older bundle, which took all as independent), `good_frames_missing` how many more independent
    frames, all below the threshold, would prove the budget at 95 % confidence. `source` says where the scores come
    from: the frames the bundle was fitted on, each held out in one of `folds`; fresh ones, then in 1 fold; or, for want
    of fresh ones, drawn variations of reference images. `upper_bound`: the scores are those of the bundle before false
    calls were remembered, and this one's are at most as high: at most so many good frames are called, maybe none.
    """

    method: Literal["conformal", "pareto-tail"]
    budget: float = Field(gt=0, lt=1, description="accepted share of good frames called anomalous")
    good_frames: int = Field(ge=1)
    effective_frames: float | None = Field(None, ge=1)
    good_frames_missing: int = Field(ge=0)
    false_call_rate: float = Field(ge=0, le=1, description="share of the good frames behind it above the threshold")
    interval: RateInterval
    folds: int = Field(ge=1)
    source: Literal["held-out", "fresh", "drawn"] = "held-out"
    upper_bound: bool = False
    warnings: tuple[str, ...] = ()


class CalibrationSample(Part):
    """`calibration.json`: the scores of good frames behind the threshold, in the order of the frames."""

    scores: tuple[float, ...] = Field(min_length=1)

    @classmethod
    def of(cls, scores: Iterable[float]) -> "CalibrationSample":
        """`scores` with the seven digits that a float32 holds: what is kept is what the threshold follows from."""
        return cls(scores=tuple(float(f"{score:.7g}") for score in scores))


class Candidate(Part):
    """One way to make the bundle that was tried. `auroc` tells good trial frames from the same with drawn defects."""

    plan: str
    auroc: float = Field(ge=0, le=1)
    chosen: bool = False


class BackboneUsed(Part):
    """The feature extractor inside the model. `digest` is the sha256 of the file it came from."""

    name: str
    digest: str = Field(pattern=_HEX64)
    pixels: str


class Quantisation(Part):
    """What fewer bits do beside float32, over good frames the fit held out and the same frames with defects: drawn
    ones, or real ones where some were given.

    `band` is how far, as a share of the threshold, a score moved at most: beyond it no verdict changed. `reason` says
    why the smaller precision was not used although it was asked for.
    """

    precision: Literal["int8", "float16"] = "int8"
    auroc_float32: float = Field(ge=0, le=1)
    auroc_after: float | None = Field(ge=0, le=1, description="null: it gives numbers that are not finite")
    band: float | None = Field(ge=0)
    used: bool
    reason: str = ""


class Export(Part):
    """How the ONNX model compares with the PyTorch model it was exported from, on `frames` frames.

    Every verdict was the same; the greatest relative difference of a score is `worst`.
    """

    frames: int = Field(ge=1)
    worst: float = Field(ge=0)
    opset: int
    torch: str
    anomalib: str


class Remembered(Part):
    """False calls that people confirmed and that joined the model's memory after it was made.

    `frames` are all of them, `cells` how many cells they brought to each of its memories. The threshold stayed as it
    was: no score rises when a memory grows.
    """

    frames: tuple[UUID, ...] = Field(min_length=1)
    cells: tuple[int, ...]


WITH_MEMORY = frozenset({"memory-bank", "patchcore"})
"""Methods whose model keeps examples of good parts, so that one more can be added (`andon remember`)."""


class Training(Part):
    """What the model was made of. `settings` are the method's own, as it names them.

    `left_out` names images that could be read and were not learned from, `worth_a_look` some that were learned from
    all the same, each with the reason.
    """

    method: str
    extractor: str
    frames: int = Field(ge=1)
    frames_offered: int = Field(ge=1)
    unreadable: tuple[str, ...] = ()
    left_out: tuple[str, ...] = ()
    worth_a_look: tuple[str, ...] = ()
    precision: Literal["float32", "int8", "float16"] = "float32"
    quantisation: Quantisation | None = None
    backbone: BackboneUsed | None = None
    candidates: tuple[Candidate, ...] = ()
    references: tuple[str, ...] = Field((), description="the reference images, as the model's `reference` counts them")
    export: Export | None = None
    remembered: Remembered | None = None
    settings: dict[str, int | float | str] = {}

    @property
    def has_memory(self) -> bool:
        """Whether its model keeps examples that others can be added to, as far as its method tells."""
        return self.method.lower() in WITH_MEMORY


class Provenance(Part):
    """What made it. The moment stands in `made.json`, outside the digest.

    `recalibrated_from` is the digest of the bundle whose model this is, when only its threshold was moved;
    `quantised_from` that of the float32 bundle whose model this is in fewer bits; `remembered_from` that of the bundle
    whose memory was widened by the false calls that `Training.remembered` names last; `frozen_from` that of the bundle
    under which the baselines in its reference were learned.
    """

    andon: str
    onnx: str
    onnxruntime: str
    opencv: str
    recalibrated_from: str | None = Field(None, pattern=_HEX64)
    quantised_from: str | None = Field(None, pattern=_HEX64)
    remembered_from: str | None = Field(None, pattern=_HEX64)
    frozen_from: str | None = Field(None, pattern=_HEX64)


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
    map_threshold: float | None = Field(
        None,
        description="raw map value; a place above it is anomalous. None: as the score, which is on the map's scale",
    )
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


class FramingReference(Part):
    """Where things stood in the good frames: mean profiles (`andon.framing`), and how far each frame lay from them to
    the right and down, in shares of the picture's sides.
    """

    columns: tuple[float, ...] = Field(min_length=64, max_length=64)
    rows: tuple[float, ...] = Field(min_length=64, max_length=64)
    right: Distribution
    down: Distribution


class DriftReference(Part):
    """`reference.json`: how good frames looked, and scored, when the bundle was made. Health by feature name.

    `framing` is None in a bundle from before it was measured. `baselines` are what stations learned about themselves
    under the bundle that this one was made from, and were frozen into it.
    """

    health: dict[str, Distribution]
    score: Distribution
    framing: FramingReference | None = None
    baselines: tuple[Baseline, ...] = ()


class Made(Part):
    """`made.json`: outside the digest."""

    created_at: datetime
