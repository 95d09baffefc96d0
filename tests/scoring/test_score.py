"""What scoring says of prepared frames, given the bundles that serve them."""

import base64
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from prometheus_client import CollectorRegistry

from andon.embedding import read_embedding
from andon.errors import Broken
from andon.inference import Features, Outputs, judge_outputs, open_model
from andon.metrics import Metrics
from andon.preparation import Preparation
from andon.reasons import Reason
from andon.records import PreparedFrame, Region, Score, Unscorable, Verdict, prepared_headers, read_event, write_event
from andon.stage import Held, Message, Record, Rejected, Result
from andon.testing.models import LOG_OF_BRIGHTEST, Node, tiny_model
from andon.topics import SCORES
from andon_scoring.observe import Timed, counted
from andon_scoring.score import Choice, Loaded, Scoring, Wait

NOW = datetime(2026, 3, 2, 14, 0, 0, 80_000, tzinfo=UTC)
LARGE = Preparation(width=16, height=16, channels=1)
MakePrepared = Callable[..., PreparedFrame]
MakeRecord = Callable[..., Record]
MakeLoaded = Callable[..., Loaded]


def handler(choose: Callable[[PreparedFrame], Any], max_batch: int = 32) -> Scoring:
    """`choose` may answer with one bundle, where it is the only one."""

    def chosen(prepared: PreparedFrame) -> Choice:
        found = choose(prepared)
        return (found,) if isinstance(found, Loaded) else found

    return Scoring(chosen, max_batch)


def scored(choose: Any, *records: Record, max_batch: int = 32) -> list[Score]:
    chosen = choose if callable(choose) else lambda _: choose
    return scores(handler(chosen, max_batch)(records, NOW))


def scores(results: Sequence[Result]) -> list[Score]:
    assert all(isinstance(result, Message) and result.topic == SCORES for result in results)
    return [read_event(Score, result.value) for result in results if isinstance(result, Message)]


@pytest.mark.parametrize(
    ("bright", "verdict"), [(0, Verdict.OK), (128, Verdict.OK), (129, Verdict.ANOMALOUS), (255, Verdict.ANOMALOUS)]
)
def test_a_frame_above_the_threshold_is_anomalous(
    bright: int, verdict: Verdict, prepared: MakePrepared, record: MakeRecord, loaded: MakeLoaded
) -> None:
    (score,) = scored(loaded(), record(prepared(), bright))
    assert (score.verdict, score.score, score.threshold, score.bundle) == (verdict, bright, 128.0, "a" * 64)


def test_a_score_says_which_frame_it_is_of_and_where_its_image_lies(
    prepared: MakePrepared, record: MakeRecord, loaded: MakeLoaded
) -> None:
    told = {"product": "cup", "part": "SN 7", "subject": "good/1.png", "skipped": "busy=2", "dataref": "/frames/x"}
    given = prepared(3, **told, width=640, height=480)
    (message,) = handler(lambda _: loaded())([record(given)], NOW)
    (score,) = scores([message])
    assert isinstance(message, Message)
    assert message.key == b"weld-07"
    assert {name: getattr(score, name) for name in told} == told
    assert (score.frame_id, score.station, score.epoch, score.seq) == (given.frame.frame_id, "weld-07", 1, 3)
    assert (score.frame.topic, score.frame.partition, score.frame.offset) == ("camera.frames", 2, 43)
    assert (score.captured_at, score.scored_at) == (given.frame.captured_at, NOW)
    assert (score.width, score.height, score.health) == (640, 480, given.health)


def test_an_anomalous_frame_shows_where_in_original_pixels(
    prepared: MakePrepared, record: MakeRecord, loaded: MakeLoaded
) -> None:
    """The tensor of 8 x 8 shows a crop of 160 x 80 at (100, 50): one tensor pixel is 20 x 10 original ones."""
    given = prepared(crop=(100, 50, 160, 80), width=640, height=480)
    (score,) = scored(loaded(), record(given, 200, at=(2, 3)))
    assert score.regions == (Region(x=160, y=70, width=20, height=10, peak=200),)


