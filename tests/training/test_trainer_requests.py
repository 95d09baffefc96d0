"""What people ask for is done once, told as it goes, and never assigned; what cannot be done is refused in words."""

import json
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID, uuid5

import cv2
import numpy as np
import pytest

from andon.assignments import Assignments
from andon.bundle import Bundle
from andon.errors import Mistake
from andon.folder import Folder
from andon.ids import frame_id
from andon.kafka.source import Place
from andon.memory import MemoryDeadLetters, MemoryKafka, MemorySink, MemorySource
from andon.records import (
    Answer,
    Assignment,
    Request,
    RequestNews,
    RequestState,
    Rescored,
    Told,
    Wish,
    read_event,
    write_event,
)
from andon.reviewed import write_reviewed
from andon.settings import StoreSettings
from andon.stage import Message, Record, Stage
from andon.store import BundleStore
from andon.testing.models import proven_bundle
from andon.topics import DEAD_LETTERS, MODELS, REQUESTS
from andon_training.jobs.opening import limits
from andon_training.jobs.process import Processes
from andon_training.jobs.worker import Kind
from andon_training.places import EvidencePlace
from andon_training.progress import silent
from andon_training.trainer import anew
from andon_training.trainer.apprentice import Apprentice
from andon_training.trainer.board import Board
from andon_training.trainer.decide import Deciding
from andon_training.trainer.errand import SHARES, fulfilled, stepwise
from andon_training.trainer.follow import Following
from andon_training.trainer.settings import OnboardingSettings, RequestSettings, TrainerSettings
from andon_training.trainer.telling import Taken
from andon_training.trainer.word import Result, Word

START = datetime(2026, 3, 2, 14, 0, tzinfo=UTC)
MADE = "4b" * 32
GROUP = "andon.trainer"


class Source(MemorySource):
    """Reads the twin; `ours` are the partitions that it has been given."""

    ours = frozenset({0})

    @property
    def assignment(self) -> list[Place]:
        return [(REQUESTS, part) for part in sorted(self.ours)]


class Nothing:
    """No assignments, no manifests."""

    table = Assignments()

    def refresh(self) -> bool:
        return False

    def manifest(self, digest: str) -> Any:
        raise AssertionError(digest)


class Line:
    """The trainer in memory, but for what it is asked to make."""

    def __init__(self) -> None:
        self.kafka = MemoryKafka(partitions=1)
        self.now = START
        self.restart()

    def restart(self) -> None:
        """A new process: nothing in memory."""
        self.board = Board(Assignments(), OnboardingSettings())
        self.source = Source(self.kafka, [REQUESTS], GROUP)
        following = Following(
            self.source, self.board, Nothing(), Nothing(), self.look_back, look_back_h=1, clock=lambda: self.now
        )
        sink, dead = MemorySink(self.kafka), MemoryDeadLetters(self.kafka)
        self.stage = Stage("trainer", following, Deciding(self.board, 0, retry_s=60), sink, dead)

    def look_back(self, places: Mapping[Place, int | None], since: datetime) -> Iterator[Record]:
        for (topic, part), stop in places.items():
            yield from self.kafka.log(topic, part)[: self.kafka.committed(GROUP, topic, part) if stop is None else stop]

    def turn(self) -> None:
        self.stage.step(lambda: self.now)

    def ask(self, *requests: Request) -> None:
        for request in requests:
            self.kafka.append(Message(REQUESTS, request.station.encode(), write_event(request)))

    def says(self, *words: Word) -> None:
        (taken,) = self.board.desk.at_work
        self.board.desk.words += [(taken.request_id, word) for word in words]
        self.turn()

    @property
    def news(self) -> list[RequestNews]:
        said = [record.value for record in self.kafka.records(REQUESTS) if b'"record":"news"' in record.value]
        return [read_event(RequestNews, value) for value in said]


@pytest.fixture
def line() -> Line:
    return Line()


def request(number: int = 1, **given: Any) -> Request:
    wish = {"wish": Wish.THRESHOLD, "budget": 0.1, "bundle": MADE, "station": "weld-07", "at": START}
    return Request(request_id=uuid5(UUID(int=0), str(number)), **{**wish, **given})


def done(asked: Request) -> Word:
    result = Result(request_id=asked.request_id, sentence="It is done.", bundle=MADE, threshold=3.5)
    return Word(result=result.model_copy(update={"rescored": Rescored(defects=2, found_before=2, found_after=2)}))


