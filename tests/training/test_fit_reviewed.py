"""What people say is good is learned from, however odd it looks; what they call defective is tried, not learned."""

import json
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from typer.testing import CliRunner

from andon.bundle import read_bundle
from andon.cli import build
from andon.errors import Mistake
from andon.folder import Folder
from andon.ids import frame_id
from andon.records import Answer, Told
from andon.reviewed import write_reviewed
from andon_training.reviewed import good_sources, judged_frames, known_defects, spread

AT = datetime(2026, 3, 2, 14, 0, tzinfo=UTC)
PLAIN = ("--size", "64", "--as-it-lies", "--lighting", "as-is", "--method", "memory-bank", "--budget", "2 per 100")


def part(seed: int) -> np.ndarray:
    """A drawn good part: a bright disc on cast ground, no two alike."""
    random = np.random.default_rng(seed)
    image = np.full((80, 80), 100.0) + random.normal(0, 5)
    cv2.circle(image, tuple(random.integers(38, 43, 2).tolist()), 20, 180.0, -1, cv2.LINE_AA)
    image += cv2.resize(random.normal(0, 6, (10, 10)), (80, 80), interpolation=cv2.INTER_CUBIC)
    return np.clip(image + random.normal(0, 3, (80, 80)), 0, 255).astype(np.uint8)


def labelled(seed: int) -> np.ndarray:
    """A good part with a label."""
    image = part(seed)
    cv2.rectangle(image, (28, 34), (52, 46), 250, -1)
    return image


def broken(seed: int) -> np.ndarray:
    """A defect: a black wedge."""
    image = part(seed)
    cv2.fillPoly(image, [np.array([[20, 20], [60, 24], [24, 60]])], 5)
    return image


def png(image: np.ndarray) -> bytes:
    return cv2.imencode(".png", image)[1].tobytes()


@dataclass
class Shop:
    """Good frames in a folder, and an evidence store."""

    folder: Path

    def good(self, n: int) -> Path:
        place = self.folder / "good"
        place.mkdir()
        for seed in range(n):
            (place / f"{seed:03}.png").write_bytes(png(part(seed)))
        return place

    def review(self, seq: int, told: Told, image: np.ndarray) -> None:
        at = AT + timedelta(seconds=seq)
        answer = Answer(frame_id=frame_id("w", 1, seq), station="w", answer=told, at=AT, captured_at=at)
        write_reviewed(Folder(self.evidence), answer, png(image))

    @property
    def evidence(self) -> str:
        return str(self.folder / "evidence")

    def fit(self, *words: object) -> tuple[dict[str, Any], str]:
        env = {"COLUMNS": "300", "ANDON_EVIDENCE__URL": self.evidence}
        given = ["fit", *map(str, words), *PLAIN, "--out", str(self.folder / "made.andon"), "--json"]
        result = CliRunner(env=env).invoke(build("fit"), given)
        if result.exception and not isinstance(result.exception, SystemExit):
            raise result.exception
        return json.loads(result.stdout.splitlines()[-1]), result.stderr


@pytest.fixture
def shop(tmp_path: Path) -> Shop:
    return Shop(tmp_path)


def test_good_reviewed_frames_are_learned_from_beside_a_folder_however_odd_they_look(shop: Shop) -> None:
    folder = shop.good(40)
    for seq in range(100, 103):
        shop.review(seq, Told.FALSE_CALL, labelled(seq))
    shop.review(103, Told.GOOD, part(103))
    shop.review(104, Told.REAL, broken(104))
    shop.review(105, Told.UNSURE, broken(105))
    record, _ = shop.fit(folder, "--reviewed", "w")
    assert record["frames"] == 44
    assert record["training"]["left_out"] == []


def test_odd_frames_that_nobody_confirmed_are_left_out(shop: Shop) -> None:
    """What the test before would show, were they not confirmed."""
    folder = shop.good(40)
    for seq in range(100, 103):
        (folder / f"{seq}.png").write_bytes(png(labelled(seq)))
    record, _ = shop.fit(folder)
    assert len(record["training"]["left_out"]) == 3


def test_a_bundle_can_be_made_of_reviewed_frames_alone(shop: Shop) -> None:
    for seq in range(30):
        shop.review(seq, Told.GOOD, part(seq))
    record, _ = shop.fit("--reviewed", "w")
    assert record["frames"] == 30


def test_known_defects_are_not_learned_from_but_tried(shop: Shop) -> None:
    folder = shop.good(40)
    shop.review(1, Told.REAL, broken(1))
    shop.review(2, Told.MISSED, broken(2))
    shop.review(3, Told.REAL, part(300))
    record, told = shop.fit(folder, "--reviewed", "w")
    assert record["frames"] == 40
    missed = str(frame_id("w", 1, 3))
    assert record["known_defects"] == {"defects": 3, "found": 2, "missed": [missed], "missing": 0}
    assert f"finds 2 of 3 known defects of w; it misses {missed}" in told


def test_without_a_known_defect_it_says_so(shop: Shop) -> None:
    folder = shop.good(25)
    shop.review(1, Told.GOOD, part(100))
    record, told = shop.fit(folder, "--reviewed", "w")
    assert record["known_defects"]["defects"] == 0
    assert "no known defect of w has been reviewed" in told


def test_reviewed_frames_set_the_threshold_of_references_too(shop: Shop) -> None:
    reference = shop.folder / "reference"
    reference.mkdir()
    (reference / "one.png").write_bytes(png(part(0)))
    for seq in range(30):
        shop.review(seq, Told.GOOD, part(seq + 1))
    env = {"ANDON_EVIDENCE__URL": shop.evidence}
    words = ["fit", "--references", str(reference), "--reviewed", "w", "--size", "64"]
    result = CliRunner(env=env).invoke(build("fit"), [*words, "--out", str(shop.folder / "made.andon")])
    assert result.exit_code == 0, result.output
    assert read_bundle(shop.folder / "made.andon").manifest.calibration.source != "drawn"


def test_a_station_without_reviewed_frames_is_told_of(shop: Shop) -> None:
    with pytest.raises(Mistake, match="holds no reviewed frames of it"):
        shop.fit(shop.good(25), "--reviewed", "elsewhere")


def test_reviewed_frames_come_in_the_order_they_were_taken(shop: Shop) -> None:
    for seq in (5, 1, 3):
        shop.review(seq, Told.GOOD, part(seq))
    shop.review(2, Told.REAL, broken(2))
    frames = judged_frames(shop.evidence, "w")
    assert [each.answer.frame_id for each in frames] == [frame_id("w", 1, seq) for seq in (1, 2, 3, 5)]
    assert [each.frame.answer.frame_id for each in good_sources(frames)] == [frame_id("w", 1, seq) for seq in (1, 3, 5)]
    assert [each.answer.frame_id for each in known_defects(frames)] == [frame_id("w", 1, 2)]


def test_they_are_spread_among_the_others_so_that_every_fold_knows_some() -> None:
    """Side by side they would all be held out at once."""

    def named(*names: str) -> list[Any]:
        return [Path(name) for name in names]

    mixed = spread(named("a", "b", "c", "d"), named("1", "2"))
    assert [each.name for each in mixed] == ["a", "1", "b", "c", "2", "d"]
    assert spread([], named("1")) == named("1")
