"""What people and rules do to an assignment: the rules, one in and one out."""

from datetime import UTC, datetime, timedelta

import pytest

from andon.assigning import assigned, confirmed, expect, promoted, rolled_back, shadowed, unshadowed
from andon.errors import Mistake
from andon.records import Assignment, Trial, read_event, write_event
from andon.records.assignment import MOST_PAST

AT = datetime(2026, 3, 2, 14, 0, tzinfo=UTC)
A, B, C, D = (letter * 64 for letter in "abcd")
TRIAL = Trial(frames=500, budget=0.002)


def give(before: Assignment | None, bundle: str, minute: int = 0, **given: object) -> Assignment:
    at = AT + timedelta(minutes=minute)
    return assigned(before, station="weld-07", product="cup", bundle=bundle, by="ann", why=f"{minute}", at=at, **given)


def shadow(before: Assignment | None, bundle: str, promotion: Trial | None = None) -> Assignment:
    return shadowed(before, bundle, promotion=promotion, by="bo", why="", at=AT)


def promote(before: Assignment | None, bundle: str, probation: Trial | None = None) -> Assignment:
    return promoted(before, bundle, probation=probation, by="bo", why="", at=AT)


def back(before: Assignment | None) -> Assignment:
    return rolled_back(before, by="bo", why="bad", at=AT)


def past(assignment: Assignment) -> list[str]:
    return [each.bundle for each in assignment.past]


def test_a_first_bundle_has_no_past() -> None:
    first = give(None, A)
    assert (first.station, first.product, first.bundle, first.past, first.by) == ("weld-07", "cup", A, (), "ann")


def test_what_it_takes_over_from_is_remembered_with_who_why_and_when() -> None:
    second = give(give(None, A, 1), B, 2)
    assert (second.past[0].bundle, second.past[0].why, second.past[0].at) == (A, "1", AT + timedelta(minutes=1))


def test_the_same_bundle_said_again_is_not_its_own_past() -> None:
    again = give(give(give(None, A), B), B, 7)
    assert (past(again), again.why) == ([A], "7")


def test_the_past_is_the_last_sixteen_the_latest_first() -> None:
    serving = None
    for turn in range(MOST_PAST + 5):
        serving = give(serving, (A, B)[turn % 2], turn)
    assert serving is not None
    assert len(serving.past) == MOST_PAST
    assert [each.why for each in serving.past[:2]] == [str(MOST_PAST + 3), str(MOST_PAST + 2)]
    assert read_event(Assignment, write_event(serving)) == serving


def test_shadows_stay_and_one_that_serves_now_is_none() -> None:
    serving = shadow(shadow(give(None, A), B), C)
    assert give(serving, B).shadows == (C,)
    assert give(serving, D).shadows == (B, C)
    assert give(serving, D, keep_shadows=False).shadows == ()


def test_a_trial_against_a_bundle_that_no_longer_serves_is_over() -> None:
    on_trial = shadow(give(None, A), B, TRIAL)
    assert (give(on_trial, C).promotion, give(on_trial, C).shadows) == (None, (B,))
    assert give(on_trial, A).promotion == TRIAL


def test_an_assignment_by_hand_ends_a_probation_and_lets_its_shadow_go() -> None:
    serving = promote(shadow(shadow(give(None, A), B), C), B, TRIAL)
    after = give(serving, D)
    assert (after.probation, after.shadows) == (None, (C,))


def test_andons_own_bundle_is_learning_until_somebody_assigns_one() -> None:
    learning = give(None, A, state="learning")
    assert (learning.state, give(learning, B).state) == ("learning", "serving")


def test_a_rollback_goes_to_the_last_and_then_one_further() -> None:
    serving = give(give(give(None, A), B), C)
    assert (back(serving).bundle, past(back(serving))) == (B, [A])
    assert (back(back(serving)).bundle, past(back(back(serving)))) == (A, [])
    assert (back(serving).by, back(serving).why) == ("bo", "bad")


@pytest.mark.parametrize(("serving", "said"), [(None, "nothing is assigned"), (give(None, A), "the first bundle")])
def test_without_a_past_there_is_no_rollback(serving: Assignment | None, said: str) -> None:
    with pytest.raises(Mistake, match=said):
        back(serving)