def test_every_scored_frame_says_where_its_map_is_highest_in_original_pixels(
    prepared: MakePrepared, record: MakeRecord, loaded: MakeLoaded
) -> None:
    """A part of the picture, brought to a square: undone, whatever the verdict."""
    given = prepared(width=400, height=200, crop=(100, 50, 160, 80))
    good, bad = scored(loaded(), record(given, 20, at=(2, 3)), record(given, 200, at=(7, 0)))
    assert (good.verdict, good.peak) == (Verdict.OK, (170, 75))
    assert (bad.verdict, bad.peak) == (Verdict.ANOMALOUS, (110, 125))


def test_a_map_without_relief_names_no_place(prepared: MakePrepared, record: MakeRecord, loaded: MakeLoaded) -> None:
    (score,) = scored(loaded(), record(prepared(), 0))
    assert (score.verdict, score.peak) == (Verdict.OK, None)


def test_an_anomalous_frame_carries_a_heat_map_and_a_good_one_does_not(
    prepared: MakePrepared, record: MakeRecord, loaded: MakeLoaded
) -> None:
    good, bad = scored(loaded(), record(prepared(0), 100), record(prepared(1), 192, at=(1, 2)))
    assert (good.heat_map, good.regions) == (None, ())
    assert bad.heat_map is not None
    grey: Any = cv2.imdecode(np.frombuffer(base64.b64decode(bad.heat_map), np.uint8), cv2.IMREAD_UNCHANGED)
    assert (grey.shape, grey.dtype, grey[1, 2], grey[0, 0]) == ((8, 8), np.uint8, 192, 0)


def test_results_come_in_the_order_of_the_frames(
    prepared: MakePrepared, record: MakeRecord, loaded: MakeLoaded
) -> None:
    by_station: dict[str, Loaded | Unscorable] = {
        "weld-07": loaded("a"),
        "press-1": loaded("b"),
        "new-1": Unscorable.NO_BUNDLE,
    }
    frames = [prepared(seq, list(by_station)[seq % 3]) for seq in range(12)]
    records = [record(frame, seq) for seq, frame in enumerate(frames)]
    records.insert(5, replace(records[0], headers=()))
    results = handler(lambda given: by_station[given.frame.station], 2)(records, NOW)
    assert isinstance(results.pop(5), Rejected)
    assert [(score.station, score.seq) for score in scores(results)] == [(f.frame.station, f.frame.seq) for f in frames]
    assert [score.score for score in scores(results)] == [None if seq % 3 == 2 else seq for seq in range(12)]


def test_a_batch_is_one_graph_call_for_each_bundle(
    prepared: MakePrepared, record: MakeRecord, loaded: MakeLoaded
) -> None:
    one, other = loaded("a"), loaded("b")
    choose = {"weld-07": one, "press-1": other, "press-2": other}
    records = [record(prepared(seq, list(choose)[seq % 3])) for seq in range(9)]
    scored(lambda given: choose[given.frame.station], *records)
    assert (one.model.batches, other.model.batches) == ([3], [6])  # type: ignore[attr-defined]


def test_a_large_batch_goes_in_pieces(prepared: MakePrepared, record: MakeRecord, loaded: MakeLoaded) -> None:
    bundle = loaded()
    found = scored(bundle, *[record(prepared(seq), seq) for seq in range(10)], max_batch=4)
    assert bundle.model.batches == [4, 4, 2]  # type: ignore[attr-defined]
    assert [score.score for score in found] == list(range(10))


def test_frames_of_two_preparations_share_a_batch(
    prepared: MakePrepared, record: MakeRecord, loaded: MakeLoaded
) -> None:
    small, large = loaded("a"), loaded("b", LARGE)
    records = [record(prepared(0), 50), record(prepared(1, preparation=LARGE), 250), record(prepared(2), 60)]
    by_shape = {small.model.shape: small, large.model.shape: large}
    found = scored(lambda given: by_shape[given.shape], *records)
    assert [(score.bundle, score.score) for score in found] == [("a" * 64, 50), ("b" * 64, 250), ("a" * 64, 60)]


