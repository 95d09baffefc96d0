"""`andon explain`: a recorded verdict made once more from the frame and the bundle it names, and what differs."""

from dataclasses import dataclass
from enum import StrEnum
from importlib.util import find_spec

import cv2
import numpy as np

from andon.bundle import Bundle, BundleError
from andon.errors import Invalid
from andon.ids import sha256_hex
from andon.images.prepare import Prepared, prepare
from andon.inference import Device, Outputs, Runtime
from andon.kafka.at import At, Blobs, checksum_told, frame_at
from andon.records import FramePlace, Region, Score, Unscorable, Verdict
from andon.records.frame import Frame
from andon.store import BundleStore
from andon.where import heat_map_png, regions
from andon_training.replay.pictures import Opened, opened


class Ending(StrEnum):
    """How it ended."""

    EXACT = "reproduced_bit_for_bit"
    WITHIN = "reproduced_within_tolerance"
    DIFFERS = "differs"
    CANNOT = "cannot_be_reproduced"

    @property
    def exit_status(self) -> int:
        """0 reproduced, 1 differs, 2 cannot."""
        return {Ending.DIFFERS: 1, Ending.CANNOT: 2}.get(self, 0)


class Same(StrEnum):
    """Whether one thing is now as it was then."""

    YES = "same"
    NEARLY = "nearly"
    NO = "differs"
    UNKNOWN = "unknown"


@dataclass(frozen=True)
class Check:
    """One thing, then and now."""

    what: str
    same: Same
    told: str


@dataclass(frozen=True)
class Explanation:
    """The recorded verdict, what was checked, and the conclusion. `image` and `view` are there for pictures."""

    score: Score
    topic: str
    ending: Ending
    conclusion: str
    checks: tuple[Check, ...]
    image: bytes | None = None
    view: Opened | None = None


@dataclass(frozen=True)
class Again:
    """What the bundle says of the frame now."""

    prepared: Prepared
    outputs: Outputs
    view: Opened
    runtime: str


def explain(
    score: Score, topic: str, at: At, blobs: Blobs, bundles: BundleStore, device: Device = Device.CPU
) -> Explanation:
    """Makes the verdict again. Raises Broken when Kafka, the store or the device fails."""
    checks: list[Check] = []
    image = _image(score, at, blobs, checks)
    bundle = _bundle(score, bundles, checks)
    if image is None or bundle is None:
        return Explanation(score, topic, Ending.CANNOT, _why_not(score, image is None, bundle), tuple(checks), image)
    view = opened(bundle, device, runtime_then(score, device))
    try:
        prepared = prepare(image, bundle.manifest.preparation)
    except Invalid as error:
        checks.append(Check("preparation", Same.NO, f"it cannot be prepared here: {error}"))
        told = f"the frame was scored then and cannot be prepared now: {error}; {versions(bundle)}"
        return Explanation(score, topic, Ending.DIFFERS, told, tuple(checks), image)
    again = Again(prepared, view.model.run(prepared.tensor[np.newaxis]), view, view.model.runtime)
    checks += _compared(score, bundle, again)
    ending, conclusion = _conclusion(score, bundle, checks)
    return Explanation(score, topic, ending, conclusion, tuple(checks), image, view)


def runtime_then(score: Score, device: Device) -> Runtime:
    """The runtime that computed the score, where it can be had here; else ONNX Runtime."""
    with_openvino = (score.runtime or "").startswith("OpenVINO") and device is not Device.CUDA
    return Runtime.OPENVINO if with_openvino and find_spec("openvino") is not None else Runtime.ONNXRUNTIME


def _image(score: Score, at: At, blobs: Blobs, checks: list[Check]) -> bytes | None:
    """The frame's bytes, where they can be had and are this frame's."""
    place = score.frame
    try:
        frame, image = frame_at(at, blobs, (place.topic, place.partition, place.offset))
    except Invalid as error:
        checks.append(Check("frame", Same.UNKNOWN, f"gone: {error.detail}"))
        return None
    if frame.frame_id != score.frame_id:
        told = f"at {where(place)} lies frame {frame.frame_id} now: the topic was made anew since"
        checks.append(Check("frame", Same.UNKNOWN, told))
        return None
    false = frame.sha256 is not None and sha256_hex(image) != frame.sha256.lower()
    checks.append(Check("frame", _frame_same(frame, false=false), f"{where(place)}: {checksum_told(frame, image)}"))
    return image


