"""How far a picture may differ from the good frames its bundle was made of.

The limits follow from the bundle's drift reference alone: beyond nearly all good frames, and far from their middle too.
So a station that never changes is not called dark for one per cent, and one whose parts differ is not called dark for
a dark part. Figures measured on real frames stand in docs/drift.md.
"""

from dataclasses import dataclass
from math import inf

import numpy as np

from andon.framing import Template, allowed_shift
from andon.manifest import BundleManifest, Distribution, DriftReference
from andon.records import Baseline

LOW, HIGH = 0.02, 0.98  # shares of the good frames
DARKER, BRIGHTER = 0.75, 1.25  # times their median brightness
LEAST_LIGHT = 0.02  # and by so much of white: five grey levels
WHITER = 0.10  # of the picture, beyond what HIGH of them had at white
SOFTER = 1.0  # below their median sharpness, a logarithm: 2.7 times less energy in edges
LEAST_FIT = 0.6  # correlation with the good frames' profile, below which a picture shows something else


@dataclass(frozen=True, slots=True)
class Axis:
    """One direction of the picture, in shares of its side: where things usually lie, and how far off they may: as far
    as they like (infinite) where good parts lie anywhere."""

    template: Template
    usual: float
    allowed: float


@dataclass(frozen=True, slots=True)
class Limits:
    """Of one bundle. `brightness` and `sharpness` are the good frames' medians. `right` and `down` are None where
    shifts cannot be told: an older bundle. `crop` is what is inspected, (width, height) in
    original pixels; None: all of the picture. `baselines` are the references that the bundle carries.
    """

    brightness: float
    sharpness: float
    dark: float
    bright: float
    white: float
    blurred: float
    right: Axis | None = None
    down: Axis | None = None
    crop: tuple[int, int] | None = None
    baselines: tuple[Baseline, ...] = ()


def limits_of(manifest: BundleManifest, reference: DriftReference) -> Limits:
    """The limits that follow from a bundle. Raises KeyError where its reference lacks a number of image health."""
    light, white, edges = (reference.health[name] for name in ("luminance", "clipped_high", "sharpness"))
    crop, framing, middle = manifest.preparation.crop, reference.framing, quantile(light, 0.5)
    return Limits(
        brightness=middle,
        sharpness=quantile(edges, 0.5),
        dark=min(quantile(light, LOW), DARKER * middle, middle - LEAST_LIGHT),
        bright=max(quantile(light, HIGH), BRIGHTER * middle, middle + LEAST_LIGHT),
        white=quantile(white, HIGH) + WHITER,
        blurred=min(quantile(edges, LOW), quantile(edges, 0.5) - SOFTER),
        right=_axis(framing.columns, framing.right) if framing else None,
        down=_axis(framing.rows, framing.down) if framing else None,
        crop=(crop.width, crop.height) if crop else None,
        baselines=reference.baselines,
    )


def quantile(of: Distribution, share: float) -> float:
    """The value below which `share` of the good frames lie."""
    return float(np.interp(share, np.linspace(0, 1, len(of.quantiles)), of.quantiles))


def _axis(profile: tuple[float, ...], shifts: Distribution) -> Axis:
    allowed = allowed_shift(shifts.quantiles)
    return Axis(Template(profile), quantile(shifts, 0.5), inf if allowed is None else allowed)
