"""The rule book: when an incident opens, and when it is over."""

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from andon.ids import DRILL_OVER
from andon.line import Plan, Policy
from andon.records import Cause, ChangeKind, FramePlace, IncidentKind, Score
from andon_alerting.policy import LATE, Decision, State, Why, decide, ended_by_a_person, silent, went_silent
from andon_alerting.products import MOST_PRODUCTS
from andon_alerting.states import read_state, write_state
from andon_alerting.story import turned

MakeScore = Callable[..., Score]
MakeStory = Callable[..., Sequence[Score]]
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


def tell(words: str, story: MakeStory, policy: Policy = PLAIN) -> tuple[State, list[Decision]]:
    """The state after a story in words (see conftest.make_story), and all decisions."""
    state = State("weld-07")
    decisions: list[Decision] = []
    for score in story(words):
        state, made = decide(state, score, policy)
        decisions += made
    return state, decisions


SETTLING = PLAIN.model_copy(update={"settle": 2})
SEVERE = PLAIN.model_copy(update={"multiple": 4.0})
RULES = [
    ("o", PLAIN, Why.GOOD),
    ("golden:a", PLAIN, Why.GOLDEN),
    ("aaa golden:o", PLAIN, Why.GOLDEN),
    ("a", PLAIN, Why.BELOW_K),
    ("aa", PLAIN, Why.BELOW_K),
    ("aaa", PLAIN, Why.K_OF_N_REACHED),
    ("aoaoa", PLAIN, Why.K_OF_N_REACHED),
    ("aooaoa", PLAIN, Why.BELOW_K),
    ("ooo swap aaa", PLAIN, Why.SINCE_SWAP),
    ("ooo swap oaaa", PLAIN, Why.SINCE_SWAP),
    ("ooa swap aa", PLAIN, Why.K_OF_N_REACHED),
    ("ooo swap oooaaa", PLAIN, Why.K_OF_N_REACHED),
    ("ooo swap oaoaa", PLAIN, Why.K_OF_N_REACHED),
    ("A", PLAIN, Why.BELOW_K),
    ("A", SEVERE, Why.ABOVE_MULTIPLE),
    ("aaa" + "aaA", SEVERE, Why.TWICE_AS_BAD),
    ("u", PLAIN, Why.BELOW_K),
    ("uu", PLAIN, Why.UNSCORABLE_K_OF_N),
    ("uou", PLAIN, Why.UNSCORABLE_K_OF_N),
    ("nobody uu", PLAIN, Why.NOT_YET_LEARNED),
    ("o nobody uu", PLAIN, Why.UNSCORABLE_K_OF_N),
    ("bracket:o nobody hinge:uu", PLAIN, Why.UNSCORABLE_K_OF_N),
    ("aaaa", PLAIN, Why.COUNT_DOUBLED),
    ("aaaaa", PLAIN, Why.STILL_OPEN),
    ("aaaaaaaa", PLAIN, Why.COUNT_DOUBLED),
    ("uuuu", PLAIN, Why.COUNT_DOUBLED),
    ("aaaaA", PLAIN, Why.TWICE_AS_BAD),
    ("aaaaAA", PLAIN, Why.STILL_OPEN),
    ("aaao", PLAIN, Why.NOT_YET_CLEAR),
    ("aaaoooo", PLAIN, Why.CLEARED),
    ("aaaoooao", PLAIN, Why.NOT_YET_CLEAR),
    ("aaaoooo" + "a", PLAIN, Why.BELOW_K),
    ("uuoooo", PLAIN, Why.CLEARED),
    ("bracket:aaa hinge:oooo", PLAIN, Why.CHANGED_OVER),
    ("bracket:aaa hinge:oo bracket:oo", PLAIN, Why.CLEARED),
    ("bracket:aaa hinge:o bracket:o hinge:o bracket:o", PLAIN, Why.CLEARED),
    ("bracket:aaa bracket:o hinge:ooo", PLAIN, Why.CLEARED),
    ("bracket:ooooo hinge:a", SETTLING, Why.SETTLING),
    ("bracket:ooooo hinge:aa", SETTLING, Why.SETTLING),
    ("bracket:ooooo hinge:aaa", SETTLING, Why.BELOW_K),
    ("bracket:ooooo hinge:A", SETTLING.model_copy(update={"multiple": 4.0}), Why.SETTLING),
]
BY_TIME_OR_ORDER = {Why.STALE, Why.SILENT, Why.HEARD_AGAIN}
BY_PEOPLE = {Why.BY_A_PERSON, Why.OF_BEFORE}  # below, and test_alerting.py


