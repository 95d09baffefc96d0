"""Stations as their scores show them."""

import math
from datetime import UTC, datetime, timedelta

import pytest

from andon.ids import frame_id
from andon.records import FramePlace, Score, Verdict, write_event
from andon.stage import Record
from andon_console.live import stations as module
from andon_console.live.stations import Stations
from andon_console.live.track import ROOM

AT = datetime(2026, 3, 2, 6, 30, tzinfo=UTC)


def record(station: str, seq: int, epoch: int = 1, ratio: float | None = 0.5, key: str | None = None, **other: object):
    verdict = Verdict.UNSCORABLE if ratio is None else Verdict.ANOMALOUS if ratio > 1 else Verdict.OK
    given = {
        "frame_id": frame_id(station, epoch, seq), "station": station, "epoch": epoch, "seq": seq, "verdict": verdict,
        "captured_at": AT + timedelta(seconds=seq), "scored_at": AT + timedelta(seconds=seq), "width": 8, "height": 8,
        "score": ratio, "threshold": 1.0, "frame": FramePlace(topic="camera.frames", partition=0, offset=seq), **other,
    }  # fmt: skip
    value = write_event(Score.model_validate(given))
    return Record("scores", 3, 100 + seq, (key or station).encode(), value)


def folded(*records: Record) -> Stations:
    stations = Stations()
    stations.take(records)
    return stations


def test_the_last_frame_and_the_last_call_are_known_with_the_places_of_their_scores():
    found = folded(record("weld-07", 1, ratio=1.5), record("weld-07", 2)).get("weld-07")
    assert found is not None
    assert (found.last.seq, found.scored.offset) == (2, 102)
    assert found.last_call is not None
    assert found.called is not None
    assert (found.last_call.seq, found.called.offset) == (1, 101)


def test_a_repeat_and_an_earlier_frame_change_nothing():
    stations = folded(record("weld-07", 5))
    before = stations.version
    stations.take([record("weld-07", 5), record("weld-07", 4)])
    assert stations.version == before
    assert len(stations.all()[0].track) == 1


def test_another_capture_begins_anew_where_it_is_later():
    stations = folded(record("weld-07", 500), record("weld-07", 0, epoch=2, captured_at=AT + timedelta(seconds=600)))
    assert stations.all()[0].last.epoch == 2
    stations.take([record("weld-07", 1, epoch=3)])
    assert stations.all()[0].last.epoch == 2


def test_golden_frames_and_drills_are_no_stations_frames():
    stations = folded(record("weld-07", 1, golden="ab/1"), record("drill.weld-07", 1))
    assert stations.all() == []


def test_what_is_no_score_is_passed_over_and_the_rest_is_kept():
    bad = Record("scores", 0, 1, b"weld-07", b"{}")
    stations = folded(bad, record("weld-07", 1, key="press-1"), record("weld-07", 2))
    assert [each.last.seq for each in stations.all()] == [2]


def test_only_what_changed_is_told():
    stations = folded(record("b", 1), record("a", 1))
    seen = stations.version
    stations.take([record("a", 2)])
    assert [each.name for each in stations.since(seen)] == ["a"]
    assert stations.since(stations.version) == []
    assert [each.name for each in stations.all()] == ["a", "b"]


def test_invented_names_do_not_fill_the_memory(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(module, "MOST", 2)
    stations = folded(*(record(name, 1) for name in ("a", "b", "c")), record("a", 2))
    assert [each.name for each in stations.all()] == ["a", "b"]
    assert stations.all()[0].last.seq == 2


def test_the_track_holds_the_newest_scores_in_order_with_their_places():
    stations = folded(*(record("a", seq, ratio=None if seq == ROOM + 1 else seq / 1000) for seq in range(ROOM + 3)))
    track = stations.all()[0].track
    assert (len(track), track.count) == (ROOM, ROOM + 3)
    last = track.ratios(3).tolist()
    assert last[0] == pytest.approx(ROOM / 1000)
    assert math.isnan(last[1])
    assert last[2] == pytest.approx((ROOM + 2) / 1000)
    points = list(track.points(2))
    assert [each.verdict for each in points] == [Verdict.UNSCORABLE, Verdict.OK]
    assert points[1].scored == FramePlace(topic="scores", partition=3, offset=100 + ROOM + 2)
    assert points[1].captured_at == (AT + timedelta(seconds=ROOM + 2)).timestamp()
