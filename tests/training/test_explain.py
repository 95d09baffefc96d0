"""A verdict made again: what is the same, what differs and why, what is gone. Needs no Kafka."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID

import cv2
import numpy as np
import pytest

from andon.bundle import Bundle
from andon.dead_letters import dead_letter
from andon.errors import Mistake
from andon.ids import foreign_frame_id, frame_id, sha256_hex
from andon.images.prepare import prepare
from andon.inference import open_bundle
from andon.reasons import Reason
from andon.records import Frame, FramePlace, Score, Unscorable, Verdict, frame_headers, write_event
from andon.stage import Record, Rejected
from andon.store import BlobStore, BundleStore
from andon.testing.models import LOG_OF_BRIGHTEST, proven_bundle, tiny_model
from andon.topics import DEAD_LETTERS, FRAMES, SCORES
from andon.where import heat_map_png, regions
from andon_training.replay.explain import Ending, Explanation, Same, explain
from andon_training.replay.explain_letter import explain_letter
from andon_training.replay.find import find_letter, find_scores, frame_text
from andon_training.replay.held import Stretch
from andon_training.replay.line import letters_of
from andon_training.replay.span import Span

NOW = datetime(2026, 3, 2, 14, 0, tzinfo=UTC)
ID = frame_id("weld-07", 7, 3)


def picture(level: int) -> bytes:
    image = np.full((16, 16), 10, np.uint8)
    image[4:8, 4:8] = level
    return cv2.imencode(".png", image)[1].tobytes()


class Line:
    """One frame, one bundle, and the score that the line wrote: to be spoilt in one way or another."""

    def __init__(self, folder: Path, level: int = 200, bundle: Bundle | None = None) -> None:
        self.bundle = bundle or proven_bundle()
        self.bundles, self.blobs = BundleStore(str(folder / "bundles")), BlobStore(str(folder / "frames"))
        self.bundles.put(self.bundle)
        image = picture(level)
        self.frame = Frame("weld-07", 7, 3, ID, NOW, "image/png", sha256_hex(image))
        self.record: Record | None = Record(FRAMES, 1, 42, b"weld-07", image, frame_headers(self.frame))
        self.score = self.scored(image)

    def scored(self, image: bytes) -> Score:
        manifest, model = self.bundle.manifest, open_bundle(self.bundle)
        prepared = prepare(image, manifest.preparation)
        outputs = model.run(prepared.tensor[np.newaxis])
        score, anomalous = float(outputs.score[0]), float(outputs.score[0]) > manifest.threshold
        return Score(
            frame_id=ID,
            station="weld-07",
            epoch=7,
            seq=3,
            captured_at=NOW,
            scored_at=NOW,
            verdict=Verdict.ANOMALOUS if anomalous else Verdict.OK,
            score=score,
            threshold=manifest.threshold,
            bundle=self.bundle.digest,
            runtime=model.runtime,
            regions=regions(outputs.map[0], manifest.threshold, prepared.crop) if anomalous else (),
            heat_map=heat_map_png(outputs.map[0], manifest.threshold) if anomalous else None,
            width=16,
            height=16,
            frame=FramePlace(topic=FRAMES, partition=1, offset=42),
            health=prepared.health,
        )

    def explained(self, **changed: object) -> Explanation:
        score = self.score.model_copy(update=changed)

        def at(topic: str, partition: int, offset: int) -> Record | None:
            return self.record if (topic, partition, offset) == (FRAMES, 1, 42) else None

        return explain(score, SCORES, at, self.blobs, self.bundles)


@pytest.fixture
def line(tmp_path: Path) -> Line:
    return Line(tmp_path)


def same(found: Explanation) -> dict[str, Same]:
    return {check.what: check.same for check in found.checks}


@pytest.mark.parametrize("level", [20, 200])
def test_what_was_said_is_said_again_to_the_last_bit(tmp_path: Path, level: int) -> None:
    found = Line(tmp_path, level).explained()
    assert found.ending is Ending.EXACT
    assert found.ending.exit_status == 0
    assert set(same(found).values()) == {Same.YES}


def test_another_runtime_may_move_a_score_within_tolerance(line: Line) -> None:
    found = line.explained(score=200.00001, runtime="onnxruntime 1.20 CUDAExecutionProvider")
    assert found.ending is Ending.WITHIN
    assert (same(found)["score"], same(found)["runtime"]) == (Same.NEARLY, Same.NO)
    assert found.ending.exit_status == 0


def test_a_score_that_moved_further_differs_and_the_runtimes_are_named(line: Line) -> None:
    found = line.explained(score=210.0, runtime="onnxruntime 1.20 CPUExecutionProvider")
    assert found.ending is Ending.DIFFERS
    assert found.ending.exit_status == 1
    assert "differs in score. Likely cause: the same pixels gave another score" in found.conclusion
    assert "(runtime onnxruntime 1.20 CPUExecutionProvider then, onnxruntime " in found.conclusion


def test_other_pixels_are_known_by_their_health_numbers(line: Line) -> None:
    assert line.score.health is not None
    found = line.explained(score=150.0, health=line.score.health.model_copy(update={"luminance": 0.9}))
    assert same(found)["preparation"] is Same.NO
    assert "decodes or resizes to other pixels here; proven with OpenCV test, here" in found.conclusion


def test_another_threshold_is_named_before_arithmetic(line: Line) -> None:
    found = line.explained(threshold=220.0, verdict=Verdict.OK, regions=(), heat_map=None)
    assert same(found)["verdict"] is Same.NO
    assert "another threshold than the bundle's own" in found.conclusion


def test_other_bytes_than_were_counted_come_first_of_all(line: Line) -> None:
    assert line.record is not None
    line.record = replace(line.record, value=picture(90))
    found = line.explained()
    assert same(found)["frame"] is Same.NO
    assert "the bytes of the frame are not those its maker counted" in found.conclusion


def test_a_frame_that_is_gone_cannot_be_judged_again(line: Line) -> None:
    line.record = None
    found = line.explained()
    assert (found.ending, found.ending.exit_status) == (Ending.CANNOT, 2)
    assert "Kafka keeps frames for a time only" in found.conclusion


def test_another_frame_at_its_place_is_not_taken_for_it(line: Line) -> None:
    found = line.explained(frame_id=frame_id("weld-07", 7, 4))
    assert found.ending is Ending.CANNOT
    assert "the topic was made anew" in found.checks[0].told


def test_a_bundle_that_is_not_in_the_store_is_named(line: Line) -> None:
    found = line.explained(bundle="77" * 32)
    assert found.ending is Ending.CANNOT
    assert "bundle 777777777777 is not in the store" in found.conclusion


def test_an_unscorable_frame_says_what_was_missing(line: Line) -> None:
    gone = {"score": None, "threshold": None, "bundle": None, "verdict": Verdict.UNSCORABLE, "regions": ()}
    found = line.explained(**gone, unscorable=Unscorable.NO_BUNDLE)
    assert found.ending is Ending.CANNOT
    assert "no bundle was assigned to its station" in found.conclusion


def test_a_frame_that_gave_no_finite_number_gives_none_again(tmp_path: Path) -> None:
    bundle = proven_bundle(model=tiny_model((8, 8, 1), LOG_OF_BRIGHTEST))
    line = Line(tmp_path, bundle=bundle)
    black = cv2.imencode(".png", np.zeros((16, 16), np.uint8))[1].tobytes()
    assert line.record is not None
    frame = replace(line.frame, sha256=sha256_hex(black))
    line.record = replace(line.record, value=black, headers=frame_headers(frame))
    nothing = {"score": None, "verdict": Verdict.UNSCORABLE, "unscorable": Unscorable.NOT_FINITE, "regions": ()}
    health = prepare(black, bundle.manifest.preparation).health
    found = line.explained(**nothing, health=health)
    assert (found.ending, same(found)["score"]) == (Ending.EXACT, Same.YES)
    assert "unscorable again" in found.conclusion


@pytest.mark.parametrize("text", ["", "1234567", "not-an-id", "g" * 8, "a" * 33])
def test_what_begins_no_frame_id_is_a_mistake(text: str) -> None:
    with pytest.raises(Mistake, match="a frame id is a UUID"):
        frame_text(text)


def test_an_id_may_be_given_in_capitals_without_dashes_or_in_part() -> None:
    assert frame_text(ID.hex.upper()) == str(ID)
    assert frame_text(str(ID)[:15]) == str(ID)[:15]
    assert frame_text(ID.hex[:10]) == str(ID)[:11]


class Log:
    """One partition of records, read in windows; remembers how many were read."""

    def __init__(self, values: list[Record]) -> None:
        self.values = values
        self.read = 0

    def __call__(self, _part: Stretch, start: int, stop: int) -> Iterator[Record]:
        self.read += stop - start
        yield from self.values[start:stop]

    @property
    def held(self) -> list[Stretch]:
        return [Stretch((SCORES, 0), 0, 0, len(self.values))]


def scores(line: Line, ids: list[UUID], bundle: str | None = None) -> list[Record]:
    changed = {"bundle": bundle} if bundle else {}
    values = [write_event(line.score.model_copy(update={"frame_id": each, **changed})) for each in ids]
    return [Record(SCORES, 0, i, b"weld-07", value) for i, value in enumerate(values)]


def test_the_search_goes_backwards_and_ends_where_a_whole_id_is_met(line: Line) -> None:
    ids = [frame_id("weld-07", 7, seq) for seq in range(6000)]
    log = Log(scores(line, ids))
    found = find_scores(log, log.held, str(ids[5500]))
    assert [word.score.frame_id for word in found.words] == [ids[5500]]
    assert log.read == found.looked == 1000


def test_the_beginning_of_an_id_must_mean_one_frame(line: Line) -> None:
    twins = [UUID("abcdef01" + "0" * 24), UUID("abcdef01" + "f" * 24)]
    log = Log(scores(line, [*twins, ID]))
    with pytest.raises(Mistake, match="2 frames begin so"):
        find_scores(log, log.held, "abcdef01")
    assert find_scores(log, log.held, str(ID)[:8]).words[0].score.frame_id == ID


def test_each_bundles_last_word_is_found_the_newest_first(line: Line) -> None:
    log = Log([*scores(line, [ID, ID]), *scores(line, [ID], "77" * 32)])
    found = find_scores(log, log.held, str(ID))
    assert [(word.score.bundle or "")[:2] for word in found.words] == ["77", line.bundle.digest[:2]]


def letter(value: bytes, reason: Reason, *, own: bool = True) -> Record:
    frame = Frame("weld-07", 7, 3, ID, NOW)
    headers = frame_headers(frame) if own else ()
    record = Record(FRAMES, 1, 42, b"weld-07", value, headers, int(NOW.timestamp() * 1000))
    made = dead_letter(Rejected(record, reason, "as it was"), DEAD_LETTERS, "preprocess", "0.1.0")
    return Record(DEAD_LETTERS, 0, 5, made.key, made.value, made.headers, int(NOW.timestamp() * 1000))


def test_a_refused_frame_is_tried_again(tmp_path: Path) -> None:
    store = BlobStore(str(tmp_path))
    again = explain_letter(letter(b"no image", Reason.NOT_AN_IMAGE), store)
    assert (again.ending, again.frame_id) == (Ending.EXACT, str(ID))
    other = explain_letter(letter(b"", Reason.NOT_AN_IMAGE), store)
    assert "would be refused now as empty" in other.conclusion
    assert explain_letter(letter(picture(9), Reason.MISSING_DATA), store).ending is Ending.DIFFERS


def test_a_foreign_dead_letter_is_found_by_its_place() -> None:
    log = Log([letter(b"?", Reason.TRUNCATED, own=False), letter(b"?", Reason.TRUNCATED)])
    own = foreign_frame_id(FRAMES, 1, 42)
    assert find_letter(log, log.held, str(own)) is log.values[0]
    assert find_letter(log, log.held, str(ID)) is log.values[1]
    assert find_letter(log, log.held, "00000000") is None


def test_dead_letters_count_in_the_time_their_frames_were_written() -> None:
    late = Span(NOW, NOW.replace(hour=15))
    early = Span(NOW.replace(hour=12), NOW)
    letters = [letter(b"?", Reason.TRUNCATED)]
    assert letters_of("weld-07", letters, late).counts() == {"truncated": 1}
    assert letters_of("weld-07", letters, early).counts() == {}
    assert letters_of("weld-08", letters, late).counts() == {}