def failed(asked: Request, *, ours: bool) -> Word:
    return Word(result=Result(request_id=asked.request_id, problem="the store does not answer", ours=ours))


def test_a_request_is_taken_then_told_as_it_goes_then_done(line: Line) -> None:
    asked = request()
    line.ask(asked)
    line.turn()
    assert line.board.desk.at_work == [asked]
    line.says(Word(progress=0.4))
    line.says(done(asked))
    assert [(each.state, each.progress) for each in line.news] == [
        (RequestState.TAKEN, 0.0),
        (RequestState.TAKEN, 0.4),
        (RequestState.DONE, None),
    ]
    last = line.news[-1]
    assert (last.bundle, last.threshold, last.sentence) == (MADE, 3.5, "It is done.")
    assert last.rescored is not None
    assert last.rescored.found_after == 2


def test_what_was_answered_is_not_done_again_after_a_restart(line: Line) -> None:
    first, second = request(1), request(2)
    line.ask(first, second)
    line.turn()
    line.says(done(first))
    line.says(failed(second, ours=False))
    line.restart()
    line.turn()
    assert line.board.desk.at_work == []
    assert line.board.desk.waiting == {}


def test_what_was_taken_when_the_trainer_died_is_taken_up_again(line: Line) -> None:
    asked = request()
    line.ask(asked)
    line.turn()
    line.turn()
    line.restart()
    line.turn()
    assert line.board.desk.at_work == [asked]


def test_a_restart_before_the_commit_takes_it_up_once(line: Line) -> None:
    asked = request()
    line.ask(asked)
    line.restart()
    line.turn()
    line.turn()
    assert line.board.desk.at_work == [asked]
    assert [each.state for each in line.news] == [RequestState.TAKEN]


def test_requests_are_worked_on_one_at_a_time_in_their_order(line: Line) -> None:
    first, second = request(1), request(2)
    line.ask(first, second)
    line.turn()
    assert line.board.desk.at_work == [first]
    line.says(done(first))
    assert line.board.desk.at_work == [second]


def test_a_request_sent_twice_is_done_once(line: Line) -> None:
    asked = request()
    line.ask(asked, asked)
    line.turn()
    line.says(done(asked))
    line.ask(asked)
    line.turn()
    assert line.board.desk.at_work == []


def test_a_refusal_says_why(line: Line) -> None:
    asked = request()
    line.ask(asked)
    line.turn()
    line.says(failed(asked, ours=False))
    assert (line.news[-1].state, line.news[-1].sentence) == (RequestState.REFUSED, "the store does not answer")


def test_what_failed_through_no_fault_of_its_own_is_tried_again_but_not_for_ever(line: Line) -> None:
    asked = request()
    line.ask(asked)
    line.turn()
    for _ in range(2):
        line.says(failed(asked, ours=True))
        assert line.news[-1].state is RequestState.TAKEN
        assert "tries again in 60 s" in line.news[-1].sentence
        assert line.board.desk.at_work == []
        line.now += timedelta(seconds=61)
        line.turn()
        assert line.board.desk.at_work == [asked]
    line.says(failed(asked, ours=True))
    assert line.news[-1].state is RequestState.REFUSED


def test_while_one_rests_the_next_one_is_worked_on(line: Line) -> None:
    first, second = request(1), request(2)
    line.ask(first, second)
    line.turn()
    line.says(failed(first, ours=True))
    assert line.board.desk.at_work == [second]


def test_what_is_no_request_is_a_dead_letter_and_harms_no_other(line: Line) -> None:
    for value in (b"{", b'{"record":"request","wish":"fly"}', b"[]"):
        line.kafka.append(Message(REQUESTS, b"weld-07", value))
    line.ask(request())
    line.turn()
    assert len(line.kafka.records(DEAD_LETTERS)) == 3
    assert line.board.desk.at_work == [request()]


def test_a_partition_that_goes_takes_its_requests_along_and_comes_back_with_them(line: Line) -> None:
    line.ask(request())
    line.turn()
    line.source.ours = frozenset()
    line.turn()
    assert line.board.desk.at_work == []
    line.source.ours = frozenset({0})
    line.turn()
    assert line.board.desk.at_work == [request()]


def test_nothing_is_ever_assigned(line: Line) -> None:
    line.ask(request())
    line.turn()
    line.says(done(request()))
    assert line.kafka.records(MODELS) == []


