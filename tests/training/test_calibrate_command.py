"""A bundle gets another false-call budget without being fitted again, and still proves itself."""

import json
from pathlib import Path

import cv2
import numpy as np
import pytest
import typer
from typer.testing import CliRunner

from andon.bundle import CALIBRATION, Bundle, bundle_bytes, parse_bundle, read_bundle, write_bundle
from andon.calibration import calibrate as threshold_of
from andon.errors import Mistake
from andon.gate import run_gate
from andon.inference import open_bundle
from andon.manifest import CalibrationSample
from andon.records import Verdict
from andon.store import BundleStore
from andon.testing.models import LOG_OF_BRIGHTEST, proven_bundle, swapped_model, tiny_model, without_sample
from andon_training.commands.calibrate import calibrate
from andon_training.recalibrate import flipped, recalibrated


@pytest.fixture
def app() -> typer.Typer:
    commands = typer.Typer()
    commands.command()(calibrate)
    return commands


def run(app: typer.Typer, *args: str | Path) -> dict[str, object]:
    result = CliRunner().invoke(app, [*map(str, args), "--json"], catch_exceptions=False)
    assert result.exit_code == 0
    record: dict[str, object] = json.loads(result.stdout.splitlines()[-1])
    return record


def moved(bundle: Bundle, budget: float, fresh: CalibrationSample | None = None) -> Bundle:
    return recalibrated(bundle, budget, open_bundle(bundle), fresh=fresh)


def scores(n: int = 200) -> CalibrationSample:
    return CalibrationSample.of(np.random.default_rng(0).normal(100, 10, n))


@pytest.fixture
def bundle(tmp_path: Path) -> Path:
    """Anomalous above 12: golden frames of 10, 15 and 200; its good frames scored 0 to 19."""
    write_bundle(proven_bundle(10, 15, 200, threshold=12), tmp_path / "weld.andon")
    return tmp_path / "weld.andon"


def good_frames(folder: Path, n: int, seed: int = 0) -> Path:
    folder.mkdir()
    random = np.random.default_rng(seed)
    for i in range(n):
        cv2.imwrite(str(folder / f"{i:03}.png"), random.integers(0, 100, (8, 8), np.uint8))
    return folder


def test_the_threshold_follows_from_the_scores_the_bundle_keeps() -> None:
    before = proven_bundle(10, 200)
    after = moved(before, 0.1)
    expected = threshold_of(range(20), 0.1, 5)
    assert after.manifest.threshold == expected.value
    assert after.manifest.calibration == expected.calibration
    assert after.manifest.calibration.source == "held-out"
    assert after.calibration_sample == before.calibration_sample


def test_all_else_is_kept_and_its_origin_recorded() -> None:
    before = proven_bundle(10, 200)
    after = moved(before, 0.1)
    assert after.digest != before.digest
    assert after.model == before.model
    assert after.reference == before.reference
    assert after.manifest.training == before.manifest.training
    assert after.manifest.provenance.recalibrated_from == before.digest
    assert after.manifest.provenance.opencv == before.manifest.provenance.opencv


def test_the_result_passes_the_gate() -> None:
    after = parse_bundle(bundle_bytes(moved(proven_bundle(10, 15, 200, threshold=12), 0.1)))
    assert run_gate(after, open_bundle(after)).passed


def test_golden_frames_get_the_verdicts_of_the_new_threshold() -> None:
    before = proven_bundle(10, 60, 200, threshold=50)
    after = moved(before, 0.05, scores())
    assert 110 < after.manifest.threshold < 130
    assert [frame.verdict for frame in after.manifest.golden] == [Verdict.OK, Verdict.OK, Verdict.ANOMALOUS]
    assert flipped(before.manifest, after.manifest) == ("golden/60.png",)


def test_a_golden_frame_too_near_the_new_threshold_is_left_out() -> None:
    near = round(threshold_of(scores().scores, 0.05, 1).value)
    after = moved(proven_bundle(10, near, threshold=50), 0.05, scores())
    assert [frame.name for frame in after.manifest.golden] == ["golden/10.png"]
    assert f"golden/{near}.png" not in after.members


def test_one_golden_frame_stays_even_when_all_are_near() -> None:
    near = round(threshold_of(scores().scores, 0.05, 1).value)
    after = moved(proven_bundle(near - 3, near, near + 1, threshold=50), 0.05, scores())
    assert [frame.name for frame in after.manifest.golden] == [f"golden/{near - 3}.png"]


def test_fresh_scores_replace_the_held_out_ones_for_good() -> None:
    after = moved(proven_bundle(10, 200), 0.05, scores())
    assert after.calibration_sample == scores()
    assert (after.manifest.calibration.source, after.manifest.calibration.folds) == ("fresh", 1)
    again = moved(after, 0.1)
    assert again.manifest.calibration.source == "fresh"
    assert again.manifest.calibration.good_frames == 200


def test_the_same_budget_gives_the_same_threshold_again() -> None:
    once = moved(proven_bundle(10, 200), 0.02, scores())
    assert moved(once, 0.02).manifest.threshold == once.manifest.threshold


