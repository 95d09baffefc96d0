"""The rule book: when an incident opens, and when it is over."""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from andon.line import Policy
from andon.records import Cause, FramePlace, IncidentKind, Score
from andon_alerting.policy import Decision, State, Why, decide, silent, went_silent
from andon_alerting.states import read_state, write_state
from andon_alerting.story import turned

MakeScore = Callable[..., Score]
PLAIN = Policy(k=3, n=5, multiple=None, clear_after=4, unscorable_k=2, unscorable_n=3)


def run(
    letters: str, score: MakeScore, policy: Policy = PLAIN, state: State | None = None
) -> tuple[State, list[Decision]]:
    """The state after a line of letters, and all decisions."""
    state = State("weld-07")
    decisions: list[Decision] = []
    for seq, letter in enumerate(letters):
        state, made = decide(state, score(letter, seq), policy)
        decisions += made
    return state, decisions


def turns(decisions: list[Decision]) -> list[tuple[str, str]]:
    return [(each.kind.value, each.why.value) for each in decisions if each.kind]


@pytest.mark.parametrize(
    ("letters", "last"),
    [
        ("o", Why.GOOD),
        ("a", Why.BELOW_K),
        ("aa", Why.BELOW_K),
        ("aaa", Why.K_OF_N_REACHED),
        ("aoaoa", Why.K_OF_N_REACHED),
        ("aooaoa", Why.BELOW_K),
        ("aaaa", Why.STILL_OPEN),
        ("aaao", Why.NOT_YET_CLEAR),
        ("aaaoooo", Why.CLEARED),
        ("aaaoooao", Why.NOT_YET_CLEAR),
        ("aaaoooo" + "a", Why.BELOW_K),
        ("u", Why.BELOW_K),
        ("uu", Why.UNSCORABLE_K_OF_N),
        ("uou", Why.UNSCORABLE_K_OF_N),
        ("uuoooo", Why.CLEARED),
        ("A", Why.BELOW_K),
    ],
)
def test_the_last_frame_of_a_story_gives_its_reason(letters: str, last: Why, score: MakeScore) -> None:
    _, decisions = run(letters, score)
    assert decisions[-1].why is last


def test_an_incident_opens_after_three_of_five(score: MakeScore) -> None:
    state, decisions = run("oaoaa", score)
    assert turns(decisions) == [("opened", "k_of_n_reached")]
    (held,) = state.open
    assert (held.cause, held.bad, held.of, held.opened_at) == (Cause.DEFECT_SURGE, 3, 5, score("a", 4).captured_at)


def test_one_frame_far_above_the_threshold_opens_at_once(score: MakeScore) -> None:
    state, decisions = run("A", score, Policy(multiple=4))
    assert turns(decisions) == [("opened", "above_multiple")]
    assert state.open[0].worst == pytest.approx(8)


def test_an_incident_of_one_cause_does_not_hide_another(score: MakeScore) -> None:
    state, _ = run("Aaauu", score, Policy(multiple=4, unscorable_k=2))
    assert {each.cause for each in state.open} == {Cause.SEVERE_DEFECT, Cause.DEFECT_SURGE, Cause.UNSCORABLE}


def test_a_station_has_one_incident_a_cause_however_long_it_lasts(score: MakeScore) -> None:
    state, decisions = run("a" * 50, score)
    assert turns(decisions) == [("opened", "k_of_n_reached")]
    assert state.open[0].count == 50


def test_an_incident_is_over_only_after_enough_good_frames_in_a_row(score: MakeScore) -> None:
    state, decisions = run("aaa" + "ooo" + "a" + "ooo" + "u" + "oooo", score)
    assert turns(decisions) == [("opened", "k_of_n_reached"), ("resolved", "cleared")]
    assert decisions[-1].why is Why.CLEARED
    assert state.open == ()


def test_what_belongs_to_a_closed_incident_does_not_help_to_open_the_next(score: MakeScore) -> None:
    quick = PLAIN.model_copy(update={"clear_after": 1})
    _, decisions = run("aaa" + "o" + "a" + "a", score, quick)
    assert turns(decisions) == [("opened", "k_of_n_reached"), ("resolved", "cleared")]


def test_defects_count_as_scored_for_an_unscorable_incident(score: MakeScore) -> None:
    _, decisions = run("uu" + "aaaa", score)
    assert ("resolved", "cleared") in turns(decisions)


def test_unscorable_frames_never_count_as_good(score: MakeScore) -> None:
    state, _ = run("aaa" + "u" * 20, score)
    assert state.incident(Cause.DEFECT_SURGE) is not None


def test_evidence_is_the_frame_that_opened_it_and_the_worst_others(score: MakeScore) -> None:
    state, _ = run("aaa" + "aAaaA" + "a" * 20, score)
    seqs = [each.frame.offset - 1000 for each in state.open[0].evidence]
    assert seqs == [2, 4, 7]


