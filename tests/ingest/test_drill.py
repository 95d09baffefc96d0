"""How a drill goes: the line settles first, a fault lasts until it is told, and nothing is left behind."""

from collections.abc import Callable, Iterable
from datetime import datetime, timedelta
from itertools import pairwise
from pathlib import Path
from uuid import UUID

import cv2
import numpy as np
import pytest
from typer.testing import CliRunner

from andon.assignments import Assignments
from andon.cli import build
from andon.errors import Broken, Mistake
from andon.ids import DRILL_OVER, derived_id
from andon.line import Policy
from andon.manifest import Distribution, DriftReference, FramingReference
from andon.records import Assignment, Cause, Proof, Refusal, Verdict, read_event, write_event
from andon.stage import Message, Record
from andon.topics import MODELS
from andon_ingest.drill import double
from andon_ingest.drill.camera import Camera, Sent
from andon_ingest.drill.double import Serves, assigned, copy_of, serving
from andon_ingest.drill.faults import Fault
from andon_ingest.drill.judging import Outcome, Result
from andon_ingest.drill.leaving_out import ANYWHERE, NEVER_SILENT, NO_FRAMING, left_out
from andon_ingest.drill.rehearsal import GOOD_RUN, MOST_BAD, PATIENCE_S, Rehearsal, Wanted
from andon_ingest.drill.sample import FASTEST, SLOWEST, UNKNOWN_PACE, WANTED, Sample, from_folder, pace
from andon_ingest.drill.story import Heard, Story

from .conftest import START, Time

DIGEST = "4b" * 32
COPY = "drill.weld-07"


def png(level: int) -> bytes:
    picture = np.full((32, 32), level, np.uint8)
    picture[8:24, 8:24] = 255 - level
    return cv2.imencode(".png", picture)[1].tobytes()


SAMPLE = Sample(tuple(png(level) for level in range(60, 60 + WANTED)), None, 2.0)


class Sent2Kafka:
    """A sink that keeps what it is given."""

    def __init__(self) -> None:
        self.messages: list[Message] = []

    def send(self, messages: Iterable[Message], _idle: object) -> None:
        self.messages += messages

    @property
    def subjects(self) -> list[str]:
        """What each frame is called."""
        return [dict(each.headers)["ce_subject"].decode() for each in self.messages]


class FakeLine:
    """A line behind the camera, as an ear hears it: each listening passes time. `opens` says what altered frames open,
    and after how many of them (of silence: seconds); good ones end it after `clear`, with the page after `page_s`."""

    def __init__(self, time: Time, kafka: Sent2Kafka, camera: Camera, **opens: tuple[Cause, int]) -> None:
        self.time, self.kafka, self.camera, self.opens = time, kafka, camera, opens
        self.story, self.verdicts = Story(COPY), dict[UUID, Verdict]()
        self.answers, self.pages, self.clear = Verdict.OK, True, 3
        self._bad = self._good = self._heard = 0
        self._last_s = time.now_s

    def listen(self, wait_s: float) -> None:
        self.time.sleep(max(wait_s, 0.001))
        for subject in self.kafka.subjects[self._heard :]:
            self._hear(subject)
        self._heard = len(self.kafka.messages)
        cause, after_s = self.opens.get("silence", (None, 0))
        if cause and self.time.now_s - self._last_s > after_s:
            self._open(cause)

    def _hear(self, subject: str) -> None:
        self._last_s = self.time.now_s
        assert self.camera.last
        self.verdicts[self.camera.last.frame] = self.answers
        if subject in ("drill good", DRILL_OVER):
            self._bad, self._good = 0, self._good + 1
            for each in self.story.open if self._good >= self.clear else ():
                each.resolved = self._now
            return
        self._bad, self._good = self._bad + 1, 0
        cause, after = self.opens.get(subject.removeprefix("drill "), (None, 0))
        if cause and self._bad == after:
            self._open(cause)

    def _open(self, cause: Cause) -> None:
        if any(each.cause is cause for each in self.story.open):
            return
        assert self.camera.last
        found = Heard(derived_id(UUID(int=len(self.story.incidents)), cause), cause, self._now)
        found.frames = frozenset({self.camera.last.frame})
        found.paged = {"webhook": self._now} if self.pages else {}
        self.story.incidents[found.incident] = found

    @property
    def _now(self) -> datetime:
        return self.time.clock.utc()