@pytest.mark.parametrize(("words", "policy", "last"), RULES)
def test_the_last_frame_of_a_story_gives_its_reason(words: str, policy: Policy, last: Why, story: MakeStory) -> None:
    _, decisions = tell(words, story, policy)
    assert decisions[-1].why is last


def test_a_frame_seen_before_or_a_silence_gives_its_reason(score: MakeScore) -> None:
    state, _ = decide(State("weld-07"), score("o", 1), PLAIN)
    seen = {decide(state, score("o", 0), PLAIN)[1][0].why}
    quiet, decisions = went_silent(state, PLAIN)
    seen |= {decisions[0].why, decide(quiet, score("o", 90), PLAIN)[1][0].why}
    assert seen == BY_TIME_OR_ORDER


def test_every_reason_stands_in_the_rules() -> None:
    assert {last for *_, last in RULES} | BY_TIME_OR_ORDER | BY_PEOPLE == set(Why)


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
    assert [each for each in turns(decisions) if each[0] != "updated"] == [("opened", "k_of_n_reached")]
    assert state.open[0].count == 50


def test_an_incident_is_over_only_after_enough_good_frames_in_a_row(score: MakeScore) -> None:
    state, decisions = run("aaa" + "ooo" + "a" + "ooo" + "u" + "oooo", score)
    assert turns(decisions) == [("opened", "k_of_n_reached"), ("updated", "count_doubled"), ("resolved", "cleared")]
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


def seqs(state: State) -> list[int]:
    return [each.frame.offset - 1000 for each in state.open[0].evidence]


def test_evidence_is_the_frame_that_opened_it_and_the_worst_others_and_the_last(score: MakeScore) -> None:
    state, _ = run("aaa", score)
    assert seqs(state) == [2, 0, 1], "those that led to it are shown too"
    state, _ = run("aaa" + "aAaaA" + "a" * 20, score)
    assert seqs(state) == [2, 4, 7, 0, 1, 3, 5, 6, 8, 9, 10, 27]
    held = state.open[0]
    assert (held.opener, held.first, held.last) == tuple(score("a", seq).frame_id for seq in (2, 0, 27))
    assert held.count == 28


def test_evidence_of_what_could_not_be_scored_is_there_too(score: MakeScore) -> None:
    state, _ = run("ou" + "u" * 30, score)
    assert seqs(state) == [2, 1, *range(3, 12), 31]


def test_evidence_says_where_its_score_and_its_image_lie(score: MakeScore) -> None:
    place = FramePlace(topic="scores", partition=1, offset=7)
    state, _ = decide(State("weld-07"), score("A", 0, dataref="s3://frames/x"), SEVERE, place)
    (shown,) = state.open[0].evidence
    assert (shown.scored, shown.dataref, shown.frame.offset) == (place, "s3://frames/x", 1000)


def test_only_bad_frames_that_still_count_are_the_first(score: MakeScore) -> None:
    state, _ = run("a" + "oooo" + "aaa", score)
    assert state.open[0].first == score("a", 5).frame_id


def test_a_frame_far_above_the_threshold_does_not_open_a_second_incident_beside_a_surge(score: MakeScore) -> None:
    state, _ = run("aaa" + "A" * 5, score, SEVERE)
    assert [each.cause for each in state.open] == [Cause.DEFECT_SURGE]
    assert state.open[0].worst == pytest.approx(8)
    assert run("AAA", score, Policy(k=1, n=1))[0].incident(Cause.SEVERE_DEFECT) is None


def test_it_is_told_again_each_time_the_count_doubles_or_the_worst_does(score: MakeScore) -> None:
    _, decisions = run("a" * 70 + "A", score)
    assert turns(decisions) == [
        ("opened", "k_of_n_reached"),
        *[("updated", "count_doubled")] * 5,
        ("updated", "twice_as_bad"),
    ]
    counts = [each.incident.count for each in decisions if each.kind is IncidentKind.UPDATED and each.incident]
    assert counts == [4, 8, 16, 32, 64, 71]


def test_a_golden_frame_changes_nothing_at_all(story: MakeStory) -> None:
    state, _ = tell("aa", story)
    for golden in story("golden:aaaoouu", first=2):
        assert decide(state, golden, PLAIN) == (state, (Decision(Why.GOLDEN),))


def test_a_changeover_is_no_defect_for_verdicts_of_two_products_do_not_add_up(story: MakeStory) -> None:
    _, decisions = tell("bracket:oooaa hinge:aa bracket:oooo", story)
    assert turns(decisions) == []


