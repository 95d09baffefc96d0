"""The sets of driftbench's images: real frames in MVTec AD layout, a clip in colour, and drawn parts.

Each gives frames to fit a bundle on, other good frames to stream, and labelled ones to measure the bundle with.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from andon.testing.parts import labelled, part, scratched
from andon_training.synthetic import DEFECTS, drawn

Image = NDArray[np.uint8]
MOST_FIT, MOST_STREAMED, MOST_LABELLED = 200, 160, 100
CLIP_SIZE = (384, 216)
LIGHTS = {"darker": "exp1", "brighter": "exp6"}
"""How the names of frames begin that were taken at another exposure than those that a bundle is fitted on."""


@dataclass(frozen=True)
class Set:
    """Images uint8, [h, w] grey or [h, w, 3] BGR. `other` are frames of another product; `relit` are good and
    defective ones of the same one in another light, really, by what light it was, where the set has such."""

    name: str
    about: str
    fit: Sequence[Image]
    stream: Sequence[Image]
    good: Sequence[Image]
    defective: Sequence[Image]
    other: Sequence[Image]
    relit: Mapping[str, tuple[Sequence[Image], Sequence[Image]]] = field(default_factory=dict)

    @property
    def colour(self) -> bool:
        """Whether it has colours."""
        return self.fit[0].ndim == 3


def read_set(name: str, data: Path) -> Set:
    """One of SETS. Raises FileNotFoundError where its frames are not in `data`."""
    return SETS[name](data)


def magtile(data: Path) -> Set:
    """Magnetic tiles: each is cut out differently, so nothing can be called moved."""
    return _folder(data, "magtile", "solar", "magnetic tiles, grey, every one cut out differently")


def solar(data: Path) -> Set:
    """Solar cells: all lie alike, their brightness differs a good deal."""
    return _folder(data, "solar", "magtile", "solar cells, grey, brightness differs from module to module")


def video(data: Path) -> Set:
    """A clip of bottles that pass by, in colour; its defects are drawn, as there are none."""
    frames = _clip(data / "video" / "bottle-detection.mp4")
    held = frames[3::6]
    random = np.random.default_rng(7)
    spoilt = [drawn(image, kind, random) for image in held[: MOST_LABELLED // 2] for kind in sorted(DEFECTS)[:2]]
    boards = [cv2.cvtColor(each, cv2.COLOR_GRAY2BGR) for each in _read(data / "pcb" / "test" / "good", 40)]
    return Set(
        "video",
        "bottles on a belt, a clip in colour; defects drawn",
        frames[::6],
        held,
        held[:MOST_LABELLED],
        spoilt,
        boards,
    )


def parts(data: Path) -> Set:
    """Drawn parts: a disc on cast ground, a scratch is the defect, a label makes it another product."""
    del data
    return Set(
        "parts",
        "drawn parts, grey; a label makes another product",
        [part(seed) for seed in range(MOST_FIT)],
        [part(seed) for seed in range(1000, 1200)],
        [part(seed) for seed in range(1000, 1000 + MOST_LABELLED)],
        [scratched(seed) for seed in range(2000, 2000 + MOST_LABELLED)],
        [labelled(seed) for seed in range(3000, 3200)],
    )


SETS: dict[str, Callable[[Path], Set]] = {"magtile": magtile, "solar": solar, "video": video, "parts": parts}


def _folder(data: Path, name: str, other: str, about: str) -> Set:
    good = _read(data / name / "test" / "good", MOST_STREAMED)
    relit = data / name / "drift"
    lights = LIGHTS if relit.is_dir() else {}
    return Set(
        name,
        about,
        _read(data / name / "train" / "good", MOST_FIT),
        good,
        good[:MOST_LABELLED],
        _defective(data / name / "test"),
        _read(data / other / "test" / "good", 80),
        {light: (_read(relit / "good", MOST_LABELLED, of), _defective(relit, of)) for light, of in lights.items()},
    )


def _defective(folder: Path, of: str = "") -> list[Image]:
    """As many of each kind."""
    kinds = sorted(each for each in folder.iterdir() if each.name != "good")
    return [image for kind in kinds for image in _read(kind, MOST_LABELLED // len(kinds), of)]


def _read(folder: Path, most: int, of: str = "") -> list[Image]:
    """The first ones by name, of those whose name begins with `of`."""
    files = sorted(each for each in folder.iterdir() if each.name.startswith(of))[:most]
    return [np.asarray(cv2.imread(str(file), cv2.IMREAD_GRAYSCALE), np.uint8) for file in files]


def _clip(file: Path) -> list[Image]:
    clip, frames = cv2.VideoCapture(str(file)), []
    while (read := clip.read())[0]:
        frames.append(np.asarray(cv2.resize(read[1], CLIP_SIZE, interpolation=cv2.INTER_AREA), np.uint8))
    if not frames:
        raise FileNotFoundError(file)
    return frames