class Scene:
    """A rehearsal over a line that is not there."""

    def __init__(self, policy: Policy | None = None, within_s: float | None = None, **opens: tuple[Cause, int]) -> None:
        self.time, self.kafka, self.said = Time(), Sent2Kafka(), list[str]()
        self.camera = Camera(COPY, SAMPLE, 2.0, self.kafka, self.time.clock, lambda: "")  # type: ignore[arg-type]
        self.line = FakeLine(self.time, self.kafka, self.camera, **opens)
        wanted = Wanted(policy or Policy(silent_after_s=5), within_s=within_s)
        rng = np.random.default_rng(0)
        self.rehearsal = Rehearsal(
            self.camera,
            self.line,
            SAMPLE,
            wanted,
            self.time.clock,
            rng,
            self.said.append,  # type: ignore[arg-type]
        )

    def play(self, *faults: Fault) -> list[Outcome]:
        return list(self.rehearsal.run(faults))


def test_a_fault_lasts_until_it_is_told_and_good_frames_follow_until_it_is_over() -> None:
    scene = Scene(dim=(Cause.STATION_DARK, 8))
    (outcome,) = scene.play(Fault.DIM)
    assert (outcome.result, outcome.frames, scene.kafka.subjects.count("drill dim")) == (Result.RIGHT, 8, 8)
    assert scene.kafka.subjects[:GOOD_RUN] == ["drill good"] * GOOD_RUN
    assert scene.kafka.subjects[-GOOD_RUN:] == ["drill good"] * GOOD_RUN
    assert outcome.paged_s == pytest.approx(3.5, abs=0.1), "seven gaps of half a second"
    assert scene.line.story.open == []


def test_frames_come_at_the_stations_pace() -> None:
    scene = Scene(dim=(Cause.STATION_DARK, 8))
    scene.play(Fault.DIM)
    seen = [dict(each.headers)["ce_time"].decode() for each in scene.kafka.messages]
    gaps = [(datetime.fromisoformat(b) - datetime.fromisoformat(a)).total_seconds() for a, b in pairwise(seen)]
    assert max(gaps) == pytest.approx(0.5, abs=0.03)
    assert min(gaps) == pytest.approx(0.5, abs=0.03)


def test_a_fault_that_nobody_names_is_given_up_after_its_frames_and_some_patience() -> None:
    scene = Scene()
    (outcome,) = scene.play(Fault.BLUR)
    assert (outcome.result, outcome.named) == (Result.NOTHING, None)
    assert scene.kafka.subjects.count("drill blur") == pytest.approx(MOST_BAD + 2 * PATIENCE_S, abs=2)


def test_a_copy_is_never_silent_but_in_the_drill_of_silence() -> None:
    scene = Scene(silence=(Cause.STATION_SILENT, 2))
    outcomes = scene.play(Fault.BLUR, Fault.FROZEN, Fault.SILENCE)
    assert [each.result for each in outcomes] == [Result.NOTHING, Result.NOTHING, Result.RIGHT]


def test_several_faults_are_judged_apart() -> None:
    scene = Scene(dim=(Cause.STATION_DARK, 8), blur=(Cause.STATION_DARK, 8), defect=(Cause.DEFECT_SURGE, 3))
    outcomes = scene.play(Fault.DIM, Fault.BLUR, Fault.DEFECT)
    assert [each.result for each in outcomes] == [Result.RIGHT, Result.WRONG_CAUSE, Result.RIGHT]


def test_silence_is_counted_from_when_the_next_frame_should_have_come() -> None:
    scene = Scene(silence=(Cause.STATION_SILENT, 5))
    (outcome,) = scene.play(Fault.SILENCE)
    assert outcome.right
    assert outcome.paged_s == pytest.approx(4.5, abs=0.1)
    assert outcome.frames is None


def test_a_page_has_as_long_as_its_frames_take_unless_it_is_said() -> None:
    scene, strict = Scene(), Scene(within_s=2.0)
    assert scene.rehearsal.within_s(Fault.DIM) == MOST_BAD / 2 + PATIENCE_S
    assert scene.rehearsal.within_s(Fault.SILENCE) == 5 + PATIENCE_S
    assert strict.rehearsal.within_s(Fault.SILENCE) == 2.0


def test_nothing_is_tried_before_good_frames_are_called_good() -> None:
    scene = Scene(dim=(Cause.STATION_DARK, 1))
    scene.line.answers = Verdict.ANOMALOUS
    with pytest.raises(Broken, match=r"did not settle: of 70 good frames 70 were not called ok"):
        scene.play(Fault.DIM)
    assert "drill dim" not in scene.kafka.subjects


def test_what_an_earlier_drill_left_open_is_over_before_the_first_fault() -> None:
    scene = Scene(dim=(Cause.STATION_DARK, 8))
    scene.camera.good()
    scene.line._open(Cause.STATION_BLURRED)
    scene.line.clear = 20
    (outcome,) = scene.play(Fault.DIM)
    assert outcome.right
    assert scene.kafka.subjects.index("drill dim") >= 20