def test_a_bundle_without_scores_is_told_what_to_do() -> None:
    old = without_sample(proven_bundle(10, 200))
    assert CALIBRATION not in old.members
    with pytest.raises(Mistake, match="give fresh good frames with --good"):
        moved(old, 0.02)
    assert moved(old, 0.02, scores()).calibration_sample == scores()


def test_a_bundle_that_fails_its_gate_here_is_not_recalibrated() -> None:
    other = swapped_model(proven_bundle(10, 200), tiny_model(nodes=LOG_OF_BRIGHTEST))
    with pytest.raises(Mistake, match="does not give here what it gave when it was made"):
        recalibrated(other, 0.05, open_bundle(other))


def test_the_command_writes_a_new_bundle_beside_the_old(app: typer.Typer, bundle: Path) -> None:
    kept = bundle.read_bytes()
    record = run(app, bundle, "--budget", "1 per 10")
    beside = bundle.with_name("weld-budget-0.1.andon")
    assert record["bundle"] == str(beside)
    assert record["digest"] == read_bundle(beside).digest
    assert record["recalibrated_from"] == read_bundle(bundle).digest
    assert record["threshold_before"] == 12
    assert record["golden_flipped"] == ["golden/15.png"]
    assert bundle.read_bytes() == kept


def test_the_command_tells_people_what_changed(app: typer.Typer, bundle: Path) -> None:
    result = CliRunner().invoke(app, [str(bundle), "--budget", "1 per 10"], catch_exceptions=False)
    assert "threshold 12 becomes" in result.stderr
    assert "1 of 3 golden frames get the other verdict" in result.stderr
    assert result.stdout == ""


def test_the_command_scores_fresh_good_frames(app: typer.Typer, bundle: Path, tmp_path: Path) -> None:
    folder = good_frames(tmp_path / "fresh", 60)
    (folder / "060.png").write_bytes((folder / "000.png").read_bytes())
    (folder / "061.png").write_bytes(b"torn")
    result = CliRunner().invoke(
        app, [str(bundle), "--budget", "5%", "--good", str(folder), "--json"], catch_exceptions=False
    )
    found = read_bundle(bundle.with_name("weld-budget-0.05.andon"))
    assert found.manifest.calibration.good_frames == 60
    assert found.manifest.calibration.source == "fresh"
    assert found.calibration_sample is not None
    brightest = [float(cv2.imread(str(folder / f"{i:03}.png"), cv2.IMREAD_UNCHANGED).max()) for i in range(60)]
    assert list(found.calibration_sample.scores) == brightest
    assert "061.png" in result.stderr


def test_the_new_bundle_can_go_into_a_store(app: typer.Typer, bundle: Path, tmp_path: Path) -> None:
    record = run(app, bundle, "--budget", "1 per 10", "--store", tmp_path / "store", "--out", tmp_path / "b.andon")
    assert BundleStore(str(tmp_path / "store")).get(str(record["digest"])) == read_bundle(tmp_path / "b.andon")


def test_the_bundle_it_comes_from_is_never_overwritten(app: typer.Typer, bundle: Path) -> None:
    same = bundle.parent / ".." / bundle.parent.name / bundle.name
    with pytest.raises(Mistake, match="is the bundle itself"):
        run(app, bundle, "--budget", "1 per 10", "--out", same)


@pytest.mark.parametrize(
    ("budget", "more", "said"),
    [
        ("lots", [], "budget 'lots'"),
        ("1 per 10", ["--out", "."], "is a folder; name the new bundle's file"),
        ("1 per 10", ["--good", "/nowhere"], "not a folder"),
    ],
)
def test_bad_input_is_told(app: typer.Typer, bundle: Path, budget: str, more: list[str], said: str) -> None:
    with pytest.raises(Mistake, match=said):
        run(app, bundle, "--budget", budget, *more)


def test_too_few_or_too_many_unreadable_fresh_frames_are_refused(
    app: typer.Typer, bundle: Path, tmp_path: Path
) -> None:
    with pytest.raises(Mistake, match="12 different fresh good frames; calibration needs at least 20"):
        run(app, bundle, "--budget", "5%", "--good", good_frames(tmp_path / "few", 12))
    torn = good_frames(tmp_path / "torn", 40)
    for i in range(5):
        (torn / f"{i:03}.png").write_bytes(b"torn")
    with pytest.raises(Mistake, match=r"5 of 40 fresh good frames get no score .*000\.png"):
        run(app, bundle, "--budget", "5%", "--good", torn)


def test_a_frame_it_was_fitted_on_is_not_fresh(app: typer.Typer, bundle: Path, tmp_path: Path) -> None:
    folder = good_frames(tmp_path / "fresh", 30)
    (folder / "a.png").write_bytes(read_bundle(bundle).members["golden/10.png"])
    with pytest.raises(Mistake, match=r"a\.png: the bundle was fitted on this frame"):
        run(app, bundle, "--budget", "5%", "--good", folder)