def serves(line: Line, *, product: str | None = None, shadows: tuple[str, ...] = ()) -> None:
    """Another bundle serves the station."""
    given = Assignment(station="weld-07", product=product, bundle="0c" * 32, shadows=shadows, by="mira", at=START)
    line.board.table.apply(Record(MODELS, 0, 0, given.key, write_event(given)))


def asked_by_drift(**given: Any) -> Request:
    return request(wish=Wish.RETRAIN, budget=None, by="drift", why="scores rise since 13:40 UTC", **given)


def assigned(line: Line) -> list[Assignment]:
    return [read_event(Assignment, each.value) for each in line.kafka.records(MODELS)]


def test_what_a_drift_had_made_anew_runs_beside_what_serves_and_decides_nothing(line: Line) -> None:
    serves(line)
    line.ask(asked_by_drift())
    line.turn()
    line.says(done(asked_by_drift()))
    (given,) = assigned(line)
    assert (given.bundle, given.shadows, given.promotion) == ("0c" * 32, (MADE,), None)
    assert (given.by, given.why) == ("andon trainer", "scores rise since 13:40 UTC")
    line.turn()
    assert len(assigned(line)) == 1


@pytest.mark.parametrize(
    "given",
    [
        {"by": "mira"},  # a person decides what runs beside
        {"product": "hinge"},  # nothing is assigned to it alone
        {"wish": Wish.MEMORY},
    ],
)
def test_nothing_else_is_put_beside_what_serves(given: dict[str, Any], line: Line) -> None:
    serves(line)
    asked = asked_by_drift().model_copy(update=given)
    line.ask(asked)
    line.turn()
    line.says(done(asked))
    assert assigned(line) == []


def test_a_trial_of_somebody_else_is_not_disturbed(line: Line) -> None:
    serves(line, shadows=("0d" * 32,))
    line.ask(asked_by_drift())
    line.turn()
    line.says(done(asked_by_drift()))
    assert assigned(line) == []


SAYS = """
import json, sys
asked = json.loads(sys.stdin.readline())
print("a library says hello")
print(json.dumps({"progress": 0.5}), flush=True)
print(json.dumps({"result": {"request_id": asked["request_id"], "problem": "there is no such bundle"}}))
"""


def take_up(board: Board, asked: Request) -> None:
    """It is at hand."""
    board.desk.taken[asked.request_id] = Taken(asked, START, 0)


def apprenticed(
    board: Board, command: Sequence[str] | None = None, settings: RequestSettings | None = None
) -> Apprentice:
    """Has requests done by processes that run `command`."""
    bounds = limits(TrainerSettings(requests=settings or RequestSettings()))
    return Apprentice(
        board, Processes(bounds, time.monotonic, {Kind.REQUEST: command} if command else None), time.monotonic, str
    )


def errand(program: str, **limits: Any) -> list[Word]:
    """What is said of a request whose process runs `program`."""
    board = Board(Assignments(), OnboardingSettings())
    take_up(board, request())
    settings = RequestSettings(**limits)
    command = (sys.executable, "-c", program)
    apprentice = apprenticed(board, command, settings)
    deadline = time.monotonic() + 20
    while not any(word.result for _, word in board.desk.words) and time.monotonic() < deadline:
        apprentice.tend()
        time.sleep(0.02)
    apprentice.close()
    return [word for _, word in board.desk.words]


def test_an_errand_says_how_far_it_is_and_then_how_it_ended() -> None:
    first, last = errand(SAYS)
    assert first == Word(progress=0.5)
    assert last.result == Result(request_id=request().request_id, problem="there is no such bundle")


def test_an_errand_that_crashes_is_our_fault() -> None:
    (word,) = errand("raise SystemExit(7)")
    assert word.result is not None
    assert word.result.ours
    assert "status 7" in word.result.problem


def test_an_errand_that_takes_too_long_is_ended_and_not_tried_again() -> None:
    (word,) = errand("import time; time.sleep(60)", limit_s=0.2)
    assert word.result is not None
    assert not word.result.ours
    assert "longer than 0 s; raise ANDON_REQUESTS__LIMIT_S" in word.result.problem


