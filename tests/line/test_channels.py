"""Grey, 16-bit and many-plane frames the whole way: from a folder to a bundle, and over the line to a verdict."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import typer
from typer.testing import CliRunner

from andon.bundle import Bundle, read_bundle
from andon.preparation import Preparation
from andon.records import Assignment, Unscorable, Verdict, read_prepared, write_event
from andon.stage import Message
from andon.testing import hostile
from andon.testing.models import proven_bundle
from andon.topics import MODELS, PREPARED
from andon_training.commands.fit import fit
from andon_training.commands.verify import verify

Line = Any  # the fixture of conftest.py
Encode = Callable[[np.ndarray], bytes]
SIDE = 80


def part(seed: int, hole: bool = False) -> np.ndarray:
    """A drawn grey part, 8 bits: a bright disc, with a hole or without."""
    random = np.random.default_rng(seed)
    image = np.full((SIDE, SIDE), 100, np.uint8)
    x, y = random.integers(38, 43, 2).tolist()
    cv2.circle(image, (x, y), 20, 180, -1, cv2.LINE_AA)
    if hole:
        cv2.circle(image, (x + 4, y - 3), 7, 20, -1, cv2.LINE_AA)
    return np.clip(image + random.normal(0, 4, image.shape), 0, 255).astype(np.uint8)


def deep_png(image: np.ndarray) -> bytes:
    """16 bits, with noise below what 8 bits hold."""
    low = np.random.default_rng(int(image[0, 0])).integers(0, 257, image.shape)
    return hostile.png((image.astype(np.uint32) * 257 + low).clip(0, 65535).astype(np.uint16))


def deep_npy(image: np.ndarray) -> bytes:
    return hostile.npy(image.astype(np.uint16) * 257)


def good_jpeg(image: np.ndarray) -> bytes:
    return hostile.jpeg(image, 95)


@pytest.fixture(scope="module")
def app() -> typer.Typer:
    commands = typer.Typer()
    commands.command("fit")(fit)
    commands.command("verify")(verify)
    return commands


def serve(line: Line, bundle: Bundle) -> None:
    given = Assignment(station="*", bundle=line.bundles.put(bundle), at=line.now)
    line.kafka.append(Message(MODELS, given.key, write_event(given)))


@pytest.mark.parametrize(
    ("encode", "suffix"), [(good_jpeg, "jpg"), (deep_png, "png"), (hostile.npy, "npy"), (deep_npy, "npy")]
)
def test_a_folder_of_grey_frames_becomes_a_bundle_that_judges_them_on_the_line(
    line: Line, shots: Callable[..., Any], app: typer.Typer, tmp_path: Path, encode: Encode, suffix: str
) -> None:
    good, out = tmp_path / "good", tmp_path / "grey.andon"
    good.mkdir()
    for seed in range(40):
        (good / f"{seed:02}.{suffix}").write_bytes(encode(part(seed)))
    for command in (["fit", str(good), "--out", str(out), "--size", "64"], ["verify", str(out)]):
        assert CliRunner().invoke(app, command, catch_exceptions=False).exit_code == 0
    bundle = read_bundle(out)
    assert bundle.manifest.preparation.channels == 1
    assert f"golden/good-1.{suffix}" in bundle.members
    serve(line, bundle)
    line.capture(shots([encode(part(seed, hole=seed >= 104)) for seed in range(100, 108)]))
    line.run("preprocess", "scoring")
    verdicts = [score.verdict for score in line.scores.values()]
    assert verdicts == [Verdict.OK] * 4 + [Verdict.ANOMALOUS] * 4
    assert line.balanced


def planes(level: int) -> bytes:
    image = hostile.planes(6, 64, 48) // 4
    image[10:20, 10:20] = level
    return hostile.npy(image)


def test_frames_of_many_planes_are_judged_by_a_bundle_of_as_many(line: Line, shots: Callable[..., Any]) -> None:
    serve(line, proven_bundle(preparation=Preparation(width=64, height=48, channels=6)))
    line.capture(shots([planes(100), planes(200), hostile.npy(hostile.planes(4, 64, 48)), planes(100)]))
    line.run("preprocess", "scoring")
    prepared = [read_prepared(record) for record in line.kafka.records(PREPARED)]
    assert {each.shape for each in prepared} == {(48, 64, 6)}
    assert {each.frame.content_type for each in prepared} == {"application/x-npy"}
    assert [score.verdict for score in line.scores.values()] == [Verdict.OK, Verdict.ANOMALOUS, Verdict.OK]
    assert list(line.dead.values()) == ["wrong_channels"]
    assert line.balanced


def test_a_new_camera_of_many_planes_is_unscorable_not_dead(line: Line, shots: Callable[..., Any]) -> None:
    line.capture(shots([planes(100)] * 5))
    line.run("preprocess", "scoring")
    assert {score.unscorable for score in line.scores.values()} == {Unscorable.NO_BUNDLE}
    assert line.balanced
