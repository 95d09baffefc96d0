"""A false call that people confirmed is not called again, the budget's promise holds, and no known defect is lost
unseen."""

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import cv2
import numpy as np
import pytest
from typer.testing import CliRunner, Result

from andon.bundle import Bundle, bundle_bytes, parse_bundle, read_bundle, write_bundle
from andon.cli import build
from andon.errors import Invalid, Mistake
from andon.folder import Folder
from andon.gate import run_gate
from andon.ids import frame_id
from andon.images.prepare import prepare
from andon.inference import open_bundle
from andon.manifest import WITH_MEMORY
from andon.reasons import Reason
from andon.records import Answer, Told, Verdict
from andon.reviewed import write_reviewed
from andon.store import BundleStore
from andon.testing.models import proven_bundle
from andon.testing.parts import labelled, part, png, scratched
from andon_training.choose import Fixed
from andon_training.fit import FitSettings, fit_bundle
from andon_training.folder import good_frames
from andon_training.memory import remember as remembering
from andon_training.memory.coreset import COVER, MOST_CELLS, Wanted, coreset, wanted
from andon_training.memory.remember import Remembering, remember
from andon_training.memory.report import Judge, rescored
from andon_training.options import Lighting, Method, Pixels
from andon_training.recalibrate import recalibrated

AT = datetime(2026, 3, 2, 14, 0, tzinfo=UTC)
SIZE = 128
BANK = Fixed(SIZE, Method.BANK, Lighting.LEVELLED, Pixels.SYMMETRIC, registered=False)
GAUSSIAN = Fixed(SIZE, Method.GAUSSIAN, Lighting.LEVELLED, Pixels.SYMMETRIC, registered=False)


@dataclass(frozen=True)
class Image:
    """An encoded image in memory."""

    name: str
    data: bytes

    def read_bytes(self) -> bytes:
        return self.data


@dataclass(frozen=True)
class Frame:
    """A frame that was judged; without `data` its image is gone."""

    seq: int
    told: Told
    data: bytes = field(default=b"", repr=False)
    product: str | None = None

    @property
    def answer(self) -> Answer:
        at = AT + timedelta(seconds=self.seq)
        return Answer(
            frame_id=frame_id("weld-07", 1, self.seq),
            station="weld-07",
            answer=self.told,
            at=at,
            captured_at=at,
            product=self.product,
        )

    @property
    def id(self) -> UUID:
        return self.answer.frame_id

    def image(self) -> bytes:
        if not self.data:
            raise Invalid(Reason.MISSING_DATA, "it does not lie there any more")
        return self.data


def false_call(seed: int) -> Frame:
    return Frame(seed, Told.FALSE_CALL, png(labelled(seed)))


def defect(seed: int) -> Frame:
    return Frame(seed, Told.REAL, png(scratched(seed)))


REMEMBERED = [false_call(seed) for seed in range(100, 104)]


def fitted(fixed: Fixed) -> Bundle:
    good = [Image(f"{seed:03}", png(part(seed))) for seed in range(40)]
    return fit_bundle(good, FitSettings(budget=0.02, fixed=fixed), andon_version="test")


@pytest.fixture(scope="module")
def before() -> Bundle:
    """A bundle with a memory; it has never seen a label."""
    return fitted(BANK)


@pytest.fixture(scope="module")
def found(before: Bundle) -> Remembering:
    """The same, with some false calls in its memory."""
    return remember(before, REMEMBERED)


def score(bundle: Bundle, data: bytes) -> float:
    tensor = prepare(data, bundle.manifest.preparation).tensor
    return float(open_bundle(bundle).run(tensor[np.newaxis]).score[0])


def calls(bundle: Bundle) -> Callable[[bytes], bool]:
    return Judge.of(bundle).calls


def test_a_false_call_is_not_called_again(before: Bundle, found: Remembering) -> None:
    for frame in REMEMBERED:
        assert calls(before)(frame.data)
        assert not calls(found.bundle)(frame.data)
    assert found.remembered == tuple(frame.id for frame in REMEMBERED)
    assert (found.still_called, found.not_called, found.left_out) == ((), (), ())