class Answering:
    """A model that answers the same whatever it is asked."""

    backbone = None

    def __init__(self, score: object, anomaly_map: object) -> None:
        self.shape = (8, 8, 1)
        self._answer = score, anomaly_map

    def run(self, batch: NDArray[np.uint8]) -> Outputs:
        return judge_outputs(len(batch), *self._answer)


ZEROS = np.zeros((1, 4, 4), np.float32)
BAD_ANSWERS = {
    "score NaN": ([np.nan], ZEROS, Unscorable.NOT_FINITE),
    "score infinite": ([np.inf], ZEROS, Unscorable.NOT_FINITE),
    "score minus infinite": ([-np.inf], ZEROS, Unscorable.NOT_FINITE),
    "one NaN in the map": ([0.0], np.where(np.eye(4) > 0, np.nan, 0).astype(np.float32)[None], Unscorable.NOT_FINITE),
    "two scores": ([0.0, 0.0], ZEROS, Unscorable.WRONG_SHAPE),
    "no score": ([], ZEROS, Unscorable.WRONG_SHAPE),
    "an empty map": ([0.0], np.zeros((1, 0, 4), np.float32), Unscorable.WRONG_SHAPE),
    "a flat map": ([0.0], np.zeros((1, 4), np.float32), Unscorable.WRONG_SHAPE),
}


@pytest.mark.parametrize("name", BAD_ANSWERS)
def test_what_cannot_be_read_as_a_score_is_unscorable_and_never_ok(
    name: str, prepared: MakePrepared, record: MakeRecord, loaded: MakeLoaded
) -> None:
    answer, anomaly_map, why = BAD_ANSWERS[name]
    model = Answering(np.array(answer, np.float32), anomaly_map)
    (score,) = scored(loaded(model=model), record(prepared()))
    assert (score.verdict, score.unscorable, score.bundle) == (Verdict.UNSCORABLE, why, "a" * 64)
    assert (score.score, score.threshold, score.regions, score.heat_map) == (None, None, (), None)
    assert (score.peak, score.embedding) == (None, None)


def test_a_real_model_that_answers_infinity_for_one_frame_leaves_its_neighbours_be(
    prepared: MakePrepared, record: MakeRecord, loaded: MakeLoaded
) -> None:
    bundle = loaded(model=open_model(tiny_model(nodes=LOG_OF_BRIGHTEST)), threshold=1.0)
    light = replace(record(prepared(0)), value=bytes([100] * 64))
    found = scored(bundle, light, record(prepared(1)), light)
    assert [score.verdict for score in found] == [Verdict.ANOMALOUS, Verdict.UNSCORABLE, Verdict.ANOMALOUS]


def test_a_real_model_that_answers_in_another_shape_is_unscorable(
    prepared: MakePrepared, record: MakeRecord, loaded: MakeLoaded
) -> None:
    nodes = (
        Node("Cast", ("frames",), "floats", {"to": 1}),
        Node("ReduceMean", ("floats",), "map", {"axes": [3], "keepdims": 0}),
        Node("ReduceMax", ("map",), "score", {"axes": [0, 1, 2], "keepdims": 0}),
    )
    bundle = loaded(model=open_model(tiny_model(nodes=nodes)))
    (score,) = scored(bundle, record(prepared(), 10))
    assert (score.verdict, score.unscorable) == (Verdict.UNSCORABLE, Unscorable.WRONG_SHAPE)


@pytest.mark.parametrize("why", Unscorable)
def test_a_frame_that_no_bundle_scores_is_unscorable(
    why: Unscorable, prepared: MakePrepared, record: MakeRecord
) -> None:
    (score,) = scored(why, record(prepared(), 255))
    assert (score.verdict, score.unscorable, score.bundle, score.score) == (Verdict.UNSCORABLE, why, None, None)


