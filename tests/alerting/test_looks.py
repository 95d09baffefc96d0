"""A page of bad parts waits for a moment where the picture itself looks otherwise, and nowhere else."""

import base64
from collections.abc import Callable

import pytest

from andon.health import ImageHealth
from andon.line import LineFile, Policy
from andon.records import Cause, IncidentEvent, IncidentKind, Score, Severity, write_event
from andon.stage import Record
from andon_alerting.alerting import FAULT_AFTER, SLACK_S, Alerting, Board, Card
from andon_alerting.blinded import explaining
from andon_alerting.looks import FITS, MOST, RECENT, Looks, best_shift
from andon_alerting.memory import MemoryStates
from andon_alerting.policy import State

MakeScore = Callable[..., Score]
GOOD = ImageHealth(
    luminance=0.4, contrast=0.2, clipped_low=0, clipped_high=0.01, sharpness=5, noise=0.01, red_green=1, blue_green=1
)
EDGE = bytes([20] * 16 + [60] * 16 + [200] * 16 + [90] * 16)


def framing(shift: int = 0) -> str:
    profile = EDGE[-shift:] + EDGE[:-shift]
    return base64.b64encode(profile + profile).decode()


def like(shift: int = 0, **health: float) -> dict[str, object]:
    """A picture like the good ones, but for these numbers."""
    return {"health": GOOD.model_copy(update={"noise": 0.02} | health), "framing": framing(shift)}


@pytest.fixture
def looks(score: MakeScore) -> Looks:
    """After some good pictures that hardly differ."""
    known = Looks()
    for seq in range(4):
        known.note(score("o", seq, **like(noise=seq / 1000)))
    return known


@pytest.mark.parametrize(
    ("picture", "may_be"),
    [
        (like(), False),
        (like(luminance=0.33, sharpness=5.9, clipped_high=0.08), False),
        (like(luminance=0.3), True),
        (like(luminance=0.5), True),
        (like(clipped_high=0.2), True),
        (like(sharpness=4.0), True),
        (like(shift=1), False),
        (like(shift=3), True),
        (like(noise=0.003), True),  # the very same as the last: it may be frozen
        ({"health": None, "framing": None}, False),
    ],
)
def test_a_picture_that_looks_otherwise_may_be_the_cameras_fault(
    picture: dict[str, object], may_be: bool, looks: Looks, score: MakeScore
) -> None:
    assert looks.may_be_the_camera(score("a", 9, **picture)) is may_be


def test_where_good_pictures_differ_much_nothing_looks_otherwise(score: MakeScore) -> None:
    known = Looks()
    for seq in range(RECENT):
        known.note(score("o", seq, **like(shift=seq % 3, luminance=0.2 + 0.05 * seq, noise=seq / 1000)))
    assert not known.may_be_the_camera(score("a", 9, **like(shift=3, luminance=0.22)))


def test_only_the_last_good_pictures_count(looks: Looks, score: MakeScore) -> None:
    for seq in range(RECENT):
        looks.note(score("o", seq, **like(luminance=0.2, noise=seq / 1000)))
    assert not looks.may_be_the_camera(score("a", 9, **like(luminance=0.2)))
    assert looks.may_be_the_camera(score("a", 9, **like(luminance=0.4)))


@pytest.mark.parametrize("shift", [-9, -1, 0, 1, 12])
def test_a_profile_is_found_where_it_lies(shift: int) -> None:
    wide = bytes(range(0, 240, 5)) + EDGE * 2
    assert best_shift(wide[40:104], wide[40 + shift : 104 + shift]) == (shift, 1.0)


def test_a_flat_profile_is_nowhere_and_another_picture_fits_nowhere() -> None:
    assert best_shift(bytes(64), EDGE) == (0, 1.0)
    wave = bytes(120 + (40 if place % 3 else -40) for place in range(64))
    assert best_shift(wave, EDGE)[1] < FITS


def test_where_no_good_picture_is_known_it_may_be_the_camera(looks: Looks, score: MakeScore) -> None:
    assert looks.may_be_the_camera(score("a", 1, product="hinge", **like()))
    assert looks.may_be_the_camera(score("a", 1, "weld-08", **like()))


