"""When pictures are at fault, and when that is over: every reason, with the pictures that lead to it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from andon.records import Cause, Evidence, Finding, FindingKind, FramePlace, Score, Verdict
from andon_drift.cards import read_state, write_state
from andon_drift.detect import Decision, Missing, Why, decide
from andon_drift.limits import Limits
from andon_drift.settings import FaultSettings
from andon_drift.state import Seen, State

RULES = FaultSettings(k=3, n=5, clear_after=4, frozen_after=4, frozen_s=2)
Scores = Callable[..., Sequence[Score]]
PLACE = FramePlace(topic="scores", partition=0, offset=7)


@dataclass
class Station:
    """Its state, and all that was decided."""

    limits: Limits | Missing
    rules: FaultSettings = RULES
    state: State = field(default_factory=lambda: State("weld-07"))
    decisions: list[Decision] = field(default_factory=list)

    def sees(self, scores: Sequence[Score]) -> "Station":
        for score in scores:
            step = decide(self.state, Seen(score, PLACE), self.limits, self.rules)
            self.state, self.decisions = step.state, [*self.decisions, *step.decisions]
        return self

    @property
    def findings(self) -> list[Finding]:
        return [each.finding for each in self.decisions if each.finding]

    @property
    def story(self) -> list[tuple[str, str]]:
        return [(each.cause.value, each.kind.value) for each in self.findings]

    @property
    def last(self) -> Why:
        return self.decisions[-1].why


@pytest.fixture
def station(limits: Limits) -> Station:
    return Station(limits)


# Each reason, with the pictures whose last one leads to it.
TABLE = {
    Why.GOOD: "o",
    Why.BELOW_K: "od",
    Why.K_OF_N_REACHED: "oddd",
    Why.STILL_OPEN: "odddd",
    Why.NOT_YET_CLEAR: "odddo",
    Why.CLEARED: "odddoooo",
    Why.SCATTERED: "olrl",
    Why.SAME_PICTURE: "o=",
    Why.FROZEN: "o===",
    Why.NEW_PICTURE: "o===oo",
}


@pytest.mark.parametrize("why", TABLE)
def test_each_reason_has_its_pictures(why: Why, station: Station, scores: Scores) -> None:
    assert why in [each.why for each in station.sees(scores(TABLE[why])).decisions[-3:]]
    assert why not in [each.why for each in Station(station.limits).sees(scores(TABLE[why][:-1])).decisions]


def test_a_golden_frame_says_nothing_of_the_camera(station: Station, scores: Scores) -> None:
    golden = [each.model_copy(update={"golden": f"{'b' * 64}/golden/1.png"}) for each in scores("ddddd")]
    assert {each.why for each in station.sees(golden).decisions} == {Why.GOLDEN}
    assert station.state == State("weld-07")


def test_what_was_seen_before_changes_nothing(station: Station, scores: Scores) -> None:
    before = station.sees(scores("oodd")).state
    assert station.sees(scores("oodd")[2:]).last is Why.STALE
    assert station.state == before


def test_until_the_reference_is_read_nothing_is_decided(scores: Scores) -> None:
    assert {each.why for each in Station(Missing.LOADING).sees(scores("ddddddd")).decisions} == {Why.LOADING}


def test_without_a_bundle_only_a_frozen_camera_is_found(scores: Scores) -> None:
    station = Station(Missing.NO_BUNDLE).sees(scores("dddddd==="))
    assert station.story == [("station_frozen", "began")]
    assert Why.NO_REFERENCE in [each.why for each in station.decisions]


def test_a_finding_that_nobody_can_judge_any_more_is_closed_without_knowing(station: Station, scores: Scores) -> None:
    station.sees(scores("ddd"))
    station.limits = Missing.NO_BUNDLE
    station.sees(scores("ddd", first=3))
    assert station.story == [("station_dark", "began")]
    assert station.sees(scores("d", first=6)).last is Why.UNJUDGED
    assert station.findings[-1].kind is FindingKind.ENDED
    assert "nobody can tell" in station.findings[-1].sentence


def test_a_picture_that_nobody_measured_says_nothing(station: Station, scores: Scores) -> None:
    blind = [each.model_copy(update={"health": None}) for each in scores("dddd")]
    assert {each.why for each in station.sees(blind).decisions} == {Why.NO_HEALTH}


def test_every_reason_is_told_of_somewhere_in_this_file() -> None:
    elsewhere = {Why.GOLDEN, Why.STALE, Why.LOADING, Why.NO_REFERENCE, Why.UNJUDGED, Why.NO_HEALTH}
    assert TABLE.keys() | elsewhere == set(Why)
    assert not TABLE.keys() & elsewhere


@pytest.mark.parametrize(
    ("letter", "cause", "sentence"),
    [
        ("d", Cause.STATION_DARK, "the picture is dark since 14:00 UTC; brightness fell from 40% to 20%."),
        ("D", Cause.STATION_DARK, "the picture is dark since 14:00 UTC; brightness fell from 40% to 20%."),
        ("b", Cause.STATION_BRIGHT, "the picture is too bright since 14:00 UTC; brightness rose from 40% to 70%."),
        (
            "w",
            Cause.STATION_BRIGHT,
            "the picture is too bright since 14:00 UTC; 40% of it is pure white, at most 11% may be.",
        ),
        (
            "s",
            Cause.STATION_BLURRED,
            "the picture is blurred since 14:00 UTC; sharpness fell from 5.0 to 2.0; the light is as before.",
        ),
        (
            "l",
            Cause.CAMERA_MOVED,
            "the picture moved 40 px left since 14:00 UTC; the light and the focus are as before.",
        ),
        (
            "r",
            Cause.CAMERA_MOVED,
            "the picture moved 40 px right since 14:00 UTC; the light and the focus are as before.",
        ),
    ],
)
def test_each_fault_is_named_once_with_a_sentence(
    letter: str, cause: Cause, sentence: str, station: Station, scores: Scores
) -> None:
    (found,) = station.sees(scores("ooooo" + 5 * letter)).findings
    assert found.cause is cause
    assert found.sentence == f"weld-07: {sentence}"
    assert found.measure is not None
    assert found.by == "drift"


def test_a_finding_says_since_when_and_shows_the_pictures(station: Station, scores: Scores, start: Any) -> None:
    (found,) = station.sees(scores("ooodoodd")).findings
    assert found.since == start + timedelta(seconds=3)
    assert found.at == start + timedelta(seconds=7)
    assert [each.captured_at.second for each in found.evidence] == [3, 6, 7]
    assert found.evidence[0].scored == PLACE
    assert found.evidence[0].frame == scores("oood")[3].frame


def test_the_end_has_the_same_id_as_the_beginning_and_says_how_long_it_was(station: Station, scores: Scores) -> None:
    began, ended = station.sees(scores("dddoooo")).findings
    assert (began.finding_id, began.kind, ended.kind) == (ended.finding_id, FindingKind.BEGAN, FindingKind.ENDED)
    assert ended.since == began.since
    assert ended.sentence == "weld-07: the picture is as bright as it should be again, after 6 s."


def test_the_next_time_is_another_finding(station: Station, scores: Scores) -> None:
    first, _, second = station.sees(scores("dddooooddd")).findings
    assert first.finding_id != second.finding_id


def test_a_defect_that_fills_one_picture_is_no_fault_of_the_camera(station: Station, scores: Scores) -> None:
    bad = [each.model_copy(update={"verdict": Verdict.ANOMALOUS}) for each in scores("oodooDoosoo")]
    assert station.sees(bad).findings == []


def test_the_same_dark_picture_again_and_again_is_one_picture(station: Station, scores: Scores) -> None:
    station.rules = RULES.model_copy(update={"frozen_after": 100})
    assert station.sees(scores("ood===========")).findings == []


def test_a_camera_that_freezes_in_the_dark_is_only_frozen(station: Station, scores: Scores) -> None:
    assert station.sees(scores("ood=====")).story == [("station_frozen", "began")]


def test_the_same_picture_in_less_than_two_seconds_is_not_frozen(station: Station, scores: Scores, start: Any) -> None:
    quick = [
        each.model_copy(update={"captured_at": start + timedelta(milliseconds=100 * each.seq)})
        for each in scores("o================")
    ]
    assert station.sees(quick).findings == []


def test_a_folder_that_begins_again_is_not_frozen(station: Station, scores: Scores) -> None:
    """The same three pictures round and round."""
    looped = [each.model_copy(update={"sha256": f"{each.seq % 3:064x}"}) for each in scores("o" * 60)]
    assert station.sees(looped).findings == []


def test_without_a_checksum_all_that_was_measured_tells_pictures_apart(station: Station, scores: Scores) -> None:
    bare = [each.model_copy(update={"sha256": None}) for each in scores("o=====")]
    assert station.sees(bare).story == [("station_frozen", "began")]
    other = [each.model_copy(update={"sha256": None, "score": each.seq / 10}) for each in scores("o=====")]
    assert Station(station.limits).sees(other).findings == []


def test_frozen_ends_with_the_second_new_picture(station: Station, scores: Scores) -> None:
    assert station.sees(scores("o=====o")).story == [("station_frozen", "began")]
    assert station.sees(scores("o=", first=7)).story[1:] == [("station_frozen", "ended")]


def test_a_station_dark_and_then_moved_has_both_named(station: Station, scores: Scores) -> None:
    assert station.sees(scores("dddooooolll")).story == [
        ("station_dark", "began"),
        ("station_dark", "ended"),
        ("camera_moved", "began"),
    ]


def test_interleaved_products_count_together(station: Station, scores: Scores) -> None:
    for seq, letter in enumerate("oododd"):
        station.sees([scores(letter, first=seq, product="ab"[seq % 2])[0]])
    assert station.story == [("station_dark", "began")]


def test_a_foreign_producer_counts_anew(station: Station, scores: Scores) -> None:
    station.sees(scores("oooo", first=10))
    assert station.sees(scores("o", epoch=0)).last is Why.GOOD


def test_a_state_is_kept_as_it_is(station: Station, scores: Scores) -> None:
    state = station.sees(scores("ooldd==d===lll")).state
    assert state.watches
    assert read_state(write_state(state)) == state
    assert len(write_state(State("weld-07"))) < 200


def test_a_healthy_station_takes_little_room(station: Station, scores: Scores) -> None:
    station.rules = FaultSettings()
    assert len(write_state(station.sees(scores("o" * 30)).state)) < 900


@settings(max_examples=150, deadline=None)
@given(letters=st.text("odbwslrD=", min_size=1, max_size=60), cut=st.integers(0, 60))
def test_at_any_time_a_cause_is_open_at_most_once_and_redelivery_changes_nothing(
    letters: str, cut: int, limits: Limits, scores: Scores
) -> None:
    given_scores = scores("o" + letters)
    whole = Station(limits).sees(given_scores)
    open_now: set[Cause] = set()
    for finding in whole.findings:
        assert (finding.cause in open_now) == (finding.kind is FindingKind.ENDED)
        open_now ^= {finding.cause}
        assert all(isinstance(each, Evidence) for each in finding.evidence)
    assert open_now == {cause for cause, watch in whole.state.watches.items() if watch.open}
    again = Station(limits).sees(given_scores[:cut]).sees(given_scores[max(0, cut - 7) :])
    assert again.state == whole.state
    assert again.findings == whole.findings