def test_a_past_that_only_names_the_active_one_is_no_past() -> None:
    odd = give(give(None, A), B)
    with pytest.raises(Mistake, match="the first bundle"):
        back(odd.model_copy(update={"bundle": A}))


def test_a_bundle_on_trial_is_the_first_shadow() -> None:
    serving = shadow(shadow(give(None, A), B), C, TRIAL)
    assert (serving.shadows, serving.promotion) == ((C, B), TRIAL)


def test_a_shadow_named_again_without_a_trial_is_on_trial_no_more() -> None:
    serving = shadow(give(None, A), B, TRIAL)
    assert (shadow(serving, B).shadows, shadow(serving, B).promotion) == ((B,), None)


def test_another_shadow_leaves_a_trial_alone() -> None:
    serving = shadow(shadow(give(None, A), B, TRIAL), C)
    assert (serving.shadows, serving.promotion) == ((B, C), TRIAL)
    assert shadow(serving, C).promotion == TRIAL


def test_nothing_shadows_itself_or_nothing() -> None:
    with pytest.raises(Mistake, match="its own shadow"):
        shadow(give(None, A), A)
    with pytest.raises(Mistake, match="assign one first"):
        shadow(None, A)


def test_no_trial_begins_while_a_probation_lasts() -> None:
    serving = promote(shadow(give(None, A), B), B, TRIAL)
    with pytest.raises(Mistake, match="on probation beside aaaaaaaaaaaa"):
        shadow(serving, C, TRIAL)
    assert shadow(serving, C).shadows == (A, C)


def test_a_shadow_taken_away_takes_its_trial_with_it() -> None:
    serving = shadow(shadow(give(None, A), B, TRIAL), C)
    assert unshadowed(serving, B, by="", why="", at=AT).promotion is None
    other = unshadowed(serving, C, by="", why="", at=AT)
    assert (other.shadows, other.promotion) == ((B,), TRIAL)
    with pytest.raises(Mistake, match="where the shadows are bbbbbbbbbbbb, cccccccccccc"):
        unshadowed(serving, D, by="", why="", at=AT)


def test_a_promoted_shadow_serves_and_the_one_before_is_let_go() -> None:
    serving = promote(shadow(shadow(give(None, A), B, TRIAL), C), B)
    assert (serving.bundle, serving.shadows, past(serving)) == (B, (C,), [A])
    assert (serving.promotion, serving.probation) == (None, None)


def test_on_probation_the_one_before_is_the_first_shadow_until_it_is_confirmed() -> None:
    serving = promote(shadow(shadow(give(None, A), B), C), B, TRIAL)
    assert (serving.shadows, serving.probation) == ((A, C), TRIAL)
    over = confirmed(serving, by="trainer", why="kept", at=AT)
    assert (over.bundle, over.shadows, over.probation, past(over)) == (B, (C,), None, [A])


def test_a_broken_probation_goes_back_and_leaves_no_trace_among_the_shadows() -> None:
    broken = back(promote(shadow(shadow(give(None, A), B), C), B, TRIAL))
    assert (broken.bundle, broken.shadows, broken.probation, past(broken)) == (A, (C,), None, [])


def test_only_a_shadow_is_promoted_and_only_a_probation_confirmed() -> None:
    with pytest.raises(Mistake, match="not a shadow at weld-07, product cup"):
        promote(give(None, A), B)
    with pytest.raises(Mistake, match="nothing is assigned"):
        promote(None, B)
    with pytest.raises(Mistake, match="no probation"):
        confirmed(give(None, A), by="", why="", at=AT)


def test_whoever_expected_another_bundle_is_told_who_was_quicker() -> None:
    expect(give(None, A), A)
    with pytest.raises(Mistake, match=r"expected bbbbbbbbbbbb .* it is aaaaaaaaaaaa \(assigned by ann at 2026-03-02"):
        expect(give(None, A), B)
    with pytest.raises(Mistake, match="nothing is assigned"):
        expect(None, B)
