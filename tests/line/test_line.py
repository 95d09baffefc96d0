"""The whole line in memory: what a frame becomes on its way, and what repeats, poison and swaps do to it."""

from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from andon.ids import frame_id
from andon.records import Cause, Region, Score, Unscorable, Verdict
from andon.stage import Message
from andon.testing import hostile
from andon.topics import DEAD_LETTERS, FRAMES, PREPARED, SCORES

Line = Any  # the fixture of conftest.py
EPOCH = 1_772_460_000_000
GOOD, DEFECT = 60, 200


def told(scores: dict[Any, Score]) -> dict[Any, Score]:
    """Without the moment when each was scored."""
    return {key: score.model_copy(update={"scored_at": score.captured_at}) for key, score in scores.items()}


@pytest.fixture
def stream(part: Callable[..., bytes], shots: Callable[..., list[Any]]) -> list[Any]:
    """200 good parts, a burst of six defects, 20 good parts."""
    return shots([part(GOOD)] * 200 + [part(DEFECT)] * 6 + [part(GOOD)] * 20)


def test_every_frame_gets_one_verdict_and_a_burst_of_defects_one_incident(line: Line, stream: list[Any]) -> None:
    line.assign()
    line.capture(stream)
    line.run()
    assert len(line.captured) == len(line.kafka.records(SCORES)) == 226
    assert line.balanced
    in_order = [score.seq for score in line.scores.values()]
    assert in_order == list(range(226))
    assert [score.seq for score in line.scores.values() if score.verdict is Verdict.ANOMALOUS] == list(range(200, 206))
    assert {score.verdict for score in line.scores.values()} == {Verdict.OK, Verdict.ANOMALOUS}
    assert [(each.kind, each.cause, each.count) for each in line.incidents.values()] == [
        ("opened", Cause.DEFECT_SURGE, 3),
        ("updated", Cause.DEFECT_SURGE, 4),
        ("resolved", Cause.DEFECT_SURGE, 6),
    ]
    assert [each.split("/")[1] for each in line.states.queued] == ["opened", "resolved"]


def test_the_page_shows_where_on_the_part_and_which_frame(line: Line, stream: list[Any]) -> None:
    line.assign()
    line.capture(stream)
    line.run()
    page = next(iter(line.states.queued.values()))
    evidence = page.evidence[0]
    assert page.station == "weld-07"
    assert [each.frame_id for each in page.evidence] == [frame_id("weld-07", EPOCH, seq) for seq in (202, 200, 201)]
    assert (page.first, page.last) == (page.evidence[1].frame_id, evidence.frame_id)
    assert evidence.regions == (Region(x=16, y=32, width=8, height=8, peak=DEFECT),)
    (original,) = [
        record
        for record in line.kafka.records(evidence.frame.topic)
        if (record.partition, record.offset) == (evidence.frame.partition, evidence.frame.offset)
    ]
    assert original.value == stream[202].data


@pytest.mark.parametrize("records", [1, 7, 1000])
@pytest.mark.parametrize("service", ["preprocess", "scoring", "alerting"])
def test_a_service_that_begins_again_earlier_changes_nothing(
    service: str, records: int, line: Line, stream: list[Any]
) -> None:
    line.assign()
    line.capture(stream)
    line.run()
    scores, incidents, states = line.scores, line.incidents, dict(line.states.held)
    pages, sent = dict(line.states.queued), len(line.kafka.records(SCORES))
    line.move_back(service, records)
    line.run()
    assert (len(line.kafka.records(SCORES)) > sent) == (service != "alerting")  # it was in fact delivered twice
    assert told(line.scores) == told(scores)
    assert line.incidents == incidents
    assert line.states.held == states
    assert line.states.queued == pages
    assert line.balanced


def test_an_ingest_that_crashed_before_its_commit_makes_the_same_frames_again(line: Line, stream: list[Any]) -> None:
    line.assign()
    line.capture(stream)
    line.run()
    scores, incidents = line.scores, line.incidents
    line.capture(stream)
    line.run()
    assert len(line.kafka.records(FRAMES)) == 452
    assert line.scores.keys() == scores.keys()
    assert {key: score.score for key, score in line.scores.items()} == {key: s.score for key, s in scores.items()}
    assert line.incidents == incidents
    assert line.balanced


def test_a_service_that_crashes_between_sending_and_committing_repeats_itself_without_effect(
    line: Line, stream: list[Any]
) -> None:
    """Every hop at once, in the middle of the burst."""
    line.assign()
    line.capture(stream[:203])
    line.run()
    for service in ("preprocess", "scoring", "alerting"):
        line.move_back(service, 5)
    line.capture(stream[203:], {"weld-07": 203})
    line.run()
    assert [event.kind for event in line.incidents.values()] == ["opened", "updated", "resolved"]
    assert len(line.states.queued) == 2
    assert len(line.scores) == 226
    assert line.balanced