def test_products_that_alternate_are_each_found(story: MakeStory) -> None:
    state, decisions = tell("bracket:o hinge:a " * 5, story, SETTLING)
    assert turns(decisions) == [("opened", "k_of_n_reached")]
    assert state.open[0].product == "hinge"
    _, decisions = tell("bracket:o hinge:u " * 2, story)
    assert turns(decisions) == [("opened", "unscorable_k_of_n")]


def test_a_product_that_comes_one_by_one_does_not_settle_for_ever(story: MakeStory) -> None:
    _, decisions = tell(f"bracket:{'o' * 20} hinge:a " * 5, story, SETTLING)
    assert ("opened", "k_of_n_reached") in turns(decisions)


def test_a_product_settles_again_at_each_changeover_to_it(story: MakeStory) -> None:
    batch = "o" * 10
    _, decisions = tell(f"bracket:{batch} hinge:aa{batch} bracket:aa{batch} hinge:aa{batch}", story, SETTLING)
    assert [each.why for each in decisions if each.why is not Why.GOOD] == [Why.SETTLING] * 6


def test_frames_while_settling_neither_open_nor_end_nor_add_to_an_incident(story: MakeStory) -> None:
    state, _ = tell("bracket:aaaaa hinge:oo", story, SETTLING)
    before = state.open[0]
    state, _ = tell("bracket:aaaaa hinge:oa", story, SETTLING)
    assert state.open[0] == before
    assert state.good_run == 0


def test_only_so_many_products_are_remembered_and_a_ninth_is_still_inspected(story: MakeStory) -> None:
    state, decisions = tell("".join(f"p{n}:a " for n in range(40)), story)
    assert len(state.products) == MOST_PRODUCTS
    assert turns(decisions)[0] == ("opened", "k_of_n_reached"), "where every frame names another product, k of n hold"
    state, decisions = tell("".join(f"p{n}:{'o' * 8}aa " for n in range(20)), story)
    assert turns(decisions) == [], "in batches, each begins with a clean sheet"


@pytest.mark.parametrize(
    ("words", "changed"),
    [
        ("oooaaa", None),
        ("o swap oaaa", (ChangeKind.SWAP, 1, "b0" * 32, "b1" * 32)),
        ("o deploy oaaa", (ChangeKind.DEPLOY, 1, "onnxruntime 1.22 cpu", "onnxruntime 1.22 cpu+")),
        ("bracket:oo hinge:oaaa", (ChangeKind.CHANGEOVER, 2, "bracket", "hinge")),
        ("bracket:o swap hinge:oaaa", (ChangeKind.CHANGEOVER, 1, "bracket", "hinge")),
        ("bracket:o hinge:o swap bracket:o hinge:aaa", (ChangeKind.SWAP, 3, "b0" * 32, "b1" * 32)),
        ("aaa swap aa", None),
    ],
)
def test_an_incident_carries_what_changed_last_before_it(
    words: str, changed: tuple[object, ...] | None, story: MakeStory, start: datetime
) -> None:
    state, _ = tell(words, story)
    held = state.incident(Cause.DEFECT_SURGE)
    assert held is not None
    found = held.changed
    assert (found and (found.kind, (found.at - start).seconds, found.before, found.after)) == changed


def test_a_score_seen_before_changes_nothing(score: MakeScore) -> None:
    state, _ = run("aaao", score)
    for seq in range(4):
        after, decisions = decide(state, score("a", seq), PLAIN)
        assert after is state
        assert decisions == (Decision(Why.STALE),)


def test_a_new_epoch_of_the_same_source_goes_on(score: MakeScore) -> None:
    state, _ = run("oooo", score)
    after, _ = decide(state, score("a", 0, epoch=2), PLAIN)
    assert (after.epoch, after.seq, after.made.window) == (2, 0, "ooooa")
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


letters = st.text("ooaAu", min_size=1, max_size=6)
words = st.lists(
    st.one_of(
        letters,
        st.builds("{}:{}".format, st.sampled_from(["bracket", "hinge", "bolt", "golden"]), letters),
        st.sampled_from(["swap", "deploy"]),
    ),
    min_size=1,
    max_size=20,
).map(" ".join)
policies = st.builds(
    lambda k, n, m, c, u, s: Policy(k=min(k, n), n=n, multiple=m, clear_after=c, unscorable_k=min(u, 5), settle=s),
    *[st.integers(1, 6), st.integers(1, 8), st.sampled_from([None, 3.0]), st.integers(1, 6), st.integers(1, 5)],
    st.integers(0, 3),
)


