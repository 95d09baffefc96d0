"""What a page says."""

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta

import pytest

from andon.line import Policy
from andon.records import Evidence, FramePlace, IncidentEvent, Region, Score
from andon_alerting.page import Page, page, where
from andon_alerting.policy import State, decide, went_silent
from andon_alerting.story import spoken, turned

MakeScore = Callable[..., Score]


def events(letters: str, score: MakeScore, policy: Policy) -> list[IncidentEvent]:
    state, found = State("weld-07"), []
    for seq, letter in enumerate(letters):
        state, decisions = decide(state, score(letter, seq), policy)
        found += [event for each in decisions if (event := turned("weld-07", each))]
    return found


@pytest.fixture
def opened(score: MakeScore) -> Page:
    return page(events("oaoaa", score, Policy(multiple=None))[0])


def test_a_page_says_what_where_since_when_and_what_to_do(opened: Page) -> None:
    assert opened.description.splitlines() == [
        "weld-07: 3 of the last 5 frames look defective.",
        "Since 2026-03-02 14:00:04 UTC.",
        "Worst: score 0.2 against 0.1, 2.0 times the limit.",
        "Where: upper left, x 100 to 140, y 50 to 80.",
        "Bad parts may be moving on down the line.",
        "First: Look at the last parts of this station; stop the line if they are bad.",
        f"Evidence: camera.frames/2/1004 at 2026-03-02 14:00:04 UTC (frame {opened.evidence[0].frame_id})",
        f"Judged by bundle {'b' * 12}.",
    ]


def test_a_page_is_known_by_its_incident_and_turn(opened: Page) -> None:
    assert opened.id == f"{opened.incident}/opened"


def test_the_end_says_how_long_it_took(score: MakeScore) -> None:
    over = page(events("aaa" + "o" * 10, score, Policy(multiple=None))[-1])
    assert over.kind == "resolved"
    assert over.what == "weld-07 looks good again, after 10 s and 3 bad frames."
    assert (over.first_action, over.consequence) == ("", "")
    assert "over at 2026-03-02 14:00:12 UTC" in over.description


@pytest.mark.parametrize(
    ("letters", "sentence"),
    [
        ("A", "weld-07: a part looks badly wrong, 8.0 times the limit."),
        ("uuu", "weld-07: 3 of the last 3 frames could not be inspected (no bundle)."),
    ],
)
def test_each_cause_has_its_sentence(letters: str, sentence: str, score: MakeScore) -> None:
    assert page(events(letters, score, Policy())[0]).what == sentence


def test_a_silent_station_shows_its_last_frame(score: MakeScore) -> None:
    policy = Policy()
    state, _ = decide(State("weld-07"), score("o", 0), policy)
    _, (decision,) = went_silent(state, policy)
    event = turned("weld-07", decision)
    assert event is not None
    silent = page(event)
    assert silent.what == "weld-07 has sent no frame since 14:00:00 UTC."
    assert silent.severity == "warning"
    assert silent.evidence[0].frame.offset == 1000


@pytest.mark.parametrize(
    ("box", "words"),
    [
        ((0, 0, 10, 10), "upper left, x 0 to 10, y 0 to 10"),
        ((45, 45, 10, 10), "centre, x 45 to 55, y 45 to 55"),
        ((90, 40, 10, 10), "middle right, x 90 to 100, y 40 to 50"),
        ((40, 95, 10, 5), "lower centre, x 40 to 50, y 95 to 100"),
    ],
)
def test_a_region_is_told_in_words_and_pixels(box: Sequence[int], words: str, start: datetime) -> None:
    x, y, width, height = box
    strong = Region(x=x, y=y, width=width, height=height, peak=2.0)
    weak = Region(x=1, y=1, width=1, height=1, peak=1.0)
    place = FramePlace(topic="camera.frames", partition=0, offset=0)
    frame = Evidence(
        frame_id="6f0c0e0a-0000-5000-8000-000000000000",
        frame=place,
        captured_at=start,
        regions=(weak, strong),
        width=100,
        height=100,
    )
    assert where(frame) == words
    assert where(frame.model_copy(update={"regions": ()})) is None


@pytest.mark.parametrize(("seconds", "words"), [(40, "40 s"), (720, "12 min"), (11_100, "3 h 5 min"), (-1, "0 s")])
def test_time_is_told_as_people_say_it(seconds: int, words: str) -> None:
    assert spoken(timedelta(seconds=seconds)) == words