def test_leaving_ends_what_is_open_and_the_last_frame_says_that_it_is_the_last() -> None:
    scene = Scene(dim=(Cause.STATION_DARK, 2))
    scene.camera.good()
    scene.camera.send(png(1), "drill dim")
    scene.camera.send(png(2), "drill dim")
    scene.line.listen(0.1)
    assert scene.line.story.open
    scene.rehearsal.leave()
    assert scene.line.story.open == []
    assert scene.kafka.subjects[-2:] == ["drill good", DRILL_OVER]


class Followed:
    """The table of `models`, and what is written to it."""

    def __init__(self, *answers: Callable[[Assignment], Proof | Refusal]) -> None:
        self.table = Assignments()
        self.answers = answers
        self.written: list[Message] = []

    def refresh(self) -> bool:
        return False

    def send(self, messages: Iterable[Message], _idle: object) -> None:
        for each in messages:
            self.written.append(each)
            self.apply(each.key or b"", each.value)
            if each.value:
                for answer in self.answers:
                    said = answer(read_event(Assignment, each.value))
                    self.apply(said.key, write_event(said))

    def apply(self, key: bytes, value: bytes) -> None:
        self.table.apply(Record(MODELS, 0, 0, key, value))


def proof(of: Assignment) -> Proof:
    return Proof(station=of.station, product=of.product, bundle=of.bundle, at=START)


def refusal(of: Assignment) -> Refusal:
    return Refusal(station=of.station, product=of.product, bundle=of.bundle, why="another size", at=START)


SERVES = Serves("weld-07", None, DIGEST)


def test_the_copy_is_served_by_the_same_bundle_and_nothing_of_it_stays_in_models() -> None:
    followed = Followed(proof)
    with assigned(followed, followed, SERVES, START) as name:  # type: ignore[arg-type]
        found = followed.table.lookup(name, "hinge")
        assert found is not None
        assert (name, found.proven, found.active.by) == (COPY, DIGEST, "drill")
        assert "a drill of weld-07" in found.active.why
    assert followed.table.all() == ()
    emptied = {each.key for each in followed.written if not each.value}
    assert emptied == {kind + b"drill.weld-07/*" for kind in (b"", b"proven:", b"refused:", b"swapped:")}


def test_an_interrupted_drill_puts_its_copy_away_too() -> None:
    followed = Followed(proof)
    with pytest.raises(KeyboardInterrupt), assigned(followed, followed, SERVES, START):  # type: ignore[arg-type]
        raise KeyboardInterrupt
    assert followed.table.all() == ()


