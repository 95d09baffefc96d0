"""Which bundle scores a frame, while bundles come, load, fail and go."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, TypeVar

import pytest
from prometheus_client import CollectorRegistry
from structlog.testing import capture_logs

from andon.assignments import Assignments
from andon.bundle import BundleError
from andon.errors import Broken
from andon.metrics import Metrics
from andon.preparation import Preparation
from andon.records import (
    Assignment,
    Notice,
    NoticeKind,
    PreparedFrame,
    Proof,
    Refusal,
    Score,
    Swap,
    Unscorable,
    read_event,
    write_event,
)
from andon.stage import Message, Record
from andon.topics import MODELS, NOTICES
from andon_scoring.bundles import SHADOWS, Bundles
from andon_scoring.score import Choice, Loaded, Scoring, Wait

NOW = datetime(2026, 3, 2, 14, 0, tzinfo=UTC)
SMALL = Preparation(width=8, height=8, channels=1)
LARGE = Preparation(width=16, height=16, channels=1)
A, B, C = (letter * 64 for letter in "abc")
R = TypeVar("R", Proof, Refusal, Swap)
MakePrepared = Callable[..., PreparedFrame]
MakeRecord = Callable[..., Record]


class Shelf:
    """What there is to load. A bundle on `held` is not loaded before `let_go`; one in `failing` fails."""

    def __init__(self) -> None:
        self.bundles: dict[str, Loaded] = {}
        self.failing: dict[str, Exception] = {}
        self.loads: list[str] = []
        self.said: list[Message] = []
        self.table = Assignments()
        self.followed = 0
        self._held: dict[str, threading.Event] = {}
        self._unread: list[Record] = []

    def assign(self, bundle: str, station: str = "*", product: str | None = None, second: int = 0) -> None:
        given = Assignment(station=station, product=product, bundle=bundle, at=NOW.replace(second=second))
        self._unread.append(Record(MODELS, 0, 0, given.key, write_event(given)))

    def prove(self, given: Assignment) -> None:
        proof = Proof(station=given.station, product=given.product, bundle=given.bundle, at=NOW)
        self._unread.append(Record(MODELS, 0, 0, proof.key, write_event(proof)))

    def say(self, *messages: Message) -> None:
        """What scoring tells comes back to it with the table."""
        self.said += messages
        told = [each for each in messages if each.topic == MODELS]
        self._unread += [Record(MODELS, 0, 0, each.key, each.value) for each in told]

    def records(self, kind: type[R], key: bytes) -> list[R]:
        """What was said under keys that begin so."""
        return [read_event(kind, each.value) for each in self.said if (each.key or b"").startswith(key) and each.value]

    @property
    def proofs(self) -> list[str]:
        return [proof.bundle for proof in self.records(Proof, b"proven:")]

    @property
    def notices(self) -> list[Notice]:
        return [read_event(Notice, each.value) for each in self.said if each.topic == NOTICES]

    def withdraw(self, station: str = "*") -> None:
        self._unread.append(Record(MODELS, 0, 0, f"{station}/*".encode(), b""))

    def hold(self, digest: str) -> None:
        self._held[digest] = threading.Event()

    def let_go(self, digest: str) -> None:
        self._held[digest].set()

    def let_all_go(self) -> None:
        for event in self._held.values():
            event.set()

    def follow(self) -> bool:
        self.followed += 1
        changed = [self.table.apply(record) for record in self._unread]
        self._unread.clear()
        return any(changed)

    def load(self, digest: str) -> Loaded:
        self.loads.append(digest)
        if digest in self._held:
            assert self._held[digest].wait(20)
        if digest in self.failing:
            raise self.failing[digest]
        return self.bundles[digest]


def make_bundles(shelf: Shelf, registry: CollectorRegistry, **given: Any) -> Bundles:
    return Bundles(shelf.table, shelf.follow, shelf.load, Metrics(registry), clock=lambda: NOW, **given)


@pytest.fixture
def shelf(loaded: Callable[..., Loaded]) -> Shelf:
    """Holds A and B, made for one preparation, and C, made for another."""
    shelf = Shelf()
    shelf.bundles = {A: loaded("a"), B: loaded("b"), C: loaded("c", LARGE)}
    return shelf


@pytest.fixture
def registry() -> CollectorRegistry:
    return CollectorRegistry()


@pytest.fixture
def bundles(shelf: Shelf, registry: CollectorRegistry) -> Iterator[Bundles]:
    made = make_bundles(shelf, registry, load_timeout_s=20)
    yield made
    shelf.let_all_go()
    made.close()


def settled(bundles: Bundles) -> None:
    """Turns until the loader has nothing left to do."""
    for _ in range(2):
        bundles.refresh()
        bundles._loading._pool.submit(lambda: None).result(20)
    bundles.refresh()


def digest_of(chosen: Choice) -> str:
    assert isinstance(chosen, tuple)
    (bundle,) = chosen
    return bundle.digest


def test_the_active_bundle_scores(shelf: Shelf, bundles: Bundles, prepared: MakePrepared) -> None:
    shelf.assign(A)
    bundles.load_all()
    assert digest_of(bundles.choose(prepared())) == A


def test_a_station_without_an_assignment_has_no_bundle(shelf: Shelf, bundles: Bundles, prepared: MakePrepared) -> None:
    shelf.assign(A, "press-1")
    bundles.load_all()
    assert bundles.choose(prepared()) is Unscorable.NO_BUNDLE
    assert digest_of(bundles.choose(prepared(station="press-1"))) == A


def test_an_assignment_is_taken_up_between_turns(shelf: Shelf, bundles: Bundles, prepared: MakePrepared) -> None:
    shelf.assign(A)
    bundles.load_all()
    shelf.assign(B)
    assert digest_of(bundles.choose(prepared())) == A
    settled(bundles)
    assert digest_of(bundles.choose(prepared())) == B


def test_the_one_before_serves_while_the_active_one_loads(
    shelf: Shelf, bundles: Bundles, prepared: MakePrepared
) -> None:
    shelf.assign(A)
    bundles.load_all()
    shelf.hold(B)
    shelf.assign(B)
    bundles.refresh()
    assert digest_of(bundles.choose(prepared())) == A
    shelf.let_go(B)
    settled(bundles)
    assert digest_of(bundles.choose(prepared())) == B


def test_a_refused_bundle_leaves_the_one_before_serving(
    shelf: Shelf, bundles: Bundles, prepared: MakePrepared, registry: CollectorRegistry
) -> None:
    shelf.assign(A)
    bundles.load_all()
    shelf.failing[B] = BundleError("bundle bbbb fails the parity gate")
    shelf.assign(B)
    with capture_logs() as logs:
        settled(bundles)
    assert digest_of(bundles.choose(prepared())) == A
    assert registry.get_sample_value("andon_bundles_refused_total") == 1
    (told,) = [log for log in logs if log["event"] == "bundle_refused"]
    assert "parity gate" in told["why"]


def test_the_only_bundle_being_refused_means_no_bundle(shelf: Shelf, bundles: Bundles, prepared: MakePrepared) -> None:
    shelf.failing[A] = BundleError("no")
    shelf.assign(A)
    bundles.load_all()
    assert bundles.choose(prepared()) is Unscorable.NO_BUNDLE


def test_a_refused_bundle_is_tried_again_when_it_is_assigned_again_and_not_before(
    shelf: Shelf, bundles: Bundles, prepared: MakePrepared
) -> None:
    shelf.failing[A] = BundleError("the store does not hold it")
    shelf.assign(A)
    bundles.load_all()
    del shelf.failing[A]
    settled(bundles)
    assert bundles.choose(prepared()) is Unscorable.NO_BUNDLE
    shelf.assign(A, second=1)
    settled(bundles)
    assert digest_of(bundles.choose(prepared())) == A
    assert shelf.loads == [A, A]


def test_a_frame_prepared_for_the_old_bundle_is_scored_by_the_old(
    shelf: Shelf, bundles: Bundles, prepared: MakePrepared
) -> None:
    shelf.assign(A)
    bundles.load_all()
    shelf.assign(C)
    settled(bundles)
    assert digest_of(bundles.choose(prepared(0))) == A
    assert digest_of(bundles.choose(prepared(1, preparation=LARGE))) == C


def test_a_frame_prepared_for_another_than_any_at_hand_is_unscorable(
    shelf: Shelf, bundles: Bundles, prepared: MakePrepared
) -> None:
    shelf.assign(A)
    bundles.load_all()
    assert bundles.choose(prepared(preparation=LARGE)) is Unscorable.WRONG_PREPARATION


def test_a_frame_that_only_the_loading_bundle_can_score_waits_for_it(
    shelf: Shelf, bundles: Bundles, prepared: MakePrepared
) -> None:
    shelf.assign(A)
    bundles.load_all()
    shelf.hold(C)
    shelf.assign(C)
    bundles.refresh()
    assert bundles.choose(prepared(preparation=LARGE)) is Wait.LOADING
    assert digest_of(bundles.choose(prepared())) == A
    shelf.let_go(C)
    settled(bundles)
    assert digest_of(bundles.choose(prepared(preparation=LARGE))) == C


def test_a_frame_that_is_ahead_of_the_table_makes_it_look_again(
    shelf: Shelf, bundles: Bundles, prepared: MakePrepared
) -> None:
    """Preprocess may hear of an assignment first."""
    shelf.assign(A)
    bundles.load_all()
    shelf.assign(C)
    assert bundles.choose(prepared(preparation=LARGE)) is Wait.LOADING
    settled(bundles)
    assert digest_of(bundles.choose(prepared(preparation=LARGE))) == C


def test_loading_one_bundle_never_delays_the_frames_of_another(
    shelf: Shelf, bundles: Bundles, prepared: MakePrepared
) -> None:
    shelf.assign(A, "weld-07")
    bundles.load_all()
    shelf.hold(B)
    shelf.assign(B, "press-1")
    for _ in range(3):
        bundles.refresh()
        assert digest_of(bundles.choose(prepared())) == A
    shelf.let_go(B)
    settled(bundles)
    assert digest_of(bundles.choose(prepared(station="press-1"))) == B


def test_a_bundle_that_never_loads_breaks_rather_than_holds_its_frames_for_ever(
    shelf: Shelf, prepared: MakePrepared, registry: CollectorRegistry
) -> None:
    shelf.hold(A)
    shelf.assign(A)
    bundles = make_bundles(shelf, registry, load_timeout_s=0.05)
    assert bundles.choose(prepared()) is Wait.LOADING
    time.sleep(0.1)
    with pytest.raises(Broken, match="was not loaded within"):
        bundles.choose(prepared())
    shelf.let_go(A)
    bundles.close()


@pytest.mark.parametrize("error", [Broken("cuda: out of memory"), RuntimeError("a bug")])
def test_what_breaks_in_the_loader_breaks_the_process(error: Exception, shelf: Shelf, bundles: Bundles) -> None:
    shelf.failing[A] = error
    shelf.assign(A)
    with pytest.raises(type(error), match=str(error)):
        settled(bundles)


def test_what_nothing_names_any_more_is_let_go(
    shelf: Shelf, bundles: Bundles, prepared: MakePrepared, registry: CollectorRegistry
) -> None:
    for digest in (A, B, C):
        shelf.assign(digest)
        settled(bundles)
    assert registry.get_sample_value("andon_bundles_loaded") == 2
    assert bundles.choose(prepared()) is not None
    assert digest_of(bundles.choose(prepared())) == B
    shelf.withdraw()
    settled(bundles)
    assert bundles.choose(prepared()) is Unscorable.NO_BUNDLE
    assert registry.get_sample_value("andon_bundles_loaded") == 0


def test_a_bundle_withdrawn_while_it_loads_never_serves(shelf: Shelf, bundles: Bundles, prepared: MakePrepared) -> None:
    shelf.hold(A)
    shelf.assign(A)
    bundles.refresh()
    shelf.withdraw()
    bundles.refresh()
    shelf.let_go(A)
    settled(bundles)
    assert bundles.choose(prepared()) is Unscorable.NO_BUNDLE


def swaps(logs: list[dict[str, object]]) -> list[tuple[object, ...]]:
    names = ("station", "bundle", "before", "from_topic", "from_partition", "from_offset")
    return [tuple(log[name] for name in names) for log in logs if log["event"] == "bundle_serves"]


def test_a_swap_is_noted_with_the_place_of_its_first_frame(
    shelf: Shelf, bundles: Bundles, prepared: MakePrepared, registry: CollectorRegistry
) -> None:
    with capture_logs() as logs:
        shelf.assign(A)
        bundles.load_all()
        bundles.choose(prepared(0))
        bundles.choose(prepared(1))
        shelf.assign(B)
        settled(bundles)
        bundles.choose(prepared(2))
        bundles.choose(prepared(3))
    first, second = swaps(logs)  # type: ignore[arg-type]
    assert first == ("weld-07", A, None, "camera.frames", 2, 40)
    assert second == ("weld-07", B, A, "camera.frames", 2, 42)
    assert registry.get_sample_value("andon_bundle_swaps_total", {"station": "weld-07"}) == 2


def test_products_that_take_turns_at_a_station_are_no_swaps(
    shelf: Shelf, bundles: Bundles, prepared: MakePrepared, registry: CollectorRegistry
) -> None:
    shelf.assign(A, "weld-07", "cup")
    shelf.assign(B, "weld-07", "plate")
    bundles.load_all()
    for seq in range(6):
        bundles.choose(prepared(seq, product=("cup", "plate")[seq % 2]))
    assert registry.get_sample_value("andon_bundle_swaps_total", {"station": "weld-07"}) == 2


class Walked(Assignments):
    """Counts how often the whole table is walked."""

    walks = 0

    def bundles(self) -> set[str]:
        self.walks += 1
        return super().bundles()


def test_looking_between_turns_walks_the_table_only_when_it_changed(
    shelf: Shelf, prepared: MakePrepared, registry: CollectorRegistry
) -> None:
    """With a thousand bundles a turn of one frame costs what it costs with one."""
    shelf.table = Walked()
    bundles = make_bundles(shelf, registry)
    shelf.assign(A, "press-1")
    bundles.load_all()
    for seq in range(5):
        bundles.refresh()
        bundles.choose(prepared(seq))
    assert shelf.table.walks == 1
    bundles.close()


def test_what_is_loaded_is_told_as_proven_once(shelf: Shelf, bundles: Bundles) -> None:
    shelf.assign(A)
    shelf.assign(B, "press-1")
    bundles.load_all()
    shelf.say(*bundles.news())
    settled(bundles)
    shelf.say(*bundles.news())
    assert sorted(shelf.proofs) == [A, B]
    for digest in (C, A):
        shelf.assign(digest)
        settled(bundles)
        shelf.say(*bundles.news())
        settled(bundles)
    assert shelf.proofs[2:] == [C, A]
    assert shelf.table.unproven() == []


def test_a_station_that_was_given_up_with_its_proof_and_comes_back_is_proven_anew(
    shelf: Shelf, bundles: Bundles
) -> None:
    shelf.assign(A)
    for second in (1, 2):
        shelf.assign(A, "drill.press-1", second=second)
        settled(bundles)
        shelf.say(*bundles.news())
        settled(bundles)
        shelf.withdraw("drill.press-1")
        shelf.withdraw("proven:drill.press-1")
        settled(bundles)
    assert [each.bundle for each in shelf.records(Proof, b"proven:drill.press-1")] == [A, A]


def test_what_is_refused_is_never_told_as_proven_and_the_last_proven_serves_on_however_many_were_refused(
    shelf: Shelf, bundles: Bundles, prepared: MakePrepared
) -> None:
    shelf.assign(A)
    bundles.load_all()
    shelf.say(*bundles.news())
    for refused in (B, C):
        shelf.failing[refused] = BundleError("fails its gate")
        shelf.assign(refused)
        settled(bundles)
        shelf.say(*bundles.news())
    assert shelf.proofs == [A]
    assert digest_of(bundles.choose(prepared())) == A


def test_a_new_process_that_finds_only_a_refused_assignment_loads_the_one_that_was_proven(
    shelf: Shelf, bundles: Bundles, prepared: MakePrepared
) -> None:
    """As after a restart, when `models` was compacted."""
    shelf.failing[B] = BundleError("fails its gate")
    shelf.prove(Assignment(bundle=A, at=NOW))
    shelf.assign(B)
    bundles.load_all()
    assert digest_of(bundles.choose(prepared())) == A


def test_no_frame_is_ever_scored_with_one_bundle_and_judged_by_another(
    shelf: Shelf, bundles: Bundles, prepared: MakePrepared, record: MakeRecord
) -> None:
    """Fifty swaps under load, some of them refused: each score has the threshold of its own bundle."""
    thresholds = {A: 50.0, B: 150.0, C: 250.0}
    for digest, threshold in thresholds.items():
        bundle = shelf.bundles[digest]
        shelf.bundles[digest] = Loaded(digest, bundle.model, threshold, bundle.preparation)
    scoring = Scoring(bundles.choose, 4)
    shelf.assign(A)
    bundles.load_all()
    seen: set[str] = set()
    for turn in range(50):
        with suppress(KeyError):
            del shelf.failing[B]
        if turn % 5 == 0:
            shelf.failing[B] = BundleError("no")
        shelf.assign((A, B, C)[turn % 3], second=turn)
        settled(bundles)
        made = [prepared(seq, preparation=(SMALL, LARGE)[(seq + turn) % 2]) for seq in range(6)]
        results = scoring([record(each, 200) for each in made], NOW)
        scores = [read_event(Score, result.value) for result in results if isinstance(result, Message)]
        assert [score.seq for score in scores] == list(range(6))
        for each, score in zip(made, scores, strict=True):
            if score.bundle is None:
                assert score.unscorable is Unscorable.WRONG_PREPARATION
                continue
            assert score.threshold == thresholds[score.bundle]
            assert score.verdict == ("anomalous" if thresholds[score.bundle] < 200 else "ok")
            assert shelf.bundles[score.bundle].preparation == each.preparation
            seen.add(score.bundle)
    assert seen == {A, B, C}


def told(shelf: Shelf, bundles: Bundles) -> None:
    """What was to be told is told, and read again by everybody."""
    shelf.say(*bundles.news())
    bundles.refresh()


def test_a_swap_is_recorded_with_the_frame_it_happened_at(
    shelf: Shelf, bundles: Bundles, prepared: MakePrepared
) -> None:
    shelf.assign(A)
    bundles.load_all()
    bundles.choose(prepared(0))
    shelf.assign(B, second=1)
    settled(bundles)
    bundles.choose(prepared(1))
    bundles.choose(prepared(2))
    told(shelf, bundles)
    first, second = shelf.records(Swap, b"swapped:")
    assert (first.station, first.bundle, first.before, first.frame.offset) == ("weld-07", A, None, 40)
    assert (second.station, second.bundle, second.before, second.frame.offset) == ("weld-07", B, A, 41)


def test_a_process_that_begins_anew_records_no_swap_that_is_known(
    shelf: Shelf, bundles: Bundles, prepared: MakePrepared
) -> None:
    shelf.assign(A)
    bundles.load_all()
    bundles.choose(prepared(0))
    told(shelf, bundles)
    said = len(shelf.said)
    again = make_bundles(shelf, CollectorRegistry())
    again.load_all()
    settled(again)
    again.choose(prepared(1))
    assert (again.news(), len(shelf.said)) == ([], said)
    again.close()


def test_people_are_told_once_of_each_assignment_that_it_serves_or_was_refused(
    shelf: Shelf, bundles: Bundles, prepared: MakePrepared
) -> None:
    shelf.assign(A)
    bundles.load_all()
    for station in ("weld-07", "press-1"):
        bundles.choose(prepared(station=station))
    shelf.failing[B] = BundleError("bundle bbbb fails the parity gate: 2 of 8 golden frames fail")
    shelf.assign(B, second=1)
    settled(bundles)
    bundles.choose(prepared(1))
    told(shelf, bundles)
    shelf.assign(A, second=2)
    settled(bundles)
    bundles.choose(prepared(2))
    bundles.choose(prepared(3))
    told(shelf, bundles)
    kinds = [(each.kind, each.bundle) for each in shelf.notices]
    serves, refused = NoticeKind.BUNDLE_SERVES, NoticeKind.BUNDLE_REFUSED
    assert kinds == [(serves, A), (refused, B), (serves, A)]
    assert len({each.notice_id for each in shelf.notices}) == 3
    assert "the one before serves on. bundle bbbb fails the parity gate" in shelf.notices[1].sentence


def test_what_another_process_refuses_too_gets_the_same_notice(shelf: Shelf, registry: CollectorRegistry) -> None:
    shelf.failing[A] = BundleError("no")
    shelf.assign(A)
    ids = []
    for _ in range(2):
        bundles = make_bundles(shelf, CollectorRegistry())
        bundles.load_all()
        settled(bundles)
        shelf.said.clear()
        shelf.said += bundles.news()
        ids += [each.notice_id for each in shelf.notices]
        bundles.close()
    assert len(ids) == 2
    assert len(set(ids)) == 1


def test_a_refusal_of_what_another_process_proved_says_so_and_by_what(
    shelf: Shelf, registry: CollectorRegistry
) -> None:
    bundles = make_bundles(shelf, registry, runtime="onnxruntime on cpu, arm64")
    shelf.failing[A] = BundleError("a score moved")
    shelf.assign(A)
    shelf.prove(Assignment(bundle=A, at=NOW))
    bundles.load_all()
    told(shelf, bundles)
    (refusal,) = shelf.records(Refusal, b"refused:")
    assert refusal.why == "a score moved; another process proved it, this one runs onnxruntime on cpu, arm64"
    bundles.close()


def test_a_refusal_is_taken_back_when_the_bundle_is_assigned_anew_and_passes(shelf: Shelf, bundles: Bundles) -> None:
    shelf.failing[A] = BundleError("the store does not hold it")
    shelf.assign(A)
    bundles.load_all()
    told(shelf, bundles)
    assert shelf.table.all()[0].refused is not None
    del shelf.failing[A]
    shelf.assign(A, second=1)
    settled(bundles)
    told(shelf, bundles)
    assert shelf.table.all()[0].refused is None


def sized(shelf: Shelf, size: int) -> None:
    shelf.bundles = {digest: replace(bundle, size=size) for digest, bundle in shelf.bundles.items()}


@pytest.fixture
def crowded(shelf: Shelf, registry: CollectorRegistry) -> Iterator[Bundles]:
    """Room for two of three bundles, each of another station."""
    sized(shelf, 100)
    for station, digest in (("s-a", A), ("s-b", B), ("s-c", C)):
        shelf.assign(digest, station)
        shelf.prove(Assignment(station=station, bundle=digest, at=NOW))
    bundles = make_bundles(shelf, registry, memory_budget=250)
    bundles.load_all()
    yield bundles
    bundles.close()


def fetch(bundles: Bundles, frame: PreparedFrame) -> Choice:
    """Asks again and again, as frames that are held do."""
    deadline = time.monotonic() + 10
    while (chosen := bundles.choose(frame)) is Wait.LOADING and time.monotonic() < deadline:
        bundles._loading._pool.submit(lambda: None).result(20)
        bundles.refresh()
    return chosen


def test_at_the_start_no_more_is_loaded_than_there_is_room_for(shelf: Shelf, crowded: Bundles) -> None:
    assert shelf.loads == [A, B]


def test_within_the_memory_budget_what_was_not_used_for_longest_goes_and_comes_again_when_wanted(
    shelf: Shelf, crowded: Bundles, prepared: MakePrepared, registry: CollectorRegistry
) -> None:
    frames = {A: prepared(station="s-a"), B: prepared(station="s-b"), C: prepared(station="s-c", preparation=LARGE)}
    for digest in (A, B, C, B, A):
        assert digest_of(fetch(crowded, frames[digest])) == digest
        crowded.refresh()
        assert registry.get_sample_value("andon_bundle_memory_bytes") <= 250
    assert shelf.loads == [A, B, C, A]
    assert registry.get_sample_value("andon_bundles_evicted_total") == 2


def test_while_what_was_let_go_comes_again_nothing_older_scores_its_frames_and_others_go_on(
    shelf: Shelf, registry: CollectorRegistry, prepared: MakePrepared
) -> None:
    sized(shelf, 100)
    shelf.prove(Assignment(station="s-a", bundle=B, at=NOW))
    shelf.assign(A, "s-a")
    shelf.assign(B, "s-a", second=1)  # A is the one before
    shelf.assign(C, "s-c")
    bundles = make_bundles(shelf, registry, memory_budget=120)
    bundles.load_all()
    assert digest_of(fetch(bundles, prepared(station="s-a"))) == B
    assert digest_of(fetch(bundles, prepared(station="s-c", preparation=LARGE))) == C
    shelf.hold(B)
    bundles.refresh()
    assert bundles.choose(prepared(1, station="s-a")) is Wait.LOADING
    assert digest_of(bundles.choose(prepared(1, station="s-c", preparation=LARGE))) == C
    shelf.let_go(B)
    assert digest_of(fetch(bundles, prepared(1, station="s-a"))) == B
    bundles.close()


def test_stations_that_need_more_than_there_is_room_for_take_turns(
    shelf: Shelf, registry: CollectorRegistry, prepared: MakePrepared
) -> None:
    """Each is held by its own partition; none starves."""
    sized(shelf, 100)
    stations = {"s-a": A, "s-b": B, "s-c": C}
    for station, digest in stations.items():
        shelf.assign(digest, station)
    bundles = make_bundles(shelf, registry, memory_budget=100)
    bundles.load_all()
    left = dict.fromkeys(stations, 5)
    deadline = time.monotonic() + 20
    while any(left.values()) and time.monotonic() < deadline:
        bundles.refresh()
        for station, digest in stations.items():
            frame = prepared(left[station], station=station, preparation=shelf_preparation(digest))
            if left[station] and bundles.choose(frame) is not Wait.LOADING:
                left[station] -= 1
        bundles._loading._pool.submit(lambda: None).result(20)
    assert left == dict.fromkeys(stations, 0)
    bundles.close()


def shelf_preparation(digest: str) -> Preparation:
    return LARGE if digest == C else SMALL


def test_a_backbone_that_bundles_share_counts_once(
    shelf: Shelf, registry: CollectorRegistry, loaded: Callable[..., Loaded]
) -> None:
    shared = object()
    for name in "ab":
        bundle = loaded(name, size=10, backbone_size=1000)
        bundle.model.backbone = shared  # type: ignore[misc]
        shelf.bundles[name * 64] = bundle
        shelf.assign(name * 64, f"s-{name}")
    bundles = make_bundles(shelf, registry)
    bundles.load_all()
    assert registry.get_sample_value("andon_bundle_memory_bytes") == 1020
    bundles.close()


@pytest.fixture
def shadows(shelf: Shelf, registry: CollectorRegistry) -> Iterator[Bundles]:
    """A is active, B and C are its shadows."""
    given = Assignment(bundle=A, shadows=(B, C), at=NOW)
    shelf.say(Message(MODELS, given.key, write_event(given)))
    shelf.said.clear()
    bundles = make_bundles(shelf, registry, role=SHADOWS)
    yield bundles
    shelf.let_all_go()
    bundles.close()


def test_every_shadow_that_a_frame_was_prepared_for_scores_it_and_the_active_one_does_not(
    shelf: Shelf, shadows: Bundles, prepared: MakePrepared
) -> None:
    shadows.load_all()
    assert sorted(shelf.loads) == [B, C]
    assert digest_of(shadows.choose(prepared())) == B
    assert digest_of(shadows.choose(prepared(preparation=LARGE))) == C
    assert shadows.news() == []  # nobody is told that they serve, or are proven


def test_a_frame_of_a_station_without_shadows_is_passed_over(
    shelf: Shelf, shadows: Bundles, prepared: MakePrepared
) -> None:
    shelf.assign(A, "press-1")
    shadows.load_all()
    assert shadows.choose(prepared(station="press-1")) == ()


def test_a_refused_shadow_is_noticed_once_and_the_others_score_on(
    shelf: Shelf, shadows: Bundles, prepared: MakePrepared
) -> None:
    shelf.failing[B] = BundleError("fails its gate")
    shadows.load_all()
    for seq in range(3):
        assert shadows.choose(prepared(seq)) == ()
        assert digest_of(shadows.choose(prepared(seq, preparation=LARGE))) == C
    shelf.say(*shadows.news())
    assert [(each.kind, each.bundle) for each in shelf.notices] == [(NoticeKind.SHADOW_REFUSED, B)]
