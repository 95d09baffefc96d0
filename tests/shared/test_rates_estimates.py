"""The two rates: what they are, that their intervals hold the truth as often as they say, and what nobody knows."""

from random import Random
from uuid import UUID

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binomtest

from andon.rates import Counted, Estimate, Standing, against, at_least, escape_rate, false_call_rate, is_audited
from andon.rates.intervals import exact, rate

DRAWS = 2000


def calls(counted: Counted) -> Estimate:
    found = false_call_rate(counted)
    assert found is not None
    return found


def escapes(counted: Counted) -> Estimate:
    found = escape_rate(counted)
    assert found is not None
    return found


# The exact interval


@given(of=st.integers(1, 3000), share=st.floats(0, 1))
def test_the_interval_is_that_of_clopper_and_pearson(of: int, share: float) -> None:
    count = round(of * share)
    theirs = binomtest(count, of).proportion_ci(0.95, "exact")
    assert exact(count, of) == pytest.approx((theirs.low, theirs.high), abs=1e-9)


def test_of_nothing_nothing_is_known() -> None:
    assert exact(0, 0) == (0.0, 1.0)


def test_a_rate_says_what_was_counted_and_its_interval() -> None:
    found = rate(3, 100)
    assert (found.count, found.of, found.value) == (3, 100, 0.03)
    assert (found.low, found.high) == exact(3, 100)


# False calls


def test_where_every_call_was_answered_the_false_ones_are_counted_among_all_frames() -> None:
    found = calls(Counted(scored=1000, called=10, real=7, false_call=3))
    assert (found.value, found.count, found.of) == (0.003, 3, 1000)
    assert (found.low, found.high) == pytest.approx(exact(3, 1000))


def test_where_half_of_the_calls_were_answered_they_speak_for_half_of_the_frames() -> None:
    found = calls(Counted(scored=1000, called=10, real=2, false_call=3))
    assert (found.value, found.of) == (0.006, 500)
    assert found.low == exact(3, 500)[0]


def test_unsure_is_as_if_nobody_had_answered() -> None:
    counted = Counted(scored=1000, called=10, real=2, false_call=3)
    assert false_call_rate(counted + Counted(unsure=4)) == false_call_rate(counted)


def test_without_a_call_there_was_no_false_one() -> None:
    found = calls(Counted(scored=1000))
    assert (found.value, found.low, found.count, found.of) == (0, 0, 0, 1000)
    assert found.high == pytest.approx(1 - 0.025 ** (1 / 1000))


def test_while_nobody_answered_only_the_calls_bound_it() -> None:
    found = calls(Counted(scored=1000, called=10))
    assert (found.value, found.low, found.of) == (None, 0, 0)
    assert found.high == exact(10, 1000)[1]


def test_where_nothing_was_scored_nothing_is_known() -> None:
    assert false_call_rate(Counted()) is None


def test_answers_that_come_before_their_frames_are_counted_are_frames_themselves() -> None:
    found = calls(Counted(scored=0, called=0, false_call=2, real=1))
    assert (found.value, found.of) == (pytest.approx(2 / 3), 3)
    assert calls(Counted(scored=100, called=1, false_call=2)).value == 0.02


counts = st.integers(0, 200)


@given(scored=st.integers(1, 100_000), called=counts, real=counts, false_call=counts)
def test_the_value_lies_within_its_interval_and_no_more_calls_are_false_than_were_made(
    scored: int, called: int, real: int, false_call: int
) -> None:
    found = calls(Counted(scored, called, real, false_call))
    assert 0 <= found.low <= found.high <= 1
    most = max(called, real + false_call)
    assert found.high <= exact(most, max(scored, most))[1] + 1e-12
    if found.value is not None:
        assert found.low <= found.value <= found.high


@given(scored=st.integers(1000, 10_000), called=st.integers(2, 100), real=st.integers(0, 40), false=st.integers(0, 40))
def test_one_more_false_call_never_lowers_the_rate_and_one_more_real_one_never_raises_it(
    scored: int, called: int, real: int, false: int
) -> None:
    if real + false + 1 > called:
        return
    now = calls(Counted(scored, called, real, false))
    worse, better = calls(Counted(scored, called, real, false + 1)), calls(Counted(scored, called, real + 1, false))
    assert (worse.value or 0) >= (now.value or 0) - 1e-12
    assert (better.value or 0) <= (now.value or 0) + 1e-12
    assert better.low <= now.low + 1e-12
    assert worse.low >= now.low - 1e-12