def test_a_bundle_that_scoring_refuses_cannot_be_drilled_and_one_that_nobody_loads_is_not_waited_for_for_ever(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    refused, silent = Followed(refusal), Followed()
    with pytest.raises(Mistake, match="another size"), assigned(refused, refused, SERVES, START):  # type: ignore[arg-type]
        pass
    monkeypatch.setattr(double, "PROVEN_WITHIN_S", 0.0)
    with pytest.raises(Broken, match="no scoring process"), assigned(silent, silent, SERVES, START):  # type: ignore[arg-type]
        pass
    assert refused.table.all() == silent.table.all() == ()


def test_only_a_station_with_a_proven_bundle_can_be_drilled() -> None:
    followed = Followed()
    with pytest.raises(Mistake, match="no proven bundle serves it"):
        serving(followed, "weld-07", None)  # type: ignore[arg-type]
    given = Assignment(station="*", bundle=DIGEST, at=START)
    followed.apply(given.key, write_event(given))
    followed.apply(proof(given).key, write_event(proof(given)))
    assert serving(followed, "weld-07", "hinge") == Serves("weld-07", "hinge", DIGEST)  # type: ignore[arg-type]


def test_where_only_products_have_bundles_the_first_is_drilled() -> None:
    followed = Followed()
    for product, digest in (("lid", "77" * 32), ("hinge", DIGEST)):
        given = Assignment(station="weld-07", product=product, bundle=digest, at=START)
        followed.apply(given.key, write_event(given))
        followed.apply(proof(given).key, write_event(proof(given)))
    assert serving(followed, "weld-07", None) == Serves("weld-07", "hinge", DIGEST)  # type: ignore[arg-type]
    assert serving(followed, "weld-07", "lid") == Serves("weld-07", "lid", "77" * 32)  # type: ignore[arg-type]


def reference(*sideways: float) -> DriftReference:
    """Of good parts that lie so far apart, in shares of the side."""
    flat = Distribution(quantiles=(0, 0), mean=0, sd=0, n=9)
    way = [Distribution(quantiles=(-by / 2, by / 2), mean=0, sd=by, n=9) for by in sideways]
    profile = (0.0,) * 64
    framing = FramingReference(columns=profile, rows=profile, right=way[0], down=way[1]) if way else None
    return DriftReference(health={}, score=flat, framing=framing)


@pytest.mark.parametrize(
    ("known", "why"),
    [
        (reference(0.0, 0.0), None),
        (reference(0.2, 0.01), None),  # up and down a shift can be told
        (reference(0.03, 0.03), None),  # 5.4 % to the right are allowed, and 6 % are tried
        (reference(0.04, 0.04), ANYWHERE),
        (reference(0.2, 0.2), ANYWHERE),
        (reference(), NO_FRAMING),
        (None, None),
    ],
)
def test_a_shift_that_nobody_could_tell_is_left_out_and_said_why(known: DriftReference | None, why: str | None) -> None:
    assert left_out(Policy(), known, 1.0) == ({Fault.SHIFT: why} if why else {})


def test_a_station_that_is_never_called_silent_is_not_drilled_for_it() -> None:
    assert left_out(Policy(silent_after_s=None), None, 1.0) == {Fault.SILENCE: NEVER_SILENT}


def test_a_name_too_long_for_a_copy_is_told() -> None:
    assert copy_of("w" * 58) == "drill." + "w" * 58
    with pytest.raises(Mistake, match="at most 58 characters"):
        copy_of("w" * 59)


@pytest.mark.parametrize(
    ("gaps", "rate"),
    [
        ([], UNKNOWN_PACE),
        ([0.5] * 5, 2.0),
        ([0.5, 0.5, 60], 2.0),
        ([0.001] * 3, FASTEST),
        ([600] * 3, SLOWEST),
        ([0.0], 2.0),
    ],
)
def test_the_pace_is_the_middle_gap_between_two_frames(gaps: list[float], rate: float) -> None:
    captured = [START]
    for gap in gaps:
        captured.append(captured[-1] + timedelta(seconds=gap))
    assert pace(captured) == pytest.approx(rate)


def test_a_sample_holds_different_pictures_that_can_be_altered(tmp_path: Path) -> None:
    for number, level in enumerate([60, 60, 70, 80]):
        (tmp_path / f"{number}.png").write_bytes(png(level))
    (tmp_path / "broken.jpg").write_bytes(b"\xff\xd8\xff no picture")
    sample = from_folder(tmp_path, "hinge")
    assert sample == Sample((png(60), png(70), png(80)), "hinge", UNKNOWN_PACE)


def test_of_a_folder_to_learn_from_the_good_parts_are_taken(tmp_path: Path) -> None:
    for place, level in (("train/good", 60), ("train/good", 70), ("train/good", 80), ("test/scratch", 90)):
        (tmp_path / place).mkdir(parents=True, exist_ok=True)
        (tmp_path / place / f"{level}.png").write_bytes(png(level))
    assert from_folder(tmp_path, None).images == (png(60), png(70), png(80))


def test_too_few_pictures_are_a_mistake_that_says_what_to_do(tmp_path: Path) -> None:
    (tmp_path / "one.png").write_bytes(png(60))
    (tmp_path / "two.jpg").write_bytes(b"\xff\xd8\xff no picture")
    with pytest.raises(Mistake, match=r"1 pictures that a drill can alter, at least 3 .*refused.*--images FOLDER"):
        from_folder(tmp_path, None)


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ([], "which station"),
        (["weld-07", "--all"], "which station"),
        (["--all", "--images", "."], "cannot go with --all"),
        (["weld-07", "--only", "blur,fog"], "choose of blur, dim"),
        (["Weld 07"], "try 'weld-07'"),
        (["drill.weld-07"], "name the station: weld-07"),
        (["weld-07", "--listen", "9099"], "HOST:PORT"),
        (["weld-07", "--product", "\n"], "--product"),
    ],
)
def test_what_cannot_be_drilled_is_told_before_anything_starts(arguments: list[str], told: str) -> None:
    result = CliRunner().invoke(build("drill"), ["drill", *arguments])
    assert isinstance(result.exception, Mistake)
    assert told in str(result.exception)


def test_help_shows_what_to_type() -> None:
    result = CliRunner().invoke(build("drill"), ["drill", "--help"], env={"COLUMNS": "200"})
    assert result.exit_code == 0
    assert "andon drill weld-07 --only defect --repeat 100" in result.output


def test_a_sent_frame_knows_its_id_and_its_time() -> None:
    scene = Scene()
    sent = scene.camera.good()
    headers = dict(scene.kafka.messages[0].headers)
    assert sent == Sent(UUID(headers["ce_id"].decode()), START)
    assert headers["ce_station"] == COPY.encode()
