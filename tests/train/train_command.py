"""`andon train` as the tests call it: on drawn parts, in this process."""

from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import typer
from typer.testing import CliRunner

from andon.bundle import Bundle, read_bundle
from andon_training.commands.train import train


@dataclass(frozen=True)
class Ran:
    """What became of a command: exit status, and all it said."""

    status: int
    said: str
    error: BaseException | None
    bundle: Bundle | None


def part(seed: int, colour: bool = True, side: int = 96) -> np.ndarray:
    """A drawn good part: a disc, some print, dust; never twice the same."""
    random = np.random.default_rng(seed)
    image = np.full((side, side, 3), (90, 120, 110) if colour else (100, 100, 100), np.uint8)
    x, y = (side // 2 + random.integers(-2, 3, 2)).tolist()
    cv2.circle(image, (x, y), side // 4, (180, 60, 160) if colour else (180, 180, 180), -1, cv2.LINE_AA)
    cv2.line(image, (x - side // 6, y), (x + side // 6, y), (20, 20, 20), 2, cv2.LINE_AA)
    return np.clip(image + random.normal(0, 6, image.shape), 0, 255).astype(np.uint8)


def draw(folder: Path, count: int = 44, colour: bool = True, side: int = 96) -> Path:
    """`count` drawn parts in `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    for at in range(count):
        cv2.imwrite(str(folder / f"{at:03d}.png"), part(at, colour, side))
    return folder


def andon_train(*words: object, out: Path) -> Ran:
    """Runs `andon train WORDS --out OUT`."""
    app = typer.Typer()
    app.command()(train)
    result = CliRunner().invoke(app, [*map(str, words), "--out", str(out), "--device", "cpu"])
    error = None if isinstance(result.exception, SystemExit) else result.exception
    return Ran(result.exit_code, result.output, error, read_bundle(out) if out.is_file() else None)