def _frame_same(frame: Frame, *, false: bool) -> Same:
    if frame.sha256 is None:
        return Same.UNKNOWN
    return Same.NO if false else Same.YES


def _bundle(score: Score, bundles: BundleStore, checks: list[Check]) -> Bundle | None:
    if score.bundle is None:
        checks.append(Check("bundle", Same.UNKNOWN, "none judged it"))
        return None
    try:
        found = bundles.get(score.bundle)
    except BundleError as error:
        checks.append(Check("bundle", Same.UNKNOWN, str(error)))
        return None
    checks.append(Check("bundle", Same.YES, f"{found.digest[:12]}, every byte proven by its digest"))
    return found


def _why_not(score: Score, frame_gone: bool, bundle: Bundle | None) -> str:
    """What is missing, and what that means."""
    if score.unscorable is not None and score.bundle is None:
        return UNSCORED[score.unscorable]
    gone = []
    if frame_gone:
        gone.append("its frame is gone: Kafka keeps frames for a time only, and nobody copied this one out")
    if bundle is None and score.bundle is not None:
        gone.append(
            f"bundle {score.bundle[:12]} is not in the store: put the file there again (its digest proves it), "
            "or name the store that holds it with ANDON_STORE__BUNDLES"
        )
    return "; ".join(gone) + ". What was recorded stands above; it cannot be made again"


UNSCORED = {
    Unscorable.NO_BUNDLE: "no bundle was assigned to its station then, or none that could be loaded: there is nothing "
    "to make again. Assign one (andon assign); andon rescore tells what it would have said",
    Unscorable.WRONG_PREPARATION: "it was prepared for another bundle than any that was at hand: the assignment moved "
    "while it was on its way. andon rescore tells what a bundle says of it",
    Unscorable.NOT_FINITE: "the model gave no finite number for it",
    Unscorable.WRONG_SHAPE: "the model answered something else than it promised",
}


def _compared(score: Score, bundle: Bundle, again: Again) -> list[Check]:
    manifest = bundle.manifest
    checks = [_preparation(score, bundle, again.prepared), _score(score, bundle, again)]
    problem = again.outputs.problems[0]
    now = Verdict.UNSCORABLE if problem else manifest.verdict(float(again.outputs.score[0]))
    checks.append(Check("verdict", _same(now is score.verdict), f"{score.verdict} then, {now} now"))
    checks.append(_threshold(score, manifest.threshold))
    if problem is None:
        checks += _places(score, again)
    then = score.runtime or "not recorded"
    same = Same.UNKNOWN if score.runtime is None else _same(score.runtime == again.runtime)
    checks.append(Check("runtime", same, f"{then} then, {again.runtime} now"))
    return checks


def _preparation(score: Score, bundle: Bundle, prepared: Prepared) -> Check:
    """The numbers that preprocess measured are the fingerprint of the pixels it made."""
    size = (prepared.original_width, prepared.original_height)
    if size != (score.width, score.height):
        return Check("preparation", Same.NO, f"{score.width}x{score.height} pixels then, {size[0]}x{size[1]} now")
    if score.health is None:
        return Check("preparation", Same.UNKNOWN, "the score names no health numbers to know its pixels by")
    if prepared.health == score.health:
        return Check("preparation", Same.YES, "the same pixels, by the health numbers that were measured on them")
    then, now = score.health.model_dump(), prepared.health.model_dump()
    moved = ", ".join(f"{name} {then[name]:.6g}, now {now[name]:.6g}" for name in then if then[name] != now[name])
    return Check("preparation", Same.NO, f"other pixels: {moved}; {versions(bundle)}")