def test_nor_is_a_part_that_is_good_in_the_same_way(before: Bundle, found: Remembering) -> None:
    others = [png(labelled(seed)) for seed in range(200, 220)]
    assert sum(map(calls(before), others)) == 20
    assert sum(map(calls(found.bundle), others)) <= 4


def test_defects_are_found_as_before(before: Bundle, found: Remembering) -> None:
    defects = [png(scratched(seed)) for seed in range(300, 320)]
    assert sum(map(calls(before), defects)) >= 15
    assert [calls(found.bundle)(each) for each in defects] == [calls(before)(each) for each in defects]


def test_no_frame_scores_higher_than_before_whatever_it_shows(before: Bundle, found: Remembering) -> None:
    """Why the threshold may stay: of any good frames, no more lie above it."""
    random = np.random.default_rng(5)
    noise = [png(random.integers(0, 256, (80, 80)).astype(np.uint8)) for _ in range(10)]
    frames = [*noise, *(png(draw(seed)) for draw in (part, labelled, scratched) for seed in range(400, 410))]
    rise = [score(found.bundle, each) / score(before, each) - 1 for each in frames]
    assert max(rise) < 1e-5
    assert min(rise) < -0.1


def test_the_threshold_stays_and_the_manifest_says_what_was_done(before: Bundle, found: Remembering) -> None:
    old, new = before.manifest, found.bundle.manifest
    assert new.threshold == old.threshold
    assert new.provenance.remembered_from == before.digest
    assert new.training.remembered is not None
    assert new.training.remembered.frames == found.remembered
    assert new.training.remembered.cells == found.cells
    assert new.calibration.upper_bound
    assert (new.calibration.interval.low, new.calibration.interval.high) == (0.0, old.calibration.interval.high)
    assert found.bundle.calibration_sample == before.calibration_sample
    assert found.bundle.digest != before.digest


def test_a_bundle_that_remembers_can_be_given_another_budget_and_still_promises_no_more(found: Remembering) -> None:
    moved = recalibrated(found.bundle, 0.1, open_bundle(found.bundle)).manifest.calibration
    assert moved.upper_bound
    assert moved.interval.low == 0.0


def test_the_new_bundle_passes_the_gate_as_it_lies_on_disk(found: Remembering) -> None:
    read = parse_bundle(bundle_bytes(found.bundle))
    assert run_gate(read, open_bundle(read)).passed


def test_the_backbone_is_shared_as_before(before: Bundle, found: Remembering) -> None:
    assert before.backbone_digest is not None
    assert found.bundle.backbone_digest == before.backbone_digest


def test_a_model_that_holds_its_backbone_can_remember_too() -> None:
    """Frames that are registered go through one graph, whose map is moved back to where the part lay."""
    whole = fitted(Fixed(SIZE, Method.BANK, Lighting.LEVELLED, Pixels.SYMMETRIC, registered=True))
    assert whole.backbone is None
    found = remember(whole, [false_call(100)])
    assert not calls(found.bundle)(false_call(100).data)


def test_the_same_false_calls_give_the_same_bundle(before: Bundle, found: Remembering) -> None:
    assert remember(before, REMEMBERED).bundle.digest == found.bundle.digest


def test_a_second_time_adds_to_the_first(found: Remembering) -> None:
    other = Frame(500, Told.FALSE_CALL, png(scratched(500)))
    again = remember(found.bundle, [other])
    known = again.bundle.manifest.training.remembered
    assert known is not None
    assert known.frames == (*found.remembered, other.id)
    assert known.cells == tuple(was + new for was, new in zip(found.cells, again.cells, strict=True))
    assert not calls(again.bundle)(other.data)
    assert not calls(again.bundle)(false_call(100).data)


def test_a_frame_that_the_bundle_does_not_call_has_nothing_to_remember(found: Remembering) -> None:
    with pytest.raises(Mistake, match="calls none of 1 false calls anomalous"):
        remember(found.bundle, [false_call(100)])