def test_a_frame_whose_headers_claim_a_preparation_that_its_tensor_is_not_of_is_unscorable(
    prepared: MakePrepared, record: MakeRecord, loaded: MakeLoaded
) -> None:
    bundle = loaded()
    false = record(prepared(0, shape=(4, 4, 1)), 200)
    found = scored(bundle, false, record(prepared(1), 200))
    assert [score.unscorable for score in found] == [Unscorable.WRONG_PREPARATION, None]
    assert bundle.model.batches == [1]  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"value": b"\0" * 63}, Reason.BAD_RECORD),
        ({"value": b""}, Reason.BAD_RECORD),
        ({"headers": ()}, Reason.BAD_HEADER),
    ],
)
def test_what_is_no_prepared_frame_is_rejected_and_the_rest_goes_on(
    change: dict[str, object], reason: Reason, prepared: MakePrepared, record: MakeRecord, loaded: MakeLoaded
) -> None:
    bad = replace(record(prepared(0)), **change)  # type: ignore[arg-type]
    rejected, message = handler(lambda _: loaded())([bad, record(prepared(1), 9)], NOW)
    assert isinstance(rejected, Rejected)
    assert (rejected.record, rejected.reason) == (bad, reason)
    assert scores([message])[0].score == 9


def test_a_device_that_fails_stops_the_stage(prepared: MakePrepared, record: MakeRecord, loaded: MakeLoaded) -> None:
    class Failing(Answering):
        def run(self, batch: NDArray[np.uint8]) -> Outputs:
            raise Broken("cuda: an illegal memory access")

    with pytest.raises(Broken, match="illegal memory access"):
        scored(loaded(model=Failing(0, 0)), record(prepared()))


def test_an_empty_turn_calls_no_graph(loaded: MakeLoaded) -> None:
    bundle = loaded()
    assert scored(bundle) == []
    assert bundle.model.batches == []  # type: ignore[attr-defined]


def test_the_same_frames_make_the_same_bytes_again(
    prepared: MakePrepared, record: MakeRecord, loaded: MakeLoaded
) -> None:
    records = [record(prepared(seq), seq * 40) for seq in range(6)]
    first, *others = (handler(lambda _: loaded(), size)(records, NOW) for size in (32, 4, 1))
    assert all(other == first for other in others)


def test_verdicts_ages_and_graph_calls_are_counted_from_outside(
    prepared: MakePrepared, record: MakeRecord, loaded: MakeLoaded
) -> None:
    registry = CollectorRegistry()
    metrics = Metrics(registry)
    bundle = loaded(model=Timed(loaded().model, metrics, most=4))
    handle = counted(handler(lambda _: bundle), metrics)
    handle([record(prepared(0), 10), record(prepared(1), 192), replace(record(prepared(2)), headers=())], NOW)

    def value(name: str, **labels: str) -> float | None:
        return registry.get_sample_value(f"andon_{name}", labels)

    assert value("frames_scored_total", station="weld-07", verdict="ok") == 1
    assert value("frames_scored_total", station="weld-07", verdict="anomalous") == 1
    assert value("frame_age_seconds_sum") == pytest.approx(0.16)
    assert value("anomaly_score_ratio_bucket", station="weld-07", le="1.5") == 2
    assert value("inference_batch_frames_sum") == 2
    assert value("inference_batch_fill_ratio_sum") == 0.5
    assert value("inference_duration_seconds_count") == 1


def test_headers_of_a_prepared_frame_never_stop_the_stage(prepared: MakePrepared, record: MakeRecord) -> None:
    """Whatever the numbers in them: each is a score or a dead letter."""
    hostile = {"ce_crop": b"0,0,%d,1" % 10**400, "ce_size": b"9" * 4000, "ce_origin": b"[" * 4000, "ce_station": b"\n"}
    for name, value in hostile.items():
        headers = tuple(pair for pair in prepared_headers(prepared()) if pair[0] != name)
        (result,) = handler(lambda _: Unscorable.NO_BUNDLE)(
            [replace(record(prepared()), headers=(*headers, (name, value)))], NOW
        )
        assert isinstance(result, Rejected)


