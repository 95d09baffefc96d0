"""Comparing two bundles, previews of another threshold, changes of assignments, requests and jobs: without a page."""

import time
from datetime import UTC, datetime, timedelta
from threading import Event
from uuid import UUID, uuid4

import numpy as np
import pytest
from worlds import Lying

from andon.comparing.table import ScoreTable
from andon.errors import Broken, Mistake
from andon.ids import frame_id
from andon.records import (
    Answer,
    Assignment,
    FramePlace,
    Request,
    RequestNews,
    RequestState,
    Score,
    Told,
    Trial,
    Verdict,
    Wish,
    write_event,
)
from andon.records.assignment import Past
from andon.stage import Record
from andon.topics import REQUESTS, SCORES, SHADOW_SCORES
from andon_console.live.jobs import LOOKED_AT_S, MOST_KEPT, MOST_WAITING, Job, Jobs, Progress, State
from andon_console.live.requests import Requests
from andon_console.models.changing import Act, Where, changed, conflict, stamp, trial_of
from andon_console.models.changing import Wish as Wanted
from andon_console.models.compare import compared
from andon_console.models.heard import Heard, frame_of, key_of, read_heard
from andon_console.models.histogram import HIGHEST, bars
from andon_console.models.preview import previewed

NOW = datetime(2026, 5, 4, 12, tzinfo=UTC)
OLD, NEW, THIRD = "aa" * 32, "bb" * 32, "cc" * 32
STATION = "weld-07"
HERE = Where(STATION)


def score(seq: int, value: float, bundle: str = OLD, threshold: float = 10.0) -> Score:
    return Score(
        frame_id=frame_id(STATION, 1, seq),
        station=STATION,
        epoch=1,
        seq=seq,
        captured_at=NOW + timedelta(seconds=seq),
        scored_at=NOW + timedelta(seconds=seq),
        verdict=Verdict.ANOMALOUS if value > threshold else Verdict.OK,
        score=value,
        threshold=threshold,
        bundle=bundle,
        width=64,
        height=48,
        frame=FramePlace(topic="camera.frames", partition=0, offset=seq),
    )


def record(said: Score, offset: int, topic: str = SCORES, key: str = STATION) -> Record:
    stamp_ms = round(said.scored_at.timestamp() * 1000)
    return Record(topic, 0, offset, key.encode(), write_event(said), (), stamp_ms)


def heard(live: list[Score], shadows: list[Score] = []) -> Heard:  # noqa: B006  only read
    table = ScoreTable(STATION).read(record(each, i) for i, each in enumerate(live))
    count = len(table)
    return Heard(table.read(record(each, i, SHADOW_SCORES) for i, each in enumerate(shadows)), count, cut=False)


def answer(seq: int, told: Told) -> Answer:
    said = {"frame_id": frame_id(STATION, 1, seq), "station": STATION, "answer": told, "by": "rosa", "at": NOW}
    return Answer.model_validate(said)


def test_frames_that_only_one_bundle_calls_are_counted_and_shown_the_widest_apart_first():
    live = [score(0, 5), score(1, 5), score(2, 20), score(3, 12)]
    shadows = [score(0, 5, NEW), score(1, 11, NEW), score(2, 19, NEW), score(3, 2, NEW)]
    found = compared(heard(live, shadows), OLD, NEW, [])
    counts = found.agreement
    assert (counts.both_ok, counts.only_first, counts.only_second, counts.both_anomalous) == (1, 1, 1, 1)
    assert [each.shot.frame_id for each in found.only_second] == [frame_id(STATION, 1, 1)]
    assert found.only_first[0].first == pytest.approx(1.2)
    assert found.only_first[0].second == pytest.approx(0.2)


def test_a_shown_frame_leads_to_its_live_score_even_where_only_the_shadow_calls_it():
    found = compared(heard([score(0, 5), score(1, 5)], [score(1, 30, NEW)]), OLD, NEW, [])
    (shown,) = found.only_second
    assert shown.shot.scored == FramePlace(topic=SCORES, partition=0, offset=1)
    assert shown.shot.frame == FramePlace(topic="camera.frames", partition=0, offset=1)
    assert shown.shot.verdict is Verdict.OK