@given(words=words, policy=policies, cut=st.integers(0, 60))
@settings(max_examples=150, deadline=None)
def test_a_prefix_read_twice_gives_the_same_state_and_the_same_events(
    words: str, policy: Policy, cut: int, story: MakeStory
) -> None:
    once, decided = tell(words, story, policy)
    half, before = State("weld-07"), list[Decision]()
    again: list[Decision] = []
    for score in story(words)[:cut]:
        half, made = decide(half, score, policy)
        before += made
    for score in story(words):
        half, made = decide(half, score, policy)
        again += made
    assert half == once

    def ids(decisions: list[Decision]) -> list[object]:
        events = [turned(Plan("weld-07"), each) for each in decisions]
        return [event.event_id for event in events if event]

    assert ids(before) + ids(again) == ids(decided)
    assert len(set(ids(decided))) == len(ids(decided)), "no two events share an id"


@given(words=words, policy=policies)
@settings(max_examples=50, deadline=None)
def test_a_state_survives_being_kept(words: str, policy: Policy, story: MakeStory) -> None:
    state, _ = tell(words, story, policy)
    assert read_state(write_state(state)) == state


@given(words=words, policy=policies)
@settings(max_examples=100, deadline=None)
def test_a_station_has_one_incident_of_a_cause_each_opened_is_resolved_or_open_and_golden_frames_are_nothing(
    words: str, policy: Policy, story: MakeStory
) -> None:
    state, decisions = tell(words, story, policy)
    causes = [each.cause for each in state.open]
    assert len(causes) == len(set(causes))
    opened = {each.incident.incident for each in decisions if each.kind is IncidentKind.OPENED and each.incident}
    closed = {each.incident.incident for each in decisions if each.kind is IncidentKind.RESOLVED and each.incident}
    assert opened - closed == {each.incident for each in state.open}
    without = State("weld-07")
    for score in story(words):
        without = decide(without, score, policy)[0] if score.golden is None else without
    assert without == state


@given(words=words, policy=policies)
@settings(max_examples=100, deadline=None)
def test_evidence_begins_with_the_opener_and_holds_the_last_and_the_worst(
    words: str, policy: Policy, story: MakeStory
) -> None:
    bad = {each.frame_id: each for each in story(words) if each.verdict != "ok" and each.golden is None}
    for held in tell(words, story, policy)[0].open:
        shown = [each.frame_id for each in held.evidence]
        assert shown[0] == held.opener
        assert {held.last, held.first} <= bad.keys()
        assert held.last in shown
        assert len(shown) == len(set(shown)) == min(held.count, 12)
        assert held.worst == max((bad[each].ratio for each in shown if bad[each].ratio), default=None)
        assert held.count >= 1


def test_a_drill_copy_that_sent_its_last_frame_is_not_silent_and_a_station_always_is(
    score: MakeScore, start: datetime
) -> None:
    for station, is_over in (("drill.weld-07", True), ("weld-07", False)):
        state = State(station)
        for seq, subject in enumerate(("drill good", DRILL_OVER)):
            state, _ = decide(state, score("o", seq, station, subject=subject), PLAIN)
        assert silent(state, PLAIN, start + timedelta(hours=1), start) is not is_over
        assert read_state(write_state(state)) == state
        state, _ = decide(state, score("o", 2, station, subject="drill good"), PLAIN)
        assert silent(state, PLAIN, start + timedelta(hours=1), start), "the next drill's silence counts again"


SURGE = Cause.DEFECT_SURGE


def after_a_person(words: str, story: MakeStory, at_s: float, cause: Cause = SURGE, policy: Policy = PLAIN) -> State:
    """The state after a story, when a person ends its incident `at_s` after the first frame."""
    state, _ = tell(words, story, policy)
    assert state.incident(cause)
    return ended_by_a_person(state, cause, story("o")[0].captured_at + timedelta(seconds=at_s))


def go_on(state: State, scores: Sequence[Score], policy: Policy = PLAIN) -> tuple[State, list[Decision]]:
    decisions: list[Decision] = []
    for each in scores:
        state, made = decide(state, each, policy)
        decisions += made
    return state, decisions


