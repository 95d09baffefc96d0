"""The sentences of a line file: what each means, and what is told of one that means nothing."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from andon.errors import Mistake
from andon.line import Burst, Policy
from andon.line import sentences as said
from andon.line.plan import NO_BURST
from andon.records import Cause, Severity

SENTENCES = (said.opens, said.unscorable, said.at_once, said.over_after, said.silent_after, said.after_changeover)
OTHERS = (said.seconds, said.heartbeat, said.burst, said.cause, said.severity)


@pytest.mark.parametrize(
    "text", ["3 of 5 frames", "3 of 5", "3 of the last 5 frames", "3 out of 5", "  3  OF 5 Frames "]
)
def test_three_of_five_is_said_as_people_say_it(text: str) -> None:
    assert said.opens(text) == {"k": 3, "n": 5}
    assert said.unscorable(text) == {"unscorable_k": 3, "unscorable_n": 5}


@pytest.mark.parametrize("text", ["4 times the threshold", "4x", "4 x the threshold", "4.0 times"])
def test_a_severe_frame_is_a_multiple_of_the_threshold(text: str) -> None:
    assert said.at_once(text) == {"multiple": 4.0}


def test_never_turns_off_what_can_be_turned_off() -> None:
    assert said.at_once("never") == {"multiple": None}
    assert said.silent_after("Never") == {"silent_after_s": None}
    assert said.heartbeat("never") is None
    assert said.burst("never") is NO_BURST


def test_the_rest_of_a_policy_is_said_in_frames_and_seconds() -> None:
    assert said.over_after("10 good frames") == {"clear_after": 10}
    assert said.silent_after("90 s") == {"silent_after_s": 90.0}
    assert said.after_changeover("2 frames open nothing") == {"settle": 2}
    assert said.after_changeover("1 frame opens nothing") == {"settle": 1}
    assert said.after_changeover("every frame counts") == {"settle": 0}


@pytest.mark.parametrize(
    ("text", "seconds"), [("60 s", 60), ("1.5 min", 90), ("2h", 7200), ("1 day", 86_400), ("90 seconds", 90)]
)
def test_a_time_has_a_unit(text: str, seconds: float) -> None:
    assert said.seconds(text) == seconds


def test_golden_frames_and_bursts_have_their_sentence() -> None:
    assert said.heartbeat("every 5 min") == 300
    assert said.burst("3 stations within 1 min") == Burst(3, 60)


def test_causes_may_be_said_with_or_without_underscore() -> None:
    assert said.cause("severe defect") is said.cause("severe_defect") is Cause.SEVERE_DEFECT
    assert said.severity("Info") is Severity.INFO


@pytest.mark.parametrize(
    ("sentence", "text", "told"),
    [
        (said.opens, "5 of 3 frames", "5 of 3 can never be; did you mean '3 of 5 frames'?"),
        (said.opens, "three of five", "say '3 of 5 frames'"),
        (said.opens, "0 of 5", "the number must be greater than or equal to 1"),
        (said.opens, "3 of 500", "the number must be less than or equal to 256"),
        (said.at_once, "1 times the threshold", "the number must be greater than 1"),
        (said.at_once, "often", "say '4 times the threshold', or 'never'"),
        (said.over_after, "never", "say '10 good frames'"),
        (said.silent_after, "60", "say a time, such as '90 s', '5 min' or '2 h'"),
        (said.silent_after, "0 s", "say a time"),
        (said.silent_after, "1 fortnight", "say a time"),
        (said.after_changeover, "2", "say '2 frames open nothing', or 'every frame counts'"),
        (said.heartbeat, "often", "say 'every 5 min', or 'never'"),
        (said.heartbeat, "every 1 s", "every 10 s at most"),
        (said.burst, "many", "say '3 stations within 60 s', or 'never'"),
        (said.burst, "1 station within 60 s", "it takes 2 to 1000 stations"),
        (said.burst, "3 stations within 2 h", "within an hour at most"),
        (said.cause, "drfit", "there is no such cause; try 'drift'"),
        (said.severity, "awful", "there are critical, warning, info"),
    ],
)
def test_a_sentence_that_means_nothing_is_answered_with_one_that_does(sentence, text: str, told: str) -> None:
    with pytest.raises(Mistake, match=re.escape(told)) as mistake:
        sentence(text)
    assert f"'{text}'" in str(mistake.value)


@given(text=st.text(max_size=200) | st.from_regex(r"\d{1,12} [a-z]{1,8} \d{1,12} [a-z]{1,8}"))
@pytest.mark.parametrize("sentence", [*SENTENCES, *OTHERS])
def test_no_text_makes_a_sentence_raise_anything_but_a_mistake(sentence, text: str) -> None:
    try:
        sentence(text)
    except Mistake:
        return


policies = st.builds(
    Policy,
    k=st.integers(1, 5),
    n=st.integers(5, 256),
    multiple=st.none() | st.floats(1.5, 900).map(lambda each: round(each, 1)),
    clear_after=st.integers(1, 10_000),
    settle=st.integers(0, 1000),
    unscorable_k=st.integers(1, 5),
    unscorable_n=st.integers(5, 256),
    silent_after_s=st.none() | st.integers(1, 1_000_000).map(float),
)


@given(policy=policies)
def test_a_policy_is_told_in_the_sentences_that_make_it(policy: Policy) -> None:
    told = said.policy_words(policy)
    fields = [sentence(text) for sentence, text in zip(BY_NAME.values(), (told[name] for name in BY_NAME), strict=True)]
    assert Policy(**{name: value for each in fields for name, value in each.items()}) == policy


BY_NAME = {
    "open": said.opens,
    "open at once": said.at_once,
    "over after": said.over_after,
    "unscorable": said.unscorable,
    "silent after": said.silent_after,
    "after a changeover": said.after_changeover,
}


@pytest.mark.parametrize("text", ["every 5 min", "every 90 s", "every 1 h", "never"])
def test_what_is_told_of_golden_frames_is_what_was_said(text: str) -> None:
    assert said.heartbeat(said.heartbeat_words(said.heartbeat(text))) == said.heartbeat(text)


@pytest.mark.parametrize("text", ["3 stations within 60 s", "never"])
def test_what_is_told_of_bursts_is_what_was_said(text: str) -> None:
    assert said.burst_words(said.burst(text)) == text