def test_each_bundle_is_held_against_what_people_said():
    live = [score(i, 20 if i < 3 else 5) for i in range(6)]
    shadows = [score(i, 20 if i in (0, 4) else 5, NEW) for i in range(6)]
    told = [
        answer(0, Told.REAL),
        answer(1, Told.FALSE_CALL),
        answer(4, Told.MISSED),
        answer(5, Told.GOOD),
        answer(2, Told.UNSURE),
    ]
    old, new = compared(heard(live, shadows), OLD, NEW, told).judged
    rates = [old.found, new.found, old.false_calls, new.false_calls]
    assert [(each.count, each.of) for each in rates if each] == [(1, 2), (2, 2), (1, 2), (0, 2)]
    assert new.false_calls is not None
    assert new.false_calls.high > 0.5


def test_frames_of_one_bundle_alone_are_in_no_table_but_counted():
    found = compared(heard([score(i, 5) for i in range(5)], [score(4, 5, NEW), score(9, 5, NEW)]), OLD, NEW, [])
    assert found.frames == 1
    assert found.alone == (4, 1)


def test_an_id_that_ends_in_zeros_is_the_same_frame_there_and_back():
    odd = UUID(int=0x1234 << 112)
    assert frame_of(key_of(odd)) == odd


def test_bars_count_every_frame_and_what_is_far_above_stands_in_the_last():
    found = bars(np.array([0.1, 0.1, 0.99, 1.0, 50.0, np.nan]))
    assert sum(each.count for each in found) == 5
    assert sum(each.count for each in found if each.called) == 2
    assert found[-1].high == HIGHEST


def test_a_higher_threshold_spares_calls_and_lists_known_defects_that_it_loses():
    live = [score(0, 5), score(1, 11), score(2, 14), score(3, 30)]
    told = [answer(1, Told.FALSE_CALL), answer(2, Told.REAL), answer(3, Told.REAL)]
    found = previewed(heard(live), OLD, 15.0, told)
    assert (found.frames, found.before, found.after, found.spared_count) == (4, 3, 1, 2)
    assert [each.shot.frame_id for each in found.spared] == [frame_id(STATION, 1, 1), frame_id(STATION, 1, 2)]
    assert [each.shot.frame_id for each in found.lost] == [frame_id(STATION, 1, 2)]
    assert (found.avoided, found.lost_count, found.new_false, found.gained_count) == (1, 1, 0, 0)


def test_a_lower_threshold_finds_missed_defects_and_calls_good_parts():
    told = [answer(0, Told.MISSED), answer(1, Told.GOOD)]
    found = previewed(heard([score(0, 8), score(1, 7), score(2, 2)]), OLD, 6.0, told)
    assert (found.before, found.after, found.gained_count, found.new_false) == (0, 2, 1, 1)
    assert [each.ratio for each in found.called] == pytest.approx([8 / 6, 7 / 6])


def test_a_preview_is_of_that_bundle_alone():
    found = previewed(heard([score(0, 50), score(1, 50, NEW)]), OLD, 10.0, [])
    assert found.frames == 1


def test_the_same_threshold_flips_nothing():
    found = previewed(heard([score(i, float(i)) for i in range(20)]), OLD, 10.0, [])
    assert (found.before, found.after, found.spared, found.called) == (9, 9, (), ())


def test_both_topics_are_read_and_other_stations_passed_over():
    live, shadow = Lying(SCORES), Lying(SHADOW_SCORES)
    live.add(*(record(score(i, 5), i) for i in range(5)), record(score(9, 5), 5, key="other"))
    shadow.add(record(score(2, 5, NEW), 0, SHADOW_SCORES))
    shares: list[float] = []
    logs = {SCORES: live, SHADOW_SCORES: shadow}
    found = read_heard(logs, STATION, NOW - timedelta(hours=1), NOW + timedelta(hours=1), (), shares.append)
    assert (found.live, len(found.table), found.cut) == (5, 6, False)
    assert found.bundles() == {OLD: 5, NEW: 1}
    assert shares == sorted(shares)


