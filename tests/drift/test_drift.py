"""The service as a whole over Kafka's twin: what is written, what is remembered, what a crash does."""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from copy import deepcopy
from datetime import datetime

import pytest
from drift_service import Service

from andon.bundle import BundleError
from andon.errors import Broken
from andon.manifest import BundleManifest, DriftReference
from andon.records import Score, write_event
from andon.stage import Message
from andon.topics import DEAD_LETTERS, DRIFT, SCORES
from andon_drift.detect import Missing
from andon_drift.limits import Limits
from andon_drift.references import RETRY_S, References

Scores = Callable[..., Sequence[Score]]


@pytest.fixture
def service(limits: Limits) -> Service:
    return Service(limits)


def test_findings_lie_under_their_station(service: Service, scores: Scores, start: datetime) -> None:
    service.send(scores("ooddddoooo"))
    service.run(start)
    assert service.story == [("station_dark", "began"), ("station_dark", "ended")]
    assert {record.key for record in service.kafka.records(DRIFT)} == {b"weld-07"}
    assert service.shows("andon_findings_total", station="weld-07", cause="station_dark") == 1


@pytest.mark.parametrize("records", [1, 4, 100])
def test_redelivery_changes_nothing(records: int, service: Service, scores: Scores, start: datetime) -> None:
    service.send(scores("ooddddo"))
    service.run(start)
    rows = deepcopy(service.memory.rows)
    service.move_back(records)
    service.run(start)
    assert service.story == [("station_dark", "began")]
    assert service.memory.rows == rows


def test_a_restart_in_the_middle_forgets_nothing(service: Service, scores: Scores, start: datetime) -> None:
    service.send(scores("oodd"))
    service.run(start)
    service.send(scores("doooo", first=4))
    service.run(start)
    assert service.story == [("station_dark", "began"), ("station_dark", "ended")]


def test_when_redis_is_emptied_what_is_open_comes_back_from_the_topic(
    service: Service, scores: Scores, start: datetime
) -> None:
    service.send(scores("ddddd"))
    service.run(start)
    service.memory.flush()
    service.send(scores("dddooooddd", first=5))
    service.run(start)
    first, ended, second = service.findings
    assert first.finding_id == ended.finding_id != second.finding_id


def test_a_crash_between_the_finding_and_redis_says_it_again_under_the_same_id(
    service: Service, scores: Scores, start: datetime
) -> None:
    service.send(scores("ooddd"))
    service.memory.down = True
    with pytest.raises(Broken):
        service.run(start)
    service.memory.down = False
    service.run(start)
    assert {each.finding_id for each in service.findings} == {service.findings[0].finding_id}
    service.send(scores("oooo", first=5))
    service.run(start)
    assert [each.finding_id for each in service.findings[:1]] == [service.findings[-1].finding_id]
    assert service.story[-1] == ("station_dark", "ended")
    assert len({(each.finding_id, each.kind) for each in service.findings}) == 2


def test_what_others_found_is_not_ours_to_end(service: Service, scores: Scores, start: datetime) -> None:
    service.send(scores("ddd"))
    service.run(start)
    (ours,) = service.findings
    theirs = ours.model_copy(update={"by": "heartbeat", "station": "press-4"})
    service.kafka.append(Message(DRIFT, b"press-4", write_event(theirs)))
    service.kafka.append(Message(DRIFT, b"press-4", b"{}"))
    service.send(scores("ooooo", station="press-4"))
    service.run(start)
    assert len(service.kafka.records(DRIFT)) == 3


def test_what_is_no_score_is_a_dead_letter_and_stops_nothing(service: Service, scores: Scores, start: datetime) -> None:
    service.kafka.append(Message(SCORES, b"weld-07", b"not json"))
    service.kafka.append(Message(SCORES, b"another", write_event(scores("o")[0])))
    service.kafka.append(Message(SCORES, b"Weld 07", write_event(scores("o")[0])))
    service.send(scores("ddd"))
    service.run(start)
    assert service.story == [("station_dark", "began")]
    reasons = [record.header("andon-reason") for record in service.kafka.records(DEAD_LETTERS)]
    assert reasons == [b"bad_record", b"bad_station", b"bad_station"]


