"""A frame as two bundles see it: the picture, and each one's heat over it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from andon.bundle import Bundle
from andon.errors import Invalid
from andon.images.prepare import prepare
from andon.inference import Device, Model, Runtime, open_bundle
from andon.manifest import BundleManifest
from andon.preparation import Preparation
from andon.reasons import Reason
from andon.records.score import Region
from andon_training.evaluate.pictures import EDGE, HeatScale, Picture, picture_uri, whole_frame, with_heat
from andon_training.evaluate.pixels import upsampled

Shares = NDArray[np.float32]


@dataclass(frozen=True)
class Opened:
    """A bundle whose model is at hand, and the raw map value above which a place is anomalous."""

    bundle: Bundle
    model: Model
    map_threshold: float


@dataclass(frozen=True)
class Boxes:
    """Where a bundle that is not at hand found something, as its score says: in pixels of the original image."""

    regions: tuple[Region, ...]
    width: int
    height: int


View = Opened | Boxes | str  # str: why there is nothing to show


@dataclass(frozen=True)
class Shown:
    """One picture of a row: a data URI, or None and `told` why there is none."""

    told: str
    uri: str | None = None


def opened(bundle: Bundle, device: Device, runtime: Runtime = Runtime.ONNXRUNTIME) -> Opened:
    """`bundle`, ready to be asked for maps. Raises BundleError, Broken."""
    return Opened(bundle, open_bundle(bundle, device, runtime=runtime), map_threshold_of(bundle.manifest))


def map_threshold_of(manifest: BundleManifest) -> float:
    """The raw map value above which a place is anomalous."""
    return manifest.threshold if manifest.map_threshold is None else manifest.map_threshold


def row(
    image: bytes | Invalid, views: Sequence[tuple[str, View]], preparation: Preparation | None
) -> tuple[Shown, ...]:
    """The frame, its channels as `preparation` sees them, then what each of the named `views` shows on it."""
    if isinstance(image, Invalid):
        return (Shown(str(image)),)
    try:
        picture = whole_frame(image, preparation or Preparation())
    except Invalid as error:
        return (Shown(str(error)),)
    return (Shown("frame", picture_uri(picture)), *(_shown(picture, image, name, view) for name, view in views))


def _shown(picture: Picture, image: bytes, name: str, view: View) -> Shown:
    if isinstance(view, str):
        return Shown(f"{name}: {view}")
    if isinstance(view, Boxes):
        return Shown(f"{name}: where it found something", picture_uri(_boxed(picture, view)))
    try:
        return Shown(name, picture_uri(with_heat(picture, heat_shares(image, view, picture.shape[:2]))))
    except Invalid as error:
        return Shown(f"{name}: {error}")


def heat_shares(image: bytes, view: Opened, size: tuple[int, int]) -> Shares:
    """The map of an encoded image, float32 [*size], 0.5 at the threshold, laid where its preparation looked.

    Raises Invalid when the image cannot be prepared or the model gives no map.
    """
    prepared = prepare(image, view.bundle.manifest.preparation)
    outputs = view.model.run(prepared.tensor[np.newaxis])
    if outputs.problems[0]:
        raise Invalid(Reason.BAD_RECORD, f"the model gives no map: {outputs.problems[0]}")
    x, y, width, height = prepared.crop
    down, across = size[0] / prepared.original_height, size[1] / prepared.original_width
    left, top = int(x * across), int(y * down)
    right, bottom = max(left + 1, round((x + width) * across)), max(top + 1, round((y + height) * down))
    shares = np.zeros(size, np.float32)
    scaled = _scale(view.map_threshold, outputs.map[0]).shares(upsampled(outputs.map[0], (bottom - top, right - left)))
    shares[top:bottom, left:right] = scaled[: size[0] - top, : size[1] - left]
    return shares


def _scale(threshold: float, anomaly_map: NDArray[np.float32]) -> HeatScale:
    """From 0 to twice the threshold, as on the line; from the lowest value where the threshold is not positive."""
    low = 0.0 if threshold > 0 else min(float(anomaly_map.min()), threshold - 1)
    return HeatScale(low, 2 * threshold - low)


def _boxed(picture: Picture, boxes: Boxes) -> Picture:
    drawn = cv2.cvtColor(cv2.cvtColor(picture, cv2.COLOR_BGR2GRAY), cv2.COLOR_GRAY2BGR)
    down, across = picture.shape[0] / max(1, boxes.height), picture.shape[1] / max(1, boxes.width)
    for each in boxes.regions:
        corner = int(each.x * across), int(each.y * down)
        opposite = round((each.x + each.width) * across), round((each.y + each.height) * down)
        cv2.rectangle(drawn, corner, opposite, EDGE, 2)
    return np.ascontiguousarray(drawn.astype(np.uint8))


Fetch = Callable[[tuple[str, int, int]], bytes]
"""The image at a place of a frame topic. Raises Invalid where it is gone."""


def fetched(fetch: Fetch, place: tuple[str, int, int]) -> bytes | Invalid:
    """The image, or why it cannot be had."""
    try:
        return fetch(place)
    except Invalid as error:
        return error