def test_a_score_seen_before_changes_nothing(score: MakeScore) -> None:
    state, _ = run("aaao", score)
    for seq in range(4):
        after, decisions = decide(state, score("a", seq), PLAIN)
        assert after is state
        assert decisions == (Decision(Why.STALE),)


def test_a_new_epoch_of_the_same_source_goes_on(score: MakeScore) -> None:
    state, _ = run("oooo", score)
    after, _ = decide(state, score("a", 0, epoch=2), PLAIN)
    assert (after.epoch, after.seq, after.window) == (2, 0, "ooooa")
    assert decide(after, score("a", 9, epoch=1), PLAIN)[1] == (Decision(Why.STALE),)


def test_a_foreign_producer_counts_anew(score: MakeScore) -> None:
    state, _ = run("oooo", score)
    place = FramePlace(topic="camera.frames.plc", partition=1, offset=2)
    foreign = score("o", 2, epoch=0).model_copy(update={"frame": place})
    after, decisions = decide(state, foreign, PLAIN)
    assert decisions == (Decision(Why.GOOD),)
    assert (after.origin, after.epoch, after.seq) == ("camera.frames.plc/1", 0, 2)


def test_a_station_is_silent_after_its_time_and_heard_by_its_next_frame(score: MakeScore, start: datetime) -> None:
    state, _ = run("oo", score)
    heard = state.last_scored_at
    assert heard is not None
    assert not silent(state, PLAIN, heard + timedelta(seconds=60), start)
    assert silent(state, PLAIN, heard + timedelta(seconds=61), start)
    state, decisions = went_silent(state, PLAIN)
    assert turns(list(decisions)) == [("opened", "silent")]
    assert not silent(state, PLAIN, heard + timedelta(seconds=999), start), "it has one incident, not one a minute"
    state, decisions = decide(state, score("o", 200), PLAIN)
    assert turns(list(decisions)) == [("resolved", "heard_again")]


def test_a_station_is_not_silent_because_we_did_not_listen(score: MakeScore) -> None:
    state, _ = run("oo", score)
    assert state.last_scored_at is not None
    now = state.last_scored_at + timedelta(hours=1)
    assert not silent(state, PLAIN, now, listening_since=now - timedelta(seconds=30))


def test_silence_can_be_turned_off_and_needs_a_station_that_has_sent(score: MakeScore, start: datetime) -> None:
    state, _ = run("o", score)
    later = start + timedelta(days=1)
    assert not silent(state, PLAIN.model_copy(update={"silent_after_s": None}), later, start)
    assert not silent(State("never"), PLAIN, later, start)


def test_a_policy_that_could_never_open_is_refused() -> None:
    with pytest.raises(ValidationError, match="it would never open"):
        Policy(k=6, n=5)


letters = st.text("ooaAu", min_size=1, max_size=60)
policies = st.builds(
    lambda k, n, m, c, u: Policy(k=min(k, n), n=n, multiple=m, clear_after=c, unscorable_k=min(u, 5)),
    *[st.integers(1, 6), st.integers(1, 8), st.sampled_from([None, 3.0]), st.integers(1, 6), st.integers(1, 5)],
)


@given(letters=letters, policy=policies, cut=st.integers(0, 60))
@settings(max_examples=150, deadline=None)
def test_a_prefix_read_twice_gives_the_same_state_and_the_same_events(
    letters: str, policy: Policy, cut: int, score: MakeScore
) -> None:
    once, decided = run(letters, score, policy)
    half, before = run(letters[:cut], score, policy)
    again: list[Decision] = []
    for seq, letter in enumerate(letters):
        half, made = decide(half, score(letter, seq), policy)
        again += made
    assert half == once

    def ids(decisions: list[Decision]) -> list[object]:
        events = [turned("weld-07", each) for each in decisions]
        return [event.event_id for event in events if event]

    assert ids(before) + ids(again) == ids(decided)
    assert len(set(ids(decided))) == len(ids(decided)), "no two events share an id"


@given(letters=letters, policy=policies)
@settings(max_examples=50, deadline=None)
def test_a_state_survives_being_kept(letters: str, policy: Policy, score: MakeScore) -> None:
    state, _ = run(letters, score, policy)
    assert read_state(write_state(state)) == state


@given(letters=letters, policy=policies)
@settings(max_examples=50, deadline=None)
def test_a_station_never_has_two_open_incidents_of_a_cause_and_each_opened_is_resolved_or_open(
    letters: str, policy: Policy, score: MakeScore
) -> None:
    state, decisions = run(letters, score, policy)
    causes = [each.cause for each in state.open]
    assert len(causes) == len(set(causes))
    opened = {each.incident.incident for each in decisions if each.kind is IncidentKind.OPENED and each.incident}
    closed = {each.incident.incident for each in decisions if each.kind is IncidentKind.RESOLVED and each.incident}
    assert opened - closed == {each.incident for each in state.open}
    assert replace(state, open=()).window == state.window