@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="nobody tells how much memory a process has")
def test_an_errand_that_takes_too_much_memory_is_ended() -> None:
    (word,) = errand("hoard = bytes(b'x') * (400 * 1024**2); import time; time.sleep(60)", memory_mb=256)
    assert word.result is not None
    assert "more memory than 256 MB" in word.result.problem


def test_an_errand_that_nobody_waits_for_any_more_is_ended() -> None:
    board = Board(Assignments(), OnboardingSettings())
    take_up(board, request())
    command = (sys.executable, "-c", "import time; time.sleep(60)")
    apprentice = apprenticed(board, command)
    apprentice.tend()
    board.desk.forget()
    began = time.monotonic()
    apprentice.tend()
    apprentice.close()
    assert time.monotonic() - began < 5
    assert board.desk.words == []


def test_progress_is_told_a_tenth_at_a_time() -> None:
    said: list[Word] = []
    progress = stepwise(said.append)
    for done_ in range(101):
        progress("looking", done_, 100)
    for done_ in range(101):
        progress("scoring", done_, 100)
    shares = [word.progress or 0 for word in said]
    assert shares == sorted(shares)
    assert 8 <= len(shares) <= 10
    assert shares[-1] > 0.9


@dataclass
class Shop:
    """Bundles and reviewed frames on disk, and the settings that name them."""

    folder: Path

    @property
    def settings(self) -> TrainerSettings:
        places = {"bundles": str(self.folder / "bundles")}
        return TrainerSettings(store=StoreSettings(**places), evidence=EvidencePlace(url=str(self.folder / "evidence")))

    @property
    def store(self) -> BundleStore:
        return BundleStore(str(self.folder / "bundles"))

    def review(self, seq: int, told: Told, level: int) -> None:
        image = cv2.imencode(".png", np.full((8, 8), level, np.uint8))[1].tobytes()
        frame = frame_id("weld-07", 1, seq)
        answer = Answer(frame_id=frame, station="weld-07", answer=told, at=START, captured_at=START)
        write_reviewed(Folder(str(self.folder / "evidence")), answer, image)

    def put(self, bundle: Bundle) -> str:
        return self.store.put(bundle)


@pytest.fixture
def shop(tmp_path: Path) -> Shop:
    return Shop(tmp_path)


def test_another_budget_makes_another_threshold_and_the_bundle_lies_in_the_store(shop: Shop) -> None:
    digest = shop.put(proven_bundle(10, 200))
    shop.review(1, Told.REAL, 200)
    shop.review(2, Told.FALSE_CALL, 18)
    result = fulfilled(request(bundle=digest, budget=0.2), shop.settings, silent)
    assert result.bundle is not None
    made = shop.store.get(result.bundle).manifest
    assert made.provenance.recalibrated_from == digest
    assert (made.threshold, made.calibration.budget) == (result.threshold, 0.2)
    assert result.rescored is not None
    assert (result.rescored.found_after, result.rescored.defects, result.rescored.good) == (1, 1, 1)
    assert "finds 1 of 1 known defects (before: 1)" in result.sentence


def test_a_threshold_that_loses_a_known_defect_is_refused_and_nothing_is_stored(shop: Shop) -> None:
    digest = shop.put(proven_bundle(10, 200, threshold=12))
    shop.review(1, Told.MISSED, 14)
    result = fulfilled(request(bundle=digest, budget=0.02), shop.settings, silent)
    assert (result.bundle, result.ours) == (None, False)
    assert "no longer call 1 of 1 known defects" in result.problem
    assert result.rescored is not None
    assert result.rescored.lost == (frame_id("weld-07", 1, 1),)
    assert len(shop.store.stored()) == 1


def test_a_threshold_needs_no_reviewed_frame_and_its_news_says_what_that_means(shop: Shop) -> None:
    digest = shop.put(proven_bundle(10, 200))
    result = fulfilled(request(bundle=digest, budget=0.2), shop.settings, silent)
    assert "No known defect has been reviewed here" in result.sentence


def test_a_bundle_that_nobody_knows_is_refused(shop: Shop) -> None:
    shop.put(proven_bundle(10, 200))
    with pytest.raises(Mistake, match="does not hold it"):
        fulfilled(request(bundle="0a" * 32), shop.settings, silent)


def test_a_bundle_without_a_memory_is_refused(shop: Shop) -> None:
    digest = shop.put(proven_bundle(10, 200))
    shop.review(1, Told.FALSE_CALL, 190)
    with pytest.raises(Mistake, match="no memory that Andon could add to"):
        fulfilled(request(bundle=digest, wish=Wish.MEMORY, budget=None), shop.settings, silent)


