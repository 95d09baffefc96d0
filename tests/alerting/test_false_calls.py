"""The false-call budget: what people overrule is counted, few answers prove nothing, and a break of it is over."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from math import comb
from uuid import UUID, uuid5

import pytest
from hypothesis import given
from hypothesis import strategies as st

from andon.line import Plan
from andon.records import Answer, Cause, Evidence, FramePlace, IncidentEvent, Severity, Told
from andon_alerting.false_calls import (
    ENDS_AT,
    OPENS_AT,
    WINDOW,
    Called,
    Ended,
    Looked,
    Overruled,
    Why,
    at_least,
    at_most,
    ended_by_a_person,
    hear,
    hour_of,
    judge,
)
from andon_alerting.page import page

NOW = datetime(2026, 3, 2, 14, 20, tzinfo=UTC)
SPACE = UUID("7a1f6f1e-0b5d-5f0e-9d6c-3c1c2f6d3a11")
PLAN = Plan("weld-07", site="north", line="press-shop", budget=0.002, budgets={"hinge": 0.05})
Scene = tuple[Overruled, Looked]


def frame(number: int) -> UUID:
    return uuid5(SPACE, str(number))


def answer(number: int, said: Told, at: datetime = NOW) -> Answer:
    return Answer(frame_id=frame(number), station="weld-07", answer=said, at=at, by="Mira")


def scene(
    overruled: int,
    scored: int,
    product: str | None = None,
    age: timedelta = timedelta(hours=2),
    said: Told = Told.FALSE_CALL,
) -> Scene:
    """So many frames overruled among so many scored, all of them `age` ago."""
    known, captured = Overruled("weld-07", 0), NOW - age
    called = {}
    for each in range(overruled):
        known = hear(known, answer(each, said))
        place = FramePlace(topic="camera.frames", partition=0, offset=each)
        evidence = Evidence(frame_id=frame(each), frame=place, captured_at=captured + timedelta(seconds=each))
        called[frame(each)] = Called(evidence, product)
    return known, Looked({(product, hour_of(captured)): scored}, called)


def opened(overruled: int = 14, scored: int = 2310, product: str | None = None) -> tuple[Overruled, IncidentEvent]:
    known, looked = scene(overruled, scored, product)
    after, (turn,) = judge(known, looked, PLAN, NOW)
    assert turn.why is Why.OVER_BUDGET
    assert turn.event is not None
    return after, turn.event


def test_more_than_the_budget_allows_opens_an_incident_that_says_both_numbers() -> None:
    _, event = opened()
    assert event.summary == "weld-07: people overruled 14 of 2,310 verdicts; the budget is 2 per 1,000."
    assert (event.cause, event.severity, event.reason) == (Cause.FALSE_CALLS, Severity.WARNING, "over_budget")
    assert event.measure is not None
    assert (event.measure.value, event.measure.limit) == (14 / 2310, 0.002)
    assert (event.count, event.site, event.line, event.product) == (14, "north", "press-shop", None)
    assert len(event.evidence) == 12
    assert event.opened_at == NOW - timedelta(hours=2), "since the first frame that was overruled"
    assert page(event).first_action.startswith("Look at the overruled frames")


ROWS = {
    Why.OVER_BUDGET: (scene(14, 2310), PLAN, False),
    Why.NOT_PROVEN: (scene(8, 2310), PLAN, False),
    Why.STILL_OVER: (scene(4, 2310), PLAN, True),
    Why.WITHIN_BUDGET: (scene(2, 2310), PLAN, True),
    Why.NOTHING_SCORED: ((Overruled("weld-07", 0), Looked({}, {})), PLAN, True),
    Why.NO_BUDGET: (scene(14, 2310), Plan("weld-07"), True),
}


@pytest.mark.parametrize("why", list(Why))
def test_every_reason_is_given_for_what_it_says(why: Why) -> None:
    (known, looked), plan, is_open = ROWS[why]
    if is_open:
        known = replace(known, open=opened()[0].open)
    after, (turn,) = judge(known, looked, plan, NOW)
    assert turn.why is why
    over = why in (Why.WITHIN_BUDGET, Why.NOTHING_SCORED, Why.NO_BUDGET)
    assert bool(after.open) == ((is_open or why is Why.OVER_BUDGET) and not over)
    assert (turn.event is None) == (why in (Why.NOT_PROVEN, Why.STILL_OVER))
    if over:
        assert turn.event is not None
        assert (turn.event.kind, turn.event.reason) == ("resolved", why)
        assert turn.event.summary.startswith("weld-07: ")


def test_nothing_is_decided_without_a_budget() -> None:
    known, looked = scene(500, 1000)
    assert judge(known, looked, Plan("weld-07"), NOW)[1] == ()


def test_a_product_is_held_against_its_own_budget() -> None:
    known, looked = scene(14, 2310, "hinge")
    assert [each.why for each in judge(known, looked, PLAN, NOW)[1]] == [Why.NOT_PROVEN]
    _, event = opened(14, 2310, "bracket")
    assert event.summary.startswith("weld-07, bracket: people overruled 14 of 2,310")


@pytest.mark.parametrize("said", [each for each in Told if each is not Told.FALSE_CALL])
def test_only_false_calls_count(said: Told) -> None:
    known, looked = scene(100, 1000, said=said)
    assert judge(known, looked, PLAN, NOW)[1] == ()


def test_the_last_word_on_a_frame_counts_in_whatever_order_the_answers_come() -> None:
    first, last = answer(1, Told.FALSE_CALL), answer(1, Told.REAL, NOW + timedelta(seconds=5))
    for order in ((first, last), (last, first), (first, last, first)):
        known = Overruled("weld-07", 0)
        for each in order:
            known = hear(known, each)
        assert [each.answer for each in known.said] == [Told.REAL]


def test_an_answer_taken_back_can_end_the_incident() -> None:
    known, _ = opened()
    for each in range(13):
        known = hear(known, answer(each, Told.UNSURE, NOW + timedelta(minutes=1)))
    _, looked = scene(14, 2310)
    assert [each.why for each in judge(known, looked, PLAN, NOW)[1]] == [Why.WITHIN_BUDGET]


def test_frames_older_than_the_window_count_neither_above_nor_below_the_line() -> None:
    known, looked = scene(14, 2310, age=WINDOW + timedelta(hours=1))
    assert judge(known, looked, PLAN, NOW)[1] == ()
    known = replace(known, open=opened()[0].open)
    assert [each.why for each in judge(known, looked, PLAN, NOW)[1]] == [Why.NOTHING_SCORED]


def test_a_frame_that_nobody_saw_being_called_counts_for_nothing() -> None:
    known, looked = scene(14, 2310)
    assert judge(known, replace(looked, called={}), PLAN, NOW)[1] == ()


def test_answers_are_forgotten_when_their_frames_no_longer_count() -> None:
    known, looked = scene(14, 2310)
    after, _ = judge(known, looked, PLAN, NOW + WINDOW + timedelta(minutes=1))
    assert after.said == ()


def test_a_second_break_of_the_budget_is_another_incident() -> None:
    known, first = opened()
    known = hear(replace(known, open=()), answer(3, Told.FALSE_CALL, NOW + timedelta(hours=1)))
    _, looked = scene(14, 2310)
    (turn,) = judge(known, looked, PLAN, NOW + timedelta(hours=1))[1]
    assert turn.event is not None
    assert turn.event.incident_id != first.incident_id


@given(st.integers(1, 60), st.data(), st.floats(0.001, 0.9))
def test_the_tails_are_those_of_the_binomial(of: int, data: st.DataObject, rate: float) -> None:
    count = data.draw(st.integers(0, of))
    exact = [comb(of, each) * rate**each * (1 - rate) ** (of - each) for each in range(of + 1)]
    assert at_most(count, of, rate) == pytest.approx(sum(exact[: count + 1]), abs=1e-9)
    assert at_least(count, of, rate) == pytest.approx(sum(exact[count:]), abs=1e-9)


@pytest.mark.parametrize(
    ("count", "of", "bound"),
    [(14, 2310, 0.00294005), (3, 100, 0.00439498), (1, 10, 0.00100453)],
)
def test_it_opens_just_where_the_exact_lower_bound_lies_above_the_budget(count: int, of: int, bound: float) -> None:
    """Bounds: scipy.stats.beta.ppf(0.01, k, n - k + 1)."""
    assert at_least(count, of, bound * 0.999) < OPENS_AT < at_least(count, of, bound * 1.001)


@given(st.integers(1, 5000), st.floats(0.0005, 0.2), st.data())
def test_what_would_open_never_ends_in_the_same_breath(of: int, budget: float, data: st.DataObject) -> None:
    count = data.draw(st.integers(0, min(of, 200)))
    assert not (at_least(count, of, budget) < OPENS_AT and at_most(count, of, budget) < ENDS_AT)


def ended(at: datetime, overruled: int = 14, scored: int = 2310) -> Overruled:
    """A broken budget whose incident a person ended."""
    known, event = opened(overruled, scored)
    return ended_by_a_person(known, event.model_copy(update={"at": at}))


def test_frames_of_before_a_person_ended_it_open_no_other_whenever_people_answer_on_them() -> None:
    known, (_, looked) = ended(NOW - timedelta(minutes=20)), scene(40, 2310)
    assert known.open == ()
    assert judge(known, looked, PLAN, NOW)[1] == ()
    for number in range(14, 40):
        known = hear(known, answer(number, Told.FALSE_CALL, NOW + timedelta(minutes=1)))
    assert judge(known, looked, PLAN, NOW + timedelta(minutes=2))[1] == ()


def test_frames_after_the_end_break_the_budget_anew_among_as_many_as_came_after_it() -> None:
    known, (_, before) = ended(NOW - timedelta(hours=1)), scene(14, 2310)
    new, after = scene(14, 2310, age=timedelta(minutes=20))
    known = replace(known, said=new.said)
    scored = {**before.scored, **after.scored}
    known, (turn,) = judge(known, Looked(scored, after.called), PLAN, NOW)
    assert turn.why is Why.OVER_BUDGET
    assert turn.event is not None
    assert turn.event.opened_at == NOW - timedelta(minutes=20)
    assert "overruled 14 of 2,310 verdicts" in turn.event.summary


def test_of_the_hour_in_which_it_was_ended_that_share_counts_that_lies_after_it() -> None:
    known, looked = scene(6, 2000, age=timedelta(minutes=4))  # at 14:16, of the hour that began at 14:00
    known = replace(known, ended=(Ended(None, NOW - timedelta(minutes=5)),))
    (turn,) = judge(known, looked, PLAN, NOW)[1]
    assert turn.why is Why.OVER_BUDGET, "6 of 500, not of 2,000"
    assert turn.event is not None
    assert "overruled 6 of 500 verdicts" in turn.event.summary


def test_the_end_of_one_product_is_no_end_of_another() -> None:
    known, looked = scene(40, 100, "hinge")
    known = replace(known, ended=(Ended("bracket", NOW),))
    assert [each.why for each in judge(known, looked, PLAN, NOW)[1]] == [Why.OVER_BUDGET]


def test_that_a_person_ended_it_is_forgotten_when_frames_of_before_no_longer_count() -> None:
    known = ended(NOW)
    after, _ = judge(known, Looked({}, {}), PLAN, NOW + WINDOW + timedelta(minutes=1))
    assert after.ended == ()


def test_the_end_of_what_is_not_open_changes_nothing() -> None:
    known, event = opened()
    over = replace(known, open=())
    assert ended_by_a_person(over, event) is over