@pytest.mark.parametrize("answered", [0.05, 0.3, 1.0])
@pytest.mark.parametrize(("false", "real"), [(0.001, 0.0002), (0.002, 0.01), (0.0002, 0.0002), (0.02, 0)])
def test_the_interval_holds_the_truth_in_95_of_100_cases_when_answers_are_a_random_sample(
    answered: float, false: float, real: float
) -> None:
    rng = np.random.default_rng(6)
    scored = 5000
    wrong = rng.binomial(scored, false, DRAWS)
    right = rng.binomial(scored - wrong, real / (1 - false))
    said_wrong, said_right = rng.binomial(wrong, answered), rng.binomial(right, answered)
    held = 0
    for f, r, all_f, all_r in np.stack([said_wrong, said_right, wrong, right], axis=1).tolist():
        found = calls(Counted(scored, all_f + all_r, r, f))
        held += found.low <= false <= found.high
    assert held / DRAWS >= 0.95


# Escapes


def test_the_escape_rate_is_that_of_the_audit_sample() -> None:
    found = escapes(Counted(scored=9000, called=10, audited_good=98, audited_missed=2, audited_unsure=7, missed=5))
    assert (found.value, found.count, found.of) == (0.02, 2, 100)
    assert (found.low, found.high) == exact(2, 100)


def test_where_nobody_was_asked_the_escape_rate_is_honestly_unknown() -> None:
    assert escape_rate(Counted(scored=9000, called=10, missed=5)) is None
    assert escape_rate(Counted(scored=9000, audited_unsure=5)) is None


@pytest.mark.parametrize(
    ("counted", "words"),
    [
        (Counted(scored=100), None),
        (
            Counted(scored=1010, called=10, missed=1),
            "1 missed defect is known: at least 1 of 1,000 frames called ok is",
        ),
        (
            Counted(scored=1010, called=10, missed=2, audited_missed=1),
            "3 missed defects are known: at least 3 of 1,000",
        ),
        (Counted(missed=2), "2 missed defects are known: at least 2 of 2 frames called ok are defective"),
    ],
)
def test_missed_defects_prove_how_many_there_are_at_least(counted: Counted, words: str | None) -> None:
    found = at_least(counted)
    assert found is words if words is None else (found or "").startswith(words)


def test_the_escape_interval_holds_the_truth_in_95_of_100_cases_when_the_audit_sample_is_random() -> None:
    random, truth, frames, share = Random(6), 0.01, 8000, 0.05
    ids = [UUID(int=random.getrandbits(128)) for _ in range(frames)]
    sample = sum(is_audited(each, share) for each in ids)
    missed = np.random.default_rng(6).binomial(sample, truth, DRAWS)
    found = [escapes(Counted(frames, audited_good=sample - each, audited_missed=each)) for each in missed.tolist()]
    assert sum(each.low <= truth <= each.high for each in found) / DRAWS >= 0.95


# The audit sample


@pytest.mark.parametrize("share", [0.001, 0.02, 0.5])
def test_the_audit_sample_is_as_large_as_asked_for(share: float) -> None:
    random, frames = Random(1), 40_000
    chosen = sum(is_audited(UUID(int=random.getrandbits(128)), share) for _ in range(frames))
    assert binomtest(chosen, frames, share).pvalue > 0.001


@given(st.uuids(), st.floats(0, 1), st.floats(0, 1))
def test_a_larger_share_holds_every_frame_of_a_smaller_one(frame: UUID, one: float, other: float) -> None:
    assert is_audited(frame, min(one, other)) <= is_audited(frame, max(one, other))


@given(st.uuids())
def test_a_share_of_nothing_is_no_frame_and_one_of_all_is_every_frame(frame: UUID) -> None:
    assert not is_audited(frame, 0)
    assert is_audited(frame, 1)


def test_everybody_picks_the_same_frames_for_ever() -> None:
    frames = [UUID(int=each) for each in range(400)]
    assert [each.int for each in frames if is_audited(each, 0.02)] == [
        *(16, 37, 70, 79, 91, 183, 186, 222, 263, 320, 328, 350)
    ]


# Against the budget


def test_a_rate_is_within_over_or_unclear_by_its_interval() -> None:
    found = Estimate(0.003, 0.001, 0.006, 3, 1000)
    told = [against(found, each) for each in (0.0005, 0.001, 0.003, 0.006, 0.01)]
    assert told == [Standing.OVER, Standing.UNCLEAR, Standing.UNCLEAR, Standing.WITHIN, Standing.WITHIN]
    assert against(None, 0.01) is Standing.UNCLEAR


def test_a_station_that_hardly_calls_is_within_its_budget_though_nobody_answers() -> None:
    assert against(false_call_rate(Counted(scored=10_000, called=1)), 0.002) is Standing.WITHIN