def _score(score: Score, bundle: Bundle, again: Again) -> Check:
    problem = again.outputs.problems[0]
    if problem is not None or score.score is None:
        then = "none" if score.score is None else f"{score.score:.9g}"
        now = str(problem) if problem else f"{float(again.outputs.score[0]):.9g}"
        same = _same(score.score is None and problem is score.unscorable)
        return Check("score", same, f"{then} ({score.unscorable or 'scored'}) then, {now} now")
    now_score = float(again.outputs.score[0])
    told = f"{score.score:.9g} then, {now_score:.9g} now: {now_score - score.score:+.3g}"
    if now_score == score.score:
        return Check("score", Same.YES, f"{score.score:.9g} then and now, to the last bit")
    allowed = bundle.manifest.tolerance.allows(score.score, now_score, bundle.manifest.threshold)
    limit = f"its tolerance is {bundle.manifest.tolerance.relative:g} of the score"
    return Check("score", Same.NEARLY if allowed else Same.NO, f"{told}; {limit}")


def _threshold(score: Score, threshold: float) -> Check:
    if score.threshold is None:
        return Check("threshold", Same.UNKNOWN, f"not recorded; the bundle's is {threshold:.9g}")
    same = _same(score.threshold == threshold)
    return Check("threshold", same, f"{score.threshold:.9g} then, {threshold:.9g} in the bundle")


def _places(score: Score, again: Again) -> list[Check]:
    """Regions and heat map, of an anomalous frame."""
    if score.verdict is not Verdict.ANOMALOUS:
        return [Check("regions", Same.YES, "none, since it was not anomalous")]
    anomaly_map, threshold = again.outputs.map[0], again.view.map_threshold
    now = regions(anomaly_map, threshold, again.prepared.crop)
    found = f"{len(score.regions)} then, {len(now)} now"
    if now == score.regions:
        checks = [Check("regions", Same.YES, found)]
    else:
        boxes = [_box(each) for each in now] == [_box(each) for each in score.regions]
        told = f"{found}: the same places, other peaks" if boxes else found
        checks = [Check("regions", Same.NEARLY if boxes else Same.NO, told)]
    if score.heat_map is not None:
        same = heat_map_png(anomaly_map, threshold) == score.heat_map
        told = "the same picture" if same else "another picture"
        checks.append(Check("heat map", Same.YES if same else Same.NEARLY, told))
    return checks


def _box(region: Region) -> tuple[int, int, int, int]:
    return region.x, region.y, region.width, region.height


def _conclusion(score: Score, bundle: Bundle, checks: list[Check]) -> tuple[Ending, str]:
    by_name = {check.what: check for check in checks}
    exact = ("score", "verdict", "threshold", "regions", "heat map")
    differ = [name for name in ("frame", "preparation", *exact) if name in by_name and by_name[name].same is Same.NO]
    if not differ:
        near = [name for name in exact if name in by_name and by_name[name].same is not Same.YES]
        if near:
            return Ending.WITHIN, f"reproduced within tolerance; not bit for bit: {', '.join(near)}"
        again = (
            "it is unscorable again" if score.verdict is Verdict.UNSCORABLE else "the same score, verdict and places"
        )
        return Ending.EXACT, f"reproduced bit for bit: {again}"
    return Ending.DIFFERS, f"differs in {', '.join(differ)}. Likely cause: {_cause(by_name, bundle)}"


def _cause(checks: dict[str, Check], bundle: Bundle) -> str:
    """The first thing on the way from the frame to the verdict that is not what it was."""
    if checks["frame"].same is Same.NO:
        return "the bytes of the frame are not those its maker counted: they were changed on their way or in the store"
    if checks["preparation"].same is Same.NO:
        return f"the image decodes or resizes to other pixels here; {versions(bundle)}"
    if checks["threshold"].same is Same.NO:
        return "another threshold than the bundle's own was in force"
    runtime = checks["runtime"]
    known = (
        f"runtime {runtime.told}" if runtime.same is not Same.YES else "the same runtime: another processor or driver"
    )
    return f"the same pixels gave another score: other arithmetic ({known})"


def versions(bundle: Bundle) -> str:
    """The decoder the bundle was proven with, and the one that is here."""
    return f"proven with OpenCV {bundle.manifest.provenance.opencv}, here {cv2.__version__}"


def where(place: FramePlace) -> str:
    """A place in Kafka as people write it."""
    return f"{place.topic}[{place.partition}]@{place.offset}"


def _same(same: bool) -> Same:
    return Same.YES if same else Same.NO