def test_an_image_that_is_gone_is_told_and_the_others_are_remembered(before: Bundle) -> None:
    gone = Frame(600, Told.FALSE_CALL)
    found = remember(before, [gone, false_call(100)])
    assert found.remembered == (false_call(100).id,)
    assert found.left_out[0].startswith(f"{gone.id}: ")


def test_a_memory_without_room_is_refused_in_words(before: Bundle, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(remembering, "MOST_CELLS", 3)
    found = remember(before, [false_call(100)])
    assert found.full
    assert max(found.cells) <= 3
    monkeypatch.setattr(remembering, "MOST_CELLS", 1)
    with pytest.raises(Mistake, match=r"no room left.*fit --reviewed"):
        remember(found.bundle, [Frame(500, Told.FALSE_CALL, png(scratched(500)))])


def test_a_false_call_that_looks_like_a_golden_defect_is_refused(before: Bundle) -> None:
    golden = next(each for each in before.manifest.golden if each.verdict is Verdict.ANOMALOUS)
    like_it = Frame(700, Told.FALSE_CALL, before.golden_image(golden))
    with pytest.raises(Mistake, match=f"{golden.name}.*look too much like a defect"):
        remember(before, [like_it])


def test_a_bundle_without_a_memory_is_refused_with_what_to_do_instead() -> None:
    with pytest.raises(Mistake, match=r"mean and spread of each place.*andon fit --reviewed STATION"):
        remember(fitted(GAUSSIAN), [false_call(100)])
    with pytest.raises(Mistake, match=r"brightest-pixel.*no memory that Andon could add to"):
        remember(proven_bundle(), [false_call(100)])


def test_only_cells_of_places_above_the_threshold_join_the_memory() -> None:
    """Each must come so near that its place comes down to COVER of the threshold."""
    memory, cells = np.zeros((1, 2), np.float32), np.array([[1, 0], [2, 0], [4, 0]], np.float32)
    asked = wanted(memory, cells, np.array([0.5, 1, 2], np.float32), threshold=1.0)
    assert asked.cells.tolist() == [[4, 0]]
    assert asked.distance.tolist() == [4]
    assert asked.near.tolist() == pytest.approx([4 * COVER / 2])


def test_cells_that_one_of_them_stands_for_are_remembered_once() -> None:
    near = np.full(2, COVER, np.float32)
    first = Wanted(np.array([[10, 0], [10.1, 0]], np.float32), np.array([10, 10.1], np.float32), near)
    second = Wanted(np.array([[10.2, 0], [0, 20]], np.float32), np.array([10.2, 20], np.float32), near)
    cells, enough = coreset([first, second], MOST_CELLS)
    assert cells.tolist() == pytest.approx(np.array([[10.1, 0], [0, 20]]))
    assert enough


def test_cells_that_are_near_enough_are_not_remembered() -> None:
    known = Wanted(np.array([[0, 0.5]], np.float32), np.array([0.5], np.float32), np.array([0.6], np.float32))
    cells, enough = coreset([known], MOST_CELLS)
    assert (len(cells), enough) == (0, True)


def test_where_room_is_short_the_farthest_come_first_of_one_frame_after_the_other() -> None:
    near = np.ones(2, np.float32)
    first = Wanted(np.array([[10, 0], [0, 20]], np.float32), np.array([10, 20], np.float32), near)
    second = Wanted(np.array([[50, 0], [0, 50]], np.float32), np.array([50, 50], np.float32), near)
    assert [coreset([first, second], room)[0].tolist() for room in (1, 2)] == [[[0, 20]], [[0, 20], [10, 0]]]
    assert not coreset([first, second], 2)[1]


def test_the_report_counts_what_people_know_by_what_changed() -> None:
    def frame(seq: int, told: Told, level: int) -> Frame:
        return Frame(seq, told, bytes([level]))

    frames = [
        frame(1, Told.REAL, 60),
        frame(2, Told.MISSED, 30),
        frame(3, Told.REAL, 90),
        frame(4, Told.FALSE_CALL, 60),
        frame(5, Told.GOOD, 10),
        frame(6, Told.UNSURE, 99),
        Frame(7, Told.REAL),
    ]
    scored = rescored(frames, lambda image: image[0] > 50, lambda image: image[0] > 80 or image[0] == 30)
    assert (scored.defects, scored.found_before, scored.found_after) == (3, 2, 2)
    assert scored.lost == (frames[0].id,)
    assert scored.gained == (frames[1].id,)
    assert (scored.good, scored.called_before, scored.called_after, scored.missing) == (2, 1, 0, 1)


@dataclass
class Bench:
    """The command on a folder: bundles, evidence, and what was reviewed of weld-07."""

    folder: Path

    def review(self, *frames: Frame) -> None:
        for frame in frames:
            write_reviewed(Folder(str(self.folder / "evidence")), frame.answer, frame.image())

    def run(self, *words: object) -> Result:
        env = {
            "COLUMNS": "200",
            "ANDON_EVIDENCE__URL": str(self.folder / "evidence"),
            "ANDON_STORE__BUNDLES": str(self.folder / "bundles"),
        }
        given = ["remember", *map(str, words)]
        return CliRunner(env=env).invoke(build("remember"), given)

    def record(self, *words: object) -> tuple[int, dict[str, Any]]:
        result = self.run(*words, "--json")
        return result.exit_code, json.loads(result.stdout.splitlines()[-1])


@pytest.fixture
def bench(tmp_path: Path, before: Bundle) -> Bench:
    write_bundle(before, tmp_path / "weld.andon")
    return Bench(tmp_path)


def test_the_command_remembers_all_that_was_confirmed_and_names_the_next_one(bench: Bench, before: Bundle) -> None:
    bench.review(false_call(100), false_call(101), defect(300), Frame(1, Told.GOOD, png(part(1))))
    result = bench.run(
        bench.folder / "weld.andon", "--station", "weld-07", "--from-reviewed", "--store", bench.folder / "bundles"
    )
    assert result.exit_code == 0, result.output
    made = read_bundle(bench.folder / "weld-remembers.andon")
    assert BundleStore(str(bench.folder / "bundles")).get(made.digest).digest == made.digest
    assert "2 frames remembered" in result.output
    assert "known defects found: 1 of 1, before 1" in result.output
    assert "good frames called: 0 of 3, before 2" in result.output
    assert f"next: andon shadow weld-07 {made.digest[:12]}" in result.output
    assert read_bundle(bench.folder / "weld.andon").digest == before.digest


def test_only_the_frames_that_were_named_are_remembered(bench: Bench) -> None:
    bench.review(false_call(100), false_call(101))
    status, record = bench.record(
        bench.folder / "weld.andon", "--station", "weld-07", "--frame", str(false_call(101).id)
    )
    assert status == 0
    assert record["remembered"] == [str(false_call(101).id)]
    assert record["rescored"]["good"] == 2


def test_without_a_known_defect_the_report_says_so_plainly(bench: Bench) -> None:
    bench.review(false_call(100))
    result = bench.run(bench.folder / "weld.andon", "--station", "weld-07", "--from-reviewed")
    assert result.exit_code == 0
    assert "no known defect has been reviewed here" in result.output


def test_a_lost_defect_ends_it_with_status_1_and_nothing_is_stored(bench: Bench) -> None:
    """The defect looks just like what people called good."""
    image = labelled(100)
    image[0, 0] ^= 1
    twin = Frame(102, Told.REAL, png(image))
    bench.review(false_call(100), false_call(101), twin)
    asked = (bench.folder / "weld.andon", "--station", "weld-07", "--from-reviewed", "--store", bench.folder / "there")
    status, record = bench.record(*asked)
    assert (status, record["bundle"], record["digest"]) == (1, None, None)
    assert record["rescored"]["lost"] == [str(twin.id)]
    assert not (bench.folder / "weld-remembers.andon").exists()
    assert not (bench.folder / "there").exists()
    status, record = bench.record(*asked, "--even-so")
    assert status == 0
    assert (bench.folder / "there" / f"{record['digest']}.andon").exists()


def test_frames_of_another_product_do_not_count(bench: Bench) -> None:
    mine = Frame(100, Told.FALSE_CALL, false_call(100).data, product="A")
    bench.review(mine, Frame(101, Told.FALSE_CALL, false_call(101).data, product="B"))
    status, record = bench.record(
        bench.folder / "weld.andon", "--station", "weld-07", "--from-reviewed", "--product", "A"
    )
    assert (status, record["remembered"]) == (0, [str(mine.id)])


def refused(bench: Bench, *words: object) -> str:
    with pytest.raises(Mistake) as error:
        raise bench.run(bench.folder / "weld.andon", *words).exception or AssertionError("it was not refused")
    return str(error.value)


def test_a_frame_that_is_no_false_call_is_refused(bench: Bench) -> None:
    bench.review(false_call(100), defect(300))
    said = refused(bench, "--station", "weld-07", "--frame", str(defect(300).id))
    assert "was answered 'real', and only a false call can be remembered" in said


def test_a_frame_that_nobody_answered_is_refused(bench: Bench) -> None:
    bench.review(false_call(100))
    said = refused(bench, "--station", "weld-07", "--frame", str(defect(300).id))
    assert "not among the reviewed frames of weld-07" in said


def test_a_station_without_reviewed_frames_is_told_how_to_get_some(bench: Bench) -> None:
    said = refused(bench, "--station", "press-1", "--from-reviewed")
    assert "holds no reviewed frames of it" in said


def test_it_must_be_said_which_false_calls(bench: Bench) -> None:
    assert "--from-reviewed for all" in refused(bench, "--station", "weld-07")
    both = ("--station", "weld-07", "--from-reviewed", "--frame", str(false_call(1).id))
    assert "--from-reviewed for all" in refused(bench, *both)


@pytest.mark.factory
def test_on_real_parts_one_remembered_marking_is_enough_and_no_defect_is_lost(factory_images: Path) -> None:
    """Solar modules get a stamp that is new and harmless, anywhere on them."""
    modules = factory_images / "solar"
    fixed = Fixed(256, Method.BANK, Lighting.LEVELLED, Pixels.SYMMETRIC, registered=False)
    bundle = fit_bundle(good_frames(modules)[:100], FitSettings(budget=0.02, fixed=fixed), andon_version="test")
    good = sorted((modules / "test" / "good").iterdir())[:20]
    random = np.random.default_rng(1)
    stamped = [Frame(i, Told.FALSE_CALL, _stamped(path, random)) for i, path in enumerate(good)]
    bad = sorted((modules / "test" / "defective").iterdir())[:20]
    defects = [Frame(100 + i, Told.REAL, path.read_bytes()) for i, path in enumerate(bad)]
    called = [frame for frame in stamped if calls(bundle)(frame.data)]
    assert len(called) >= 10
    found = remember(bundle, called[:1])
    scored = rescored([*called[1:], *defects], calls(bundle), calls(found.bundle))
    assert scored.called_after <= scored.called_before / 4
    assert scored.found_before > 10
    assert scored.lost == ()


def _stamped(path: Path, random: np.random.Generator) -> bytes:
    image = cv2.imread(str(path))
    height, width = image.shape[:2]
    at = (int(width * random.uniform(0.25, 0.6)), int(height * random.uniform(0.3, 0.7)))
    cv2.putText(image, "Q7", at, cv2.FONT_HERSHEY_SIMPLEX, height / 220, (235,) * 3, max(1, height // 90), cv2.LINE_AA)
    return png(image)


def test_the_console_knows_by_the_method_which_bundles_have_a_memory():
    assert Method.BANK.value in WITH_MEMORY
    assert Method.GAUSSIAN.value not in WITH_MEMORY
