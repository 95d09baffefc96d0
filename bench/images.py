"""The frames that are measured with: 1 MP JPEGs of about 300 KB, drawn once."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from andon_ingest.generator import DefectKind, draw_part, encode_jpeg

SIZE = (1024, 1024)
STYLE = 0
QUALITY = 95
SHOWN = 16
TO_FIT = 40


@dataclass(frozen=True)
class Images:
    """`part` is in MVTec AD layout; `each` holds the frames of its test folder, one folder a frame."""

    part: Path
    each: tuple[Path, ...]

    @property
    def frames(self) -> list[bytes]:
        """The encoded frames that are streamed."""
        return [path.read_bytes() for folder in self.each for path in folder.iterdir()]


def draw_images(folder: Path) -> Images:
    """Draws parts to fit from, and SHOWN to stream; one of those is defective, so that heat maps are made too."""
    rng = np.random.default_rng(1)
    part = folder / "part"
    for number in range(TO_FIT):
        _write(part / "train" / "good" / f"{number:03}.jpg", rng, None)
    each = tuple(folder / "each" / f"{number:03}" for number in range(SHOWN))
    for number, alone in enumerate(each):
        defect = DefectKind.SCRATCH if number == SHOWN // 2 else None
        path = part / "test" / ("good" if defect is None else defect.value) / f"{number:03}.jpg"
        _write(path, rng, defect)
        alone.mkdir(parents=True)
        (alone / path.name).hardlink_to(path)
    return Images(part, each)


def _write(path: Path, rng: np.random.Generator, defect: DefectKind | None) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(encode_jpeg(draw_part(rng, STYLE, defect, SIZE).image, QUALITY))