def test_scores_written_before_the_time_asked_for_are_not_read():
    live = Lying(SCORES)
    live.add(*(record(score(i, 5), i) for i in range(100)))
    logs = {SCORES: live, SHADOW_SCORES: Lying(SHADOW_SCORES)}
    found = read_heard(logs, STATION, NOW + timedelta(seconds=90), NOW + timedelta(hours=1), (), lambda _: None)
    assert found.live == 10


# changes ------------------------------------------------------------------------------------------------------------


def assigned(bundle: str = OLD, **more: object) -> Assignment:
    return Assignment.model_validate({"station": STATION, "bundle": bundle, "by": "edda", "at": NOW} | more)


def test_a_promoted_shadow_takes_over_and_the_one_before_is_remembered():
    after = changed(HERE, assigned(shadows=(NEW,)), Wanted(Act.PROMOTE, NEW, "better"), "edda", NOW)
    assert (after.bundle, after.shadows, after.past[0].bundle, after.why) == (NEW, (), OLD, "better")


def test_a_promotion_on_probation_keeps_the_one_before_as_a_shadow():
    wish = Wanted(Act.PROMOTE, NEW, "better", Trial(frames=100, budget=0.01))
    after = changed(HERE, assigned(shadows=(NEW,)), wish, "edda", NOW)
    assert (after.shadows, after.probation) == ((OLD,), wish.trial)


def test_rolling_back_goes_as_far_as_is_asked():
    past = tuple(Past(bundle=each, at=NOW) for each in (NEW, THIRD))
    after = changed(HERE, assigned(past=past), Wanted(Act.ROLLBACK, THIRD, "calls all"), "edda", NOW)
    assert (after.bundle, after.past) == (THIRD, ())
    near = changed(HERE, assigned(past=past), Wanted(Act.ROLLBACK, NEW, "calls all"), "edda", NOW)
    assert (near.bundle, [each.bundle for each in near.past]) == (NEW, [THIRD])


def test_nobody_rolls_back_to_what_never_served():
    with pytest.raises(Mistake, match="is not among the bundles that served there before"):
        changed(HERE, assigned(past=(Past(bundle=NEW, at=NOW),)), Wanted(Act.ROLLBACK, THIRD, "x"), "edda", NOW)


def test_a_change_meanwhile_is_told_with_who_and_when_and_what_serves_now():
    seen = stamp(assigned())
    assert conflict(HERE, assigned(), seen, "edda") is None
    later = assigned(NEW, by="omar", why="night shift", at=NOW + timedelta(minutes=5))
    told = conflict(HERE, later, seen, "edda")
    assert told is not None
    for part in ("omar", "12:05:00", NEW[:12], "night shift", "Nothing was written"):
        assert part in told


def test_a_shadow_added_meanwhile_counts_as_a_change_too():
    assert conflict(HERE, assigned(shadows=(NEW,)), stamp(assigned()), "edda") is not None


@pytest.mark.parametrize(("frames", "budget"), [(100, ""), (None, "2 per 1000"), (0, "2 per 1000")])
def test_half_a_trial_is_none(frames: int | None, budget: str):
    with pytest.raises(Mistake):
        trial_of(frames, budget)


def test_no_trial_is_no_trial():
    assert trial_of(None, " ") is None
    assert trial_of(100, "2 per 1000") == Trial(frames=100, budget=0.002)


# requests -----------------------------------------------------------------------------------------------------------


def request(**more: object) -> Request:
    said = {
        "request_id": uuid4(),
        "wish": Wish.THRESHOLD,
        "station": STATION,
        "bundle": OLD,
        "budget": 0.002,
        "at": NOW,
    }
    return Request.model_validate(said | more)


def news(of: Request, state: RequestState, seconds: float = 1, **more: object) -> RequestNews:
    said = {"request_id": of.request_id, "state": state, "station": STATION, "sentence": "so it is"}
    return RequestNews.model_validate(said | {"at": NOW + timedelta(seconds=seconds)} | more)