@dataclass(frozen=True)
class Shown:
    """A frame in memory."""

    name: str
    data: bytes

    def read_bytes(self) -> bytes:
        return self.data


@pytest.fixture
def parts() -> list[Shown]:
    """Good parts as they look now."""
    draw = np.random.default_rng(7)
    images = [
        cv2.GaussianBlur(draw.integers(90, 110, (96, 96), dtype=np.uint8), (5, 5), 1.2 + 0.02 * n) for n in range(30)
    ]
    return [Shown(f"frame-{n}", cv2.imencode(".png", image)[1].tobytes()) for n, image in enumerate(images)]


def test_a_bundle_is_made_anew_from_the_newest_frames_for_the_same_budget(
    shop: Shop, parts: list[Shown], monkeypatch: pytest.MonkeyPatch
) -> None:
    digest = shop.put(proven_bundle(10, 200))
    before = shop.store.get(digest).manifest
    monkeypatch.setattr(anew, "newest", lambda *_: parts)
    asked = request(bundle=digest, wish=Wish.RETRAIN, budget=None)
    small = shop.settings.model_copy(update={"onboarding": OnboardingSettings(size=64)})
    result = fulfilled(asked, small, silent)
    assert result.bundle is not None
    made = shop.store.get(result.bundle).manifest
    assert made.calibration.budget == before.calibration.budget
    assert made.training.frames_offered == len(parts)
    assert "of the newest 30 frames" in result.sentence
    assert "look at those frames before it serves" in result.sentence
    assert result.rescored == Rescored()


def test_a_bundle_made_anew_that_loses_a_known_defect_is_refused(
    shop: Shop, parts: list[Shown], monkeypatch: pytest.MonkeyPatch
) -> None:
    digest = shop.put(proven_bundle(10, 200, threshold=12))
    shop.review(1, Told.REAL, 200)
    monkeypatch.setattr(anew, "newest", lambda *_: parts)
    monkeypatch.setattr(anew, "fitted", lambda *_: proven_bundle(10, 200, threshold=250))
    result = fulfilled(request(bundle=digest, wish=Wish.RETRAIN, budget=None), shop.settings, silent)
    assert result.bundle is None
    assert "no longer call 1 of 1 known defects" in result.problem


def test_another_threshold_without_a_budget_is_refused(shop: Shop) -> None:
    digest = shop.put(proven_bundle(10, 200))
    with pytest.raises(Mistake, match="names no budget"):
        fulfilled(request(bundle=digest, budget=None), shop.settings, silent)


def test_the_errand_is_a_process_that_reads_its_request_and_writes_its_words(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    digest = shop.put(proven_bundle(10, 200))
    shop.review(1, Told.REAL, 200)
    monkeypatch.setenv("ANDON_STORE__BUNDLES", shop.store.url)
    monkeypatch.setenv("ANDON_EVIDENCE__URL", str(shop.folder / "evidence"))
    board = Board(Assignments(), OnboardingSettings())
    take_up(board, request(bundle=digest, budget=0.2))
    apprentice = apprenticed(board)
    deadline = time.monotonic() + 60
    while not any(word.result for _, word in board.desk.words) and time.monotonic() < deadline:
        apprentice.tend()
        time.sleep(0.05)
    apprentice.close()
    last = board.desk.words[-1][1].result
    assert last is not None
    assert last.bundle is not None, json.dumps(last.model_dump(mode="json"))
    assert shop.store.get(last.bundle).manifest.provenance.recalibrated_from == digest


def test_how_far_a_bundle_made_anew_is_comes_with_its_steps(shop: Shop, parts: list[Shown]) -> None:
    digest = shop.put(proven_bundle(10, 200))
    said: list[Word] = []
    small = shop.settings.model_copy(update={"onboarding": OnboardingSettings(size=64)})
    anew.fitted(parts, shop.store.get(digest).manifest, small, stepwise(said.append))
    shares = [word.progress or 0 for word in said]
    assert shares == sorted(shares)
    assert 0.1 <= shares[0] < shares[-1] <= 0.5


def test_every_step_of_a_fit_has_its_part_of_the_way() -> None:
    from andon_training.fit import STEPS

    assert {*STEPS, "collecting", "looking", "scoring"} <= SHARES.keys()