def test_a_frame_that_must_wait_holds_its_partition_and_no_other(
    prepared: MakePrepared, record: MakeRecord, loaded: MakeLoaded
) -> None:
    """Order is kept: what follows it in its partition is not even looked at."""
    bundle = loaded()
    records = [replace(record(prepared(seq)), partition=seq % 2) for seq in range(8)]
    looked: list[int] = []

    def choose(given: PreparedFrame) -> Any:
        looked.append(given.frame.seq)
        return Wait.LOADING if given.frame.seq == 2 else bundle

    results = handler(choose)(records, NOW)
    assert [result.record for result in results if isinstance(result, Held)] == [records[2]]
    assert [score.seq for score in scores([each for each in results if not isinstance(each, Held)])] == [0, 1, 3, 5, 7]
    assert looked == [0, 1, 2, 3, 5, 7]


def test_a_place_is_anomalous_above_the_threshold_for_places_where_there_is_one(
    prepared: MakePrepared, record: MakeRecord, loaded: MakeLoaded
) -> None:
    """Where the score is on another scale than the map."""
    bundle = loaded(threshold=100.0, map_threshold=150.0)
    (own,) = scored(bundle, record(prepared(), 140))
    (score,) = scored(replace(bundle, map_threshold=20.0), record(prepared(), 140))
    assert own.verdict is score.verdict is Verdict.ANOMALOUS
    assert own.heat_map != score.heat_map
    assert score.regions[0].peak == 140


def test_a_score_says_what_computed_it(prepared: MakePrepared, record: MakeRecord, loaded: MakeLoaded) -> None:
    (score,) = scored(loaded(runtime="onnxruntime 1.31 CPUExecutionProvider"), record(prepared()))
    assert score.runtime == "onnxruntime 1.31 CPUExecutionProvider"


class Brightness:
    """A backbone that gives the pixels as numbers, and remembers with how many frames it was called."""

    def __init__(self) -> None:
        self.batches: list[int] = []

    def run(self, batch: NDArray[np.uint8]) -> Features:
        self.batches.append(len(batch))
        return {"pixels": batch.mean(axis=3, dtype=np.float32)}


class Times:
    """A head that multiplies, and remembers with how many rows it was called."""

    shape = (8, 8, 1)

    def __init__(self, backbone: Brightness, by: float) -> None:
        self.backbone = backbone
        self.batches: list[int] = []
        self._by = by

    def run(self, batch: NDArray[np.uint8]) -> Outputs:
        return self.judge(self.backbone.run(batch))

    def judge(self, features: Features) -> Outputs:
        maps = features["pixels"] * np.float32(self._by)
        self.batches.append(len(maps))
        return judge_outputs(len(maps), maps.max(axis=(1, 2)), maps)


def test_stations_that_share_a_backbone_run_it_once_and_each_head_on_its_own_rows(
    prepared: MakePrepared, record: MakeRecord, loaded: MakeLoaded
) -> None:
    backbone = Brightness()
    bundles = {f"s-{n}": loaded("abc"[n], model=Times(backbone, n + 1)) for n in range(3)}
    records = [record(prepared(seq, station=f"s-{seq % 3}"), seq + 1) for seq in range(7)]
    found = scored(lambda given: bundles[given.frame.station], *records)
    assert [score.score for score in found] == [(seq + 1) * (seq % 3 + 1) for seq in range(7)]
    assert [score.seq for score in found] == list(range(7))
    assert backbone.batches == [7]
    assert [bundle.model.batches for bundle in bundles.values()] == [[3], [2], [2]]  # type: ignore[attr-defined]


