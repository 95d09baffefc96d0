"""Curation on real factory images: good sets come out nearly clean, and known problems put into them are found."""

from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest

from andon_training.curate import Curation, Kind, Look, Unreadable, curate, look

pytestmark = pytest.mark.factory

Image = np.ndarray
Frames = dict[str, list[tuple[str, bytes]]]
SETS = ("magtile", "solar", "pcb")


@pytest.fixture(scope="module")
def frames(factory_images: Path) -> Frames:
    good = {name: sorted((factory_images / name / "train" / "good").iterdir()) for name in SETS}
    return {name: [(path.name, path.read_bytes()) for path in paths] for name, paths in good.items()}


@pytest.fixture(scope="module")
def looks(frames: Frames) -> dict[str, list[Look | Unreadable]]:
    return {name: [look(file, data) for file, data in given] for name, given in frames.items()}


def decoded(data: bytes) -> Image:
    return cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)


def png(image: Image) -> bytes:
    return cv2.imencode(".png", image)[1].tobytes()


def blurred(image: Image) -> bytes:
    sigmas = [2.5 * side / 256 for side in image.shape[1::-1]]
    return png(cv2.GaussianBlur(image, (0, 0), sigmaX=sigmas[0], sigmaY=sigmas[1]))


def darkened(image: Image) -> bytes:
    return png((image * 0.3).astype(np.uint8))


def shifted(image: Image) -> bytes:
    """15 % of the sides."""
    height, width = image.shape[:2]
    move = np.array([[1, 0, 0.12 * width], [0, 1, 0.09 * height]])
    return png(cv2.warpAffine(image, move, (width, height), borderMode=cv2.BORDER_REPLICATE))


def saved_again(image: Image) -> bytes:
    return cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, 85])[1].tobytes()


def black(image: Image) -> bytes:
    return png(np.random.default_rng(0).integers(0, 5, image.shape, np.uint8))


def hit_rate(curation: Curation, kind: Kind) -> float:
    strange = {name for name in curation.frames if name.startswith("strange")}
    return len(strange & {finding.frame for finding in curation.of(kind)}) / len(strange)


@pytest.mark.parametrize("name", SETS)
def test_a_good_set_comes_out_nearly_clean(looks: dict[str, list[Look | Unreadable]], name: str) -> None:
    curation = curate(looks[name])
    assert len({finding.frame for finding in curation.findings}) <= 0.03 * len(curation.frames)
    assert len(curation.frames) - len(curation.kept) <= 1  # pcb has one board without any track: all white


@pytest.mark.parametrize(
    ("name", "change", "kind", "least"),
    [
        ("magtile", blurred, Kind.BLURRED, 1.0),
        ("solar", blurred, Kind.BLURRED, 1.0),
        ("pcb", blurred, Kind.BLURRED, 0.8),
        ("magtile", darkened, Kind.DARK, 1.0),
        ("solar", darkened, Kind.DARK, 1.0),
        ("pcb", darkened, Kind.DARK, 1.0),
        ("solar", shifted, Kind.MISFRAMED, 0.9),
        ("magtile", black, Kind.BLACK, 1.0),
        ("solar", black, Kind.BLACK, 1.0),
        ("pcb", black, Kind.BLACK, 1.0),
    ],
)
def test_one_frame_in_twenty_made_strange_is_found(
    frames: Frames,
    looks: dict[str, list[Look | Unreadable]],
    name: str,
    change: Callable[[Image], bytes],
    kind: Kind,
    least: float,
) -> None:
    made = list(looks[name])
    for i in range(3, len(made), 20):
        made[i] = look(f"strange{i}", change(decoded(frames[name][i][1])))
    assert hit_rate(curate(made), kind) >= least


@pytest.mark.parametrize("name", SETS)
def test_a_frame_saved_again_as_jpeg_is_dropped(
    frames: Frames, looks: dict[str, list[Look | Unreadable]], name: str
) -> None:
    again = [look(f"strange{i}", saved_again(decoded(frames[name][i][1]))) for i in range(3, len(looks[name]), 20)]
    curation = curate([*looks[name], *again])
    assert hit_rate(curation, Kind.NEAR_DUPLICATE) == 1
    assert {finding.repeats for finding in curation.of(Kind.NEAR_DUPLICATE)} == {
        frames[name][i][0] for i in range(3, len(looks[name]), 20)
    }


@pytest.mark.parametrize("name", ["magtile", "solar"])
def test_frames_of_another_product_are_odd(
    frames: Frames, looks: dict[str, list[Look | Unreadable]], name: str
) -> None:
    """Brought to the same size and channels, so that their size does not give them away."""
    made = list(looks[name])
    for i in range(3, len(made), 20):
        wanted = made[i]
        assert isinstance(wanted, Look)
        board = decoded(frames["pcb"][7 * i % len(frames["pcb"])][1])
        stranger = cv2.resize(board, (wanted.width, wanted.height), interpolation=cv2.INTER_AREA)
        made[i] = look(f"strange{i}", png(stranger if stranger.ndim == 2 else stranger[..., 0]))
    assert hit_rate(curate(made), Kind.ODD) >= 0.9
