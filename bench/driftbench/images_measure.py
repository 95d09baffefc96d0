"""What the line would measure of a picture: preprocess's numbers, the score, the embedding, the highest place.

The bundle is a real one, fitted by `andon fit`'s own code; a picture goes through `andon.images.prepare` as an encoded
file and through the bundle's model as a tensor. Rows are kept in a cache, because they cost some 6 ms each.
"""

from collections.abc import Sequence
from dataclasses import dataclass, fields
from functools import cached_property
from pathlib import Path

import cv2
import numpy as np
from images_sets import Set
from numpy.typing import NDArray

from andon.bundle import Bundle, read_bundle, write_bundle
from andon.charts.sample import cell
from andon.framing import read_framing
from andon.health import ImageHealth
from andon.images.prepare import prepare
from andon.inference import Model, open_bundle
from andon.where import peak
from andon_drift.limits import LEAST_FIT, Axis, limits_of
from andon_drift.numbers import NAMES
from andon_training.choose import Fixed
from andon_training.fit import FitSettings, fit_bundle
from andon_training.options import Lighting, Method

Image = NDArray[np.uint8]
BATCH = 8
HEALTH = tuple(name for name in NAMES if name in ImageHealth.model_fields)
DECIDED = Fixed(size=256, method=Method.GAUSSIAN, lighting=Lighting.LEVELLED, registered=False)
BUDGET = 0.01


@dataclass(frozen=True)
class Encoded:
    """A picture as a file, for `andon fit`."""

    name: str
    image: Image

    def read_bytes(self) -> bytes:
        """PNG."""
        return png(self.image)


@dataclass(frozen=True)
class Rows:
    """Of n frames: `values` float64 [n, F] in the order of NAMES, the score always given; `embedding` [n, d] (d may be
    0), `cells` int16 [n]."""

    values: NDArray[np.float64]
    embedding: NDArray[np.float32]
    cells: NDArray[np.int16]

    def __len__(self) -> int:
        return len(self.values)

    def __add__(self, other: "Rows") -> "Rows":
        return Rows(*(np.concatenate([getattr(self, each.name), getattr(other, each.name)]) for each in fields(Rows)))

    def save(self, file: Path) -> None:
        """To `file`."""
        np.savez_compressed(file, **{each.name: getattr(self, each.name) for each in fields(Rows)})

    @classmethod
    def load(cls, file: Path) -> "Rows":
        """From `file`."""
        with np.load(file) as kept:
            return cls(**{each.name: kept[each.name] for each in fields(Rows)})


@dataclass(frozen=True)
class Measure:
    """Measures pictures with `bundle`."""

    bundle: Bundle

    @cached_property
    def model(self) -> Model:
        """Open, on one thread."""
        return open_bundle(self.bundle, threads=1)

    @cached_property
    def axes(self) -> tuple[Axis | None, Axis | None]:
        """Where things usually stand."""
        limits = limits_of(self.bundle.manifest, self.bundle.reference)
        return limits.right, limits.down

    def rows(self, pictures: Sequence[Image]) -> Rows:
        """Of as many frames."""
        made = [prepare(png(each), self.bundle.manifest.preparation) for each in pictures]
        out = self.model.run(np.stack([each.tensor for each in made]))
        shifts = [self.shift(each.framing, each.original_width, each.original_height) for each in made]
        values = [
            (*(getattr(each.health, name) for name in HEALTH), *shift, float(score))
            for each, shift, score in zip(made, shifts, out.score, strict=True)
        ]
        embedding = np.zeros((len(made), 0), np.float32) if out.embedding is None else out.embedding
        return Rows(np.array(values), embedding, np.array([cell_of(each) for each in out.map], np.int16))

    def shift(self, framing: str, width: int, height: int) -> tuple[float, float]:
        """As drift tells it: in original pixels, NaN where it cannot be told."""
        profiles = read_framing(framing)
        right, down = (
            self._along(axis, profile, pixels)
            for axis, profile, pixels in zip(self.axes, profiles, (width, height), strict=True)
        )
        return right, down

    @staticmethod
    def _along(axis: Axis | None, profile: Image, pixels: int) -> float:
        if axis is None:
            return np.nan
        found, fit = axis.template.find(profile)
        return (found - axis.usual) * pixels if fit >= LEAST_FIT else np.nan


def fitted(images: Set, file: Path) -> Bundle:
    """The bundle that `andon fit` makes of the set; read from `file` where it was made before."""
    if not file.exists():
        sources = [Encoded(f"{i}.png", image) for i, image in enumerate(images.fit)]
        settings = FitSettings(budget=BUDGET, fixed=DECIDED, grey=not images.colour)
        write_bundle(fit_bundle(sources, settings, andon_version="driftbench"), file)
    return read_bundle(file)


def png(image: Image) -> bytes:
    """Encoded as fast as can be."""
    return bytes(cv2.imencode(".png", image, [cv2.IMWRITE_PNG_COMPRESSION, 0])[1].tobytes())


def cell_of(anomaly_map: NDArray[np.float32]) -> int:
    """Where in the grid its highest place lies; -1: nowhere."""
    height, width = anomaly_map.shape
    found = peak(anomaly_map, (0, 0, 16 * width, 16 * height))
    return -1 if found is None else cell(found[0] / (16 * width), found[1] / (16 * height))