class Telling(Times):
    """A head that also says how bright the frame's first pixel is, and by what it multiplies."""

    def judge(self, features: Features) -> Outputs:
        maps = features["pixels"] * np.float32(self._by)
        embedding = np.stack([features["pixels"][:, 0, 0], np.full(len(maps), self._by, np.float32)], axis=1)
        return judge_outputs(len(maps), maps.max(axis=(1, 2)), maps, embedding)


@pytest.mark.parametrize("max_batch", [32, 2])
def test_a_score_carries_what_its_own_picture_is_like_whoever_shares_the_backbone(
    max_batch: int, prepared: MakePrepared, record: MakeRecord, loaded: MakeLoaded
) -> None:
    backbone = Brightness()
    bundles = {f"s-{n}": loaded("abc"[n], model=(Times if n == 1 else Telling)(backbone, n + 1)) for n in range(3)}
    records = [record(prepared(seq, station=f"s-{seq % 3}"), seq + 1) for seq in range(7)]
    found = scored(lambda given: bundles[given.frame.station], *records, max_batch=max_batch)
    told = [None if score.embedding is None else read_embedding(score.embedding).tolist() for score in found]
    assert told == [None if seq % 3 == 1 else [seq + 1, seq % 3 + 1] for seq in range(7)]


def test_a_shadow_s_score_says_it_of_the_shadow(prepared: MakePrepared, record: MakeRecord, loaded: MakeLoaded) -> None:
    both = (loaded("a", model=Telling(Brightness(), 1)), loaded("b", model=Telling(Brightness(), 3)))
    found = scored(lambda _: both, record(prepared(), 9, at=(0, 0)))
    assert [read_embedding(score.embedding or "").tolist() for score in found] == [[9, 1], [9, 3]]


def test_what_drift_reads_of_a_score_costs_less_than_120_bytes(
    prepared: MakePrepared, record: MakeRecord, loaded: MakeLoaded
) -> None:
    """In a picture of many megapixels, with as many numbers as a fitted model gives."""

    class Full(Telling):
        def judge(self, features: Features) -> Outputs:
            maps = features["pixels"]
            return judge_outputs(len(maps), maps.max(axis=(1, 2)), maps, np.full((len(maps), 30), -1.2345, np.float32))

    given = prepared(width=9000, height=7000, crop=(1000, 1000, 8000, 6000))
    (score,) = scored(loaded(model=Full(Brightness(), 1)), record(given, 20, at=(4, 4)))
    before = score.model_copy(update={"peak": None, "embedding": None})
    assert score.peak is not None
    assert 0 < len(write_event(score)) - len(write_event(before)) < 120


def test_a_shared_backbone_takes_no_more_frames_at_once_than_any_model(
    prepared: MakePrepared, record: MakeRecord, loaded: MakeLoaded
) -> None:
    backbone = Brightness()
    bundles = {f"s-{n}": loaded("abc"[n], model=Times(backbone, n + 1)) for n in range(3)}
    records = [record(prepared(seq, station=f"s-{seq % 3}"), seq + 1) for seq in range(7)]
    found = scored(lambda given: bundles[given.frame.station], *records, max_batch=4)
    assert [score.score for score in found] == [(seq + 1) * (seq % 3 + 1) for seq in range(7)]
    assert backbone.batches == [4, 3]


def test_two_bundles_that_score_one_frame_give_two_scores_side_by_side(
    prepared: MakePrepared, record: MakeRecord, loaded: MakeLoaded
) -> None:
    both = (loaded("a"), loaded("b", threshold=5.0))
    found = scored(lambda _: both, *(record(prepared(seq)) for seq in range(3)))
    assert [(score.seq, score.bundle) for score in found] == [(seq, d * 64) for seq in range(3) for d in "ab"]


def test_a_frame_that_no_shadow_is_for_is_done_without_a_word(prepared: MakePrepared, record: MakeRecord) -> None:
    assert handler(lambda _: ())([record(prepared())], NOW) == []