def taken(*said: Request | RequestNews) -> Requests:
    found = Requests()
    found.take([Record(REQUESTS, 0, i, STATION.encode(), write_event(each), (), 0) for i, each in enumerate(said)])
    return found


def test_a_request_waits_until_somebody_takes_it_and_ends_done_or_refused():
    asked = request()
    assert [each.state for each in taken(asked).all()] == ["waiting"]
    at_work = news(asked, RequestState.TAKEN, 1, progress=0.5)
    assert taken(asked, at_work).all()[0].state == "taken"
    done = taken(asked, at_work, news(asked, RequestState.DONE, 2, bundle=NEW)).get(asked.request_id)
    assert done is not None
    assert done.news is not None
    assert (done.state, done.over, done.news.bundle) == ("done", True, NEW)


def test_news_may_come_before_its_request_and_an_end_stands():
    asked = request()
    found = taken(news(asked, RequestState.REFUSED, 5), asked, news(asked, RequestState.TAKEN, 9))
    assert found.all()[0].state == "refused"


def test_requests_are_known_by_station_and_product_the_newest_first():
    first, other = request(), request(product="cup")
    later = request(at=NOW + timedelta(hours=1))
    assert [each.request for each in taken(first, other, later).at(STATION)] == [later, first]
    assert [each.request for each in taken(first, other, later).at(STATION, "cup")] == [other]


def test_what_is_no_request_is_passed_over():
    found = Requests()
    found.take([Record(REQUESTS, 0, 0, b"x", value, (), 0) for value in (b"", b"[]", b"{", b'{"record": "news"}')])
    assert found.all() == []


# jobs ---------------------------------------------------------------------------------------------------------------


def until(job: Job, state: State) -> Job:
    deadline = time.monotonic() + 5
    while job.state is not state:
        assert time.monotonic() < deadline, job.state
        time.sleep(0.005)
    return job


def test_a_job_is_done_once_for_all_who_ask_the_same():
    jobs, runs = Jobs(), list[int]()
    job = jobs.ask("same", lambda _: runs.append(1) or 42)
    until(job, State.DONE)
    assert jobs.ask("same", lambda _: runs.append(2)) is job
    assert (job.result, runs) == (42, [1])
    jobs.close()


def test_a_job_that_nobody_looks_at_ends():
    now, begun, go = [0.0], Event(), Event()

    def work(progress: Progress) -> None:
        begun.set()
        go.wait(5)
        progress(0.5)
        raise AssertionError("it went on")

    jobs = Jobs(lambda: now[0])
    job = jobs.ask("unseen", work)
    assert begun.wait(5)
    now[0] = LOOKED_AT_S + 1
    go.set()
    until(job, State.DROPPED)
    assert jobs.ask("unseen", lambda _: 1) is not job
    jobs.close()


def test_what_goes_wrong_is_said_and_the_next_job_runs():
    jobs = Jobs()

    def away(_: Progress) -> None:
        raise Broken("Kafka does not answer")

    assert until(jobs.ask("a", away), State.FAILED).problem == "Kafka does not answer"
    assert until(jobs.ask("b", lambda _: 1 // 0), State.FAILED).problem.startswith("that is a mistake of Andon's")
    assert until(jobs.ask("c", lambda _: 3), State.DONE).result == 3
    jobs.close()


def test_only_so_many_jobs_wait_and_only_so_many_results_are_kept():
    jobs, go = Jobs(), Event()
    first = jobs.ask(0, lambda _: go.wait(5))
    for key in range(1, MOST_WAITING):
        jobs.ask(key, lambda _: None)
    with pytest.raises(Broken):
        jobs.ask("one more", lambda _: None)
    go.set()
    until(first, State.DONE)
    last = until(jobs.ask("last", lambda _: None), State.DONE)
    assert jobs.ask("last", lambda _: None) is last
    assert jobs.ask(0, lambda _: None) is not first
    assert sum(job.over for job in jobs._jobs.values()) <= MOST_KEPT + 1
    jobs.close()