def test_bad_pictures_and_golden_ones_are_no_measure(looks: Looks, score: MakeScore) -> None:
    looks.note(score("a", 1, **like(luminance=0.2)))
    looks.note(score("o", 2, golden=f"{'b0' * 32}/good-01", **like(luminance=0.2)))
    assert looks.may_be_the_camera(score("a", 3, **like(luminance=0.21)))


def test_what_is_remembered_is_bounded(score: MakeScore) -> None:
    known = Looks()
    for each in range(MOST + 5):
        known.note(score("o", 0, f"s-{each}", health=GOOD))
    assert len(known._good) == len(known._last) == MOST


def played(score: MakeScore, letters: str, hold_s: float = 5.0, **health: float) -> tuple[Card, MemoryStates]:
    """A good picture, then `letters` whose pictures have that health, each a little otherwise; what is kept then."""
    board, states = Board({"weld-07": Card("weld-07", 0, State("weld-07"))}), MemoryStates()
    handle = Alerting(board, LineFile(None, Policy(multiple=None, clear_after=4)), 300, hold_s=hold_s)
    looks = [like(noise=0.001), *(like(0, **health | {"noise": seq / 1000}) for seq in range(2, 2 + len(letters)))]
    shown = [score(letter, seq, **each) for seq, (letter, each) in enumerate(zip("o" + letters, looks, strict=True))]
    handle([Record("scores", 0, each.seq, b"weld-07", write_event(each)) for each in shown], shown[-1].captured_at)
    card = board.cards["weld-07"]
    states.save([card], shown[-1].captured_at)
    return card, states


def test_bad_parts_in_a_picture_as_before_are_paged_at_once(score: MakeScore) -> None:
    card, states = played(score, "aaa")
    assert (card.holds, list(states.holds.values())) == ({}, [0.0])


def test_bad_parts_in_a_darker_picture_wait(score: MakeScore) -> None:
    _, states = played(score, "aaa", luminance=0.2)
    assert list(states.holds.values()) == [5.0]


def test_they_wait_no_longer_than_the_pictures_take_that_tell_of_a_fault(score: MakeScore) -> None:
    _, states = played(score, "aaa", hold_s=60, luminance=0.2)
    assert list(states.holds.values()) == [(FAULT_AFTER - 3) * 1.0 + SLACK_S]


def test_only_the_first_word_waits(score: MakeScore) -> None:
    _, states = played(score, "aaaoooo", luminance=0.2)
    assert [(name.split("/")[1], wait) for name, wait in states.holds.items()] == [("opened", 5.0), ("resolved", 0.0)]


def test_nothing_waits_where_nobody_wants_it_to(score: MakeScore) -> None:
    _, states = played(score, "aaa", hold_s=0.0, luminance=0.2)
    assert list(states.holds.values()) == [0.0]


def incident(cause: Cause, station: str = "weld-07", **other: object) -> IncidentEvent:
    fields: dict[str, object] = {
        "event_id": "6f0c0e0a-0000-5000-8000-000000000000",
        "incident_id": "6f0c0e0a-0000-5000-8000-000000000000",
        "kind": IncidentKind.OPENED,
        "station": station,
        "cause": cause,
        "severity": Severity.CRITICAL,
        "reason": "began",
        "at": "2026-03-02T14:00:00Z",
        "opened_at": "2026-03-02T14:00:00Z",
    }
    return IncidentEvent.model_validate(fields | other)


@pytest.mark.parametrize(
    ("fault", "explains"),
    [
        (incident(Cause.STATION_BLURRED), True),
        (incident(Cause.STATION_BLURRED, "weld-08"), False),
        (incident(Cause.STATION_DARK, "*", stations=("weld-06", "weld-07")), True),
        (incident(Cause.STATION_DARK, "*", stations=("weld-06", "weld-08")), False),
        (incident(Cause.INSPECTOR_BROKEN, "*"), True),
        (incident(Cause.STATION_BLURRED, severity=Severity.WARNING), False),  # it would call nobody
        (incident(Cause.STATION_BLURRED, drill=True), False),
    ],
)
def test_a_fault_of_the_stations_camera_that_calls_people_as_soon_explains_bad_parts(
    fault: IncidentEvent, explains: bool
) -> None:
    found = list(explaining(incident(Cause.DEFECT_SURGE), [fault]))
    assert found == ([fault] if explains else [])