def test_poison_among_good_frames_ends_as_dead_letters_with_reasons_and_the_ledger_balances(
    line: Line, part: Callable[..., bytes], shots: Callable[..., list[Any]]
) -> None:
    line.assign()
    photo = hostile.photo(96, 96)
    poison = {
        "empty": b"",
        "not_an_image": b"part 4711 is fine",
        "unsupported_format": hostile.OTHER_FORMATS["WebP"],
        "progressive": hostile.progressive(photo, 50),
        "too_many_pixels": hostile.png_of(2**31, 2**31),
        "truncated": hostile.cut(hostile.jpeg(photo)),
    }
    images = [image for bad in poison.values() for image in (part(GOOD), bad, part(GOOD))]
    line.capture(shots(images))
    for bad in poison.values():
        line.append(bad)
        line.append(part(GOOD))
    line.append(part(GOOD), key=b"Weld\n07")
    line.append(part(GOOD), key=None)
    line.run()
    assert Counter(line.dead.values()) == {**dict.fromkeys(poison, 2), "bad_station": 2}
    assert len(line.scores) == 12 + 6
    assert {score.verdict for score in line.scores.values()} == {Verdict.OK}
    assert line.balanced
    originals = {record.value for record in line.kafka.records(DEAD_LETTERS)}
    assert originals == {*poison.values(), part(GOOD)}


def test_damage_on_the_way_is_found_and_a_frame_too_large_to_carry_is_told(
    line: Line, part: Callable[..., bytes], shots: Callable[..., list[Any]]
) -> None:
    line.assign()
    good, left_out = shots([part(GOOD)] * 2)
    line.capture([good, replace(left_out, data=b"", left_out_bytes=10**9)])
    (record,) = line.kafka.records(FRAMES)
    headers = tuple((name, b"7" if name == "ce_seq" else value) for name, value in record.headers)
    line.kafka.append(Message(FRAMES, record.key, hostile.with_bit_flipped(record.value), headers))
    line.run()
    assert sorted(line.dead.values()) == ["checksum_mismatch", "too_large"]
    assert [score.seq for score in line.scores.values()] == [0]


def test_a_large_frame_travels_by_way_of_the_store(
    line: Line, part: Callable[..., bytes], shots: Callable[..., list[Any]]
) -> None:
    line.assign()
    line.capture(shots([part(GOOD), part(DEFECT, side=256, at=(64, 128)), part(GOOD)]))
    claimed = [record for record in line.kafka.records(FRAMES) if record.header("ce_dataref")]
    line.run()
    assert [record.value for record in claimed] == [b""]
    large = list(line.scores.values())[1]
    assert large.dataref == (claimed[0].header("ce_dataref") or b"").decode()
    assert large.regions == (Region(x=64, y=128, width=32, height=32, peak=DEFECT),)
    assert line.balanced


def test_stations_do_not_disturb_each_other(
    line: Line, part: Callable[..., bytes], shots: Callable[..., list[Any]]
) -> None:
    line.assign()
    quiet, bad = shots([part(GOOD)] * 30, "press-1"), shots([part(DEFECT)] * 30, "weld-07")
    line.capture([shot for pair in zip(quiet, bad, strict=True) for shot in pair])
    line.run()
    assert {event.station for event in line.incidents.values()} == {"weld-07"}
    by_station = Counter((score.station, score.verdict) for score in line.scores.values())
    assert by_station == {("press-1", Verdict.OK): 30, ("weld-07", Verdict.ANOMALOUS): 30}


def test_a_new_topic_and_a_new_station_are_picked_up_by_themselves(line: Line, part: Callable[..., bytes]) -> None:
    line.assign()
    line.append(part(GOOD), b"press-9", "camera.frames.plant-2")
    line.append(part(GOOD), b"press-9", "somebody.elses")
    line.run()
    (score,) = line.scores.values()
    assert (score.station, score.frame.topic, score.verdict) == ("press-9", "camera.frames.plant-2", Verdict.OK)


def test_without_a_bundle_frames_are_unscorable_never_ok_and_somebody_is_told(
    line: Line, part: Callable[..., bytes], shots: Callable[..., list[Any]]
) -> None:
    line.capture(shots([part(DEFECT)] * 6))
    line.run()
    assert {(score.verdict, score.unscorable) for score in line.scores.values()} == {
        (Verdict.UNSCORABLE, Unscorable.NO_BUNDLE)
    }
    opened, updated = line.incidents.values()
    assert (opened.cause, opened.reason, opened.severity) == (Cause.UNSCORABLE, "not_yet_learned", "warning")
    assert (updated.kind, updated.count) == ("updated", 4)
    assert line.balanced


def test_a_new_bundle_takes_over_without_a_frame_lost_or_judged_by_a_mixture(
    line: Line, part: Callable[..., bytes], shots: Callable[..., list[Any]]
) -> None:
    """The new one wants another preparation: frames prepared before the swap are scored by the old."""
    images = shots([part(100)] * 40)
    old = line.assign(threshold=128)
    line.capture(images[:20])
    line.run("preprocess")
    new = line.assign(threshold=90, side=16)
    line.capture(images[20:], {"weld-07": 20})
    line.run()
    found = [(score.bundle, score.threshold, score.verdict) for score in line.scores.values()]
    assert found == [(old, 128, Verdict.OK)] * 20 + [(new, 90, Verdict.ANOMALOUS)] * 20
    assert line.balanced


def test_what_is_no_score_does_not_stop_alerting(line: Line, stream: list[Any]) -> None:
    line.assign()
    line.kafka.append(Message(SCORES, b"weld-07", b"{}"))
    line.kafka.append(Message(PREPARED, b"weld-07", b"tensor?"))
    line.capture(stream)
    line.run()
    assert sorted(reason for reason in line.dead.values()) == ["bad_header", "bad_record"]
    assert [event.kind for event in line.incidents.values()] == ["opened", "updated", "resolved"]