def test_what_a_person_ended_is_over_and_its_frames_do_not_open_the_next(story: MakeStory) -> None:
    state = after_a_person("aaa", story, 2.5)
    assert state.open == ()
    state, decisions = go_on(state, story("aa", first=3))
    assert turns(decisions) == []
    state, decisions = go_on(state, story("a", first=5))
    assert turns(decisions) == [("opened", "k_of_n_reached")]
    assert [each.captured_at.second for each in state.open[0].evidence] == [5, 3, 4], "of frames after the end alone"


def test_the_next_incident_is_another(story: MakeStory) -> None:
    first, _ = tell("aaa", story)
    again, _ = go_on(after_a_person("aaa", story, 2.5), story("aaa", first=3))
    assert first.open[0].incident != again.open[0].incident


def test_frames_captured_before_the_end_that_come_late_do_not_reopen_it(story: MakeStory) -> None:
    state, decisions = go_on(after_a_person("aaa", story, 6.5), story("aaaa", first=3))
    assert [each.why for each in decisions] == [Why.OF_BEFORE] * 4
    assert state.made.window == "o" * 5
    state, decisions = go_on(state, story("aaa", first=7))
    assert turns(decisions) == [("opened", "k_of_n_reached")]
    assert state.ended == ()


def test_one_severe_frame_of_before_does_not_reopen_what_a_person_ended(story: MakeStory) -> None:
    state = after_a_person("A", story, 1.5, Cause.SEVERE_DEFECT, SEVERE)
    assert turns(go_on(state, story("A", first=1), SEVERE)[1]) == []
    assert turns(go_on(state, story("A", first=2), SEVERE)[1]) == [("opened", "above_multiple")]


def test_a_camera_whose_clock_runs_behind_is_watched_again_soon(story: MakeStory) -> None:
    state = after_a_person("aaa", story, 3600)
    scored_at = state.ended[0].at + LATE
    in_time = [each.model_copy(update={"scored_at": scored_at}) for each in story("aaa", first=3)]
    assert turns(go_on(state, in_time)[1]) == []
    too_late = [each.model_copy(update={"scored_at": scored_at + timedelta(seconds=1)}) for each in in_time]
    assert turns(go_on(state, too_late)[1]) == [("opened", "k_of_n_reached")]


def test_the_end_of_one_cause_touches_no_other(story: MakeStory) -> None:
    state = after_a_person("aaauu", story, 9.5)
    assert [each.cause for each in state.open] == [Cause.UNSCORABLE]
    _, decisions = go_on(after_a_person("aaa", story, 9.5), story("uu", first=3))
    assert turns(decisions) == [("opened", "unscorable_k_of_n")]


def test_frames_that_could_not_be_scored_are_forgiven_too(story: MakeStory) -> None:
    state = after_a_person("uu", story, 1.5, Cause.UNSCORABLE)
    assert turns(go_on(state, story("u", first=2))[1]) == []
    assert turns(go_on(state, story("uu", first=2))[1]) == [("opened", "unscorable_k_of_n")]


def test_a_silence_that_a_person_ended_is_over_until_the_station_was_heard_and_falls_silent_again(
    score: MakeScore, start: datetime
) -> None:
    state, _ = decide(State("weld-07"), score("o", 0), PLAIN)
    quiet, _ = went_silent(state, PLAIN)
    ended = ended_by_a_person(quiet, Cause.STATION_SILENT, start + timedelta(seconds=90))
    much_later = start + timedelta(hours=5)
    assert ended.open == ()
    assert not silent(ended, PLAIN, much_later, start)
    heard, decisions = decide(ended, score("o", 100), PLAIN)
    assert turns(list(decisions)) == []
    assert silent(heard, PLAIN, much_later, start)


def test_what_a_person_ended_is_seen_by_whoever_would_write_over_it(story: MakeStory) -> None:
    state, _ = tell("aaa", story)
    ended = after_a_person("aaa", story, 2.5)
    assert ended.mark != state.mark
    assert read_state(write_state(ended)) == ended


@given(words=words, policy=policies, after=st.integers(0, 40))
@settings(max_examples=60, deadline=None)
def test_after_a_person_ended_it_a_surge_needs_as_many_new_frames_as_the_first_time(
    words: str, policy: Policy, after: int, story: MakeStory
) -> None:
    scores = list(story(words))
    state, _ = go_on(State("weld-07"), scores[:after], policy)
    if state.last is None or state.incident(SURGE) is None:
        return
    state, _ = go_on(ended_by_a_person(state, SURGE, state.last.captured_at), scores[after:], policy)
    held = state.incident(SURGE)
    if held is not None:
        assert held.first in {each.frame_id for each in scores[after:]}