def test_each_station_shows_its_numbers_with_their_limits(service: Service, scores: Scores, start: datetime) -> None:
    service.send(scores("ool"))
    service.run(start)
    assert service.shows("andon_image_luminance", station="weld-07") == 0.4
    assert service.shows("andon_image_luminance_limit", station="weld-07", side="low") == pytest.approx(0.3)
    assert service.shows("andon_image_sharpness_limit", station="weld-07") == pytest.approx(4.0)
    assert service.shows("andon_image_shift_pixels", station="weld-07", way="right") == pytest.approx(-40, abs=1)
    assert service.shows("andon_image_shift_limit_pixels", station="weld-07", way="down") == pytest.approx(0.0108 * 480)


def test_a_fault_is_shown_for_as_long_as_it_is_found(service: Service, scores: Scores, start: datetime) -> None:
    dark: list[float | None] = []
    service.send(scores("odddoooo"))
    service.run(
        start,
        batch=1,
        crash=lambda _: dark.append(service.shows("andon_image_fault", station="weld-07", cause="station_dark")),
    )
    assert service.story == [("station_dark", "began"), ("station_dark", "ended")]
    assert 1.0 in dark
    assert (dark[0], dark[-1]) == (None, None)


def test_a_station_that_moved_on_to_another_process_is_shown_no_more(
    service: Service, scores: Scores, start: datetime
) -> None:
    service.send(scores("ool"))
    service.run(start)
    assert service.shows("andon_image_luminance", station="weld-07") == 0.4
    service.assignment = [(SCORES, 1)]
    assert service.shows("andon_image_luminance", station="weld-07") is None
    names = {"andon_image_luminance", "andon_image_shift_pixels", "andon_image_luminance_limit"}
    families = [family for family in service.metrics.registry.collect() if family.name in names]
    assert [sample for family in families for sample in family.samples] == []


class Store:
    """A bundle store that is away at first."""

    def __init__(self, manifest: BundleManifest, reference: DriftReference) -> None:
        self.asked = 0
        self.away = True
        self._held = manifest, reference

    def read(self, digest: str) -> tuple[BundleManifest, DriftReference]:
        self.asked += 1
        if self.away:
            raise BundleError(f"bundle {digest}: not there")
        return self._held


def settle(references: References) -> None:
    """What was asked for is read."""
    pool: ThreadPoolExecutor = references._pool
    pool.submit(int).result()


def test_a_reference_that_cannot_be_read_is_asked_for_again_after_a_minute(
    manifest: BundleManifest, reference: Callable[..., DriftReference]
) -> None:
    store, now = Store(manifest, reference()), [0.0]
    references = References(store.read, lambda: now[0])
    assert references.of("b" * 64) is Missing.LOADING
    for _ in range(5):
        settle(references)
        assert references.of("b" * 64) is Missing.UNREADABLE
    assert store.asked == 1
    store.away, now[0] = False, RETRY_S + 1
    assert references.of("b" * 64) is Missing.UNREADABLE, "the second time nobody waits for it"
    settle(references)
    assert isinstance(references.of("b" * 64), Limits)
    assert references.of("b" * 64) is references.of("b" * 64)
    assert store.asked == 2
    references.close()


def test_a_score_waits_for_its_reference_while_that_is_read_and_order_is_kept(
    service: Service, limits: Limits, scores: Scores, start: datetime
) -> None:
    """The picture is judged as soon as the reference is there; none is passed over."""
    service.send(scores("oodddoooo"))
    service.limits = Missing.LOADING
    service.run(start, crash=lambda turn: True)
    assert service.findings == []
    assert service.kafka.committed("drift", SCORES, 0) == 0
    service.limits = limits
    service.run(start)
    assert service.story == [("station_dark", "began"), ("station_dark", "ended")]


def test_a_reference_that_cannot_be_read_holds_up_nobody(service: Service, scores: Scores, start: datetime) -> None:
    service.send(scores("ooddd"))
    service.limits = Missing.UNREADABLE
    service.run(start)
    assert service.findings == []
    assert service.kafka.committed("drift", SCORES, 0) == 5
