"""A rolling restart under load: nothing is lost, nobody is paged twice, and no station is blind for long."""

import sys
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import pytest
from rolled_line import Cameras, Rolled, fleet_of, longest_blind_s, of_every_service, timed

from andon.records import Score
from andon.topics import DEAD_LETTERS, FRAMES, SCORES
from andon_demo.trial import Trial

pytestmark = [pytest.mark.servers, pytest.mark.timeout(900)]

STATIONS = tuple(f"press-{number}" for number in range(4))
BLIND_S = 30.0
"""A station without a verdict for longer is not inspected."""

ONE_EACH = ("ingest", "preprocess", "scoring", "alerting")
TWO_EACH = ("preprocess", "scoring", "shadow-scoring", "drift", "alerting", "evidence", "ledger-watch", "console")
EVERY = ("ingest", *TWO_EACH, "heartbeat", "trainer")


def judged_by_part(scores: Sequence[Score]) -> None:
    """Fails unless every score is that of its own picture, whose level stands in the part's number."""
    for score in (each for each in scores if each.golden is None):
        level = int((score.part or "").split("-")[-1])
        assert score.score == pytest.approx(level, abs=3)


def roll(
    trial: Trial,
    picture: Callable[[int], tuple[int, bytes]],
    pages: Any,
    recompute: Callable[[], Any],
    *,
    running: Sequence[str],
    replaced: Sequence[str],
    a_second: float,
) -> dict[str, float]:
    """Replaces services while parts come; answers for how long a station was blind meanwhile, by service."""
    rolled: list[Rolled] = []
    with fleet_of(trial) as fleet:
        fleet.start(*running)
        with Cameras(fleet.doors, picture, a_second).pushing(STATIONS) as cameras:
            trial.until(lambda: trial.count(SCORES) > 60, "scores to flow")
            for name in replaced:
                reached = trial.count(SCORES) + 40
                with timed(name, rolled):
                    fleet.replace(name)
                trial.until(lambda: trial.count(SCORES) > reached, "scores to go on")  # noqa: B023
            trial.until(lambda: pages.told, "the first page")
        for each in list(fleet.running["heartbeat"]):
            fleet.end("heartbeat", each)
        ledger = trial.settled(trial.count(FRAMES))
        fleet.check()

        assert cameras.failed == []
        assert ledger.faults() == {}
        assert trial.count(DEAD_LETTERS) == 0
        assert set(cameras.taken) <= {
            (each.station, each.epoch, each.seq) for scores in ledger.scores.values() for each in scores
        }
        judged_by_part([score for scores in ledger.scores.values() for score in scores])
        expected = recompute()
        trial.until(lambda: expected.pages <= pages.told.keys(), "every page to be told")
        assert pages.told.keys() == expected.pages
        assert pages.repeats == 0
    return longest_blind_s(trial, rolled)


def show(blind: Mapping[str, float], capsys: pytest.CaptureFixture[str]) -> None:
    """Tells the figures, whatever is captured."""
    with capsys.disabled():
        lines = [f"  {name:16} {seconds:5.1f} s" for name, seconds in blind.items()]
        sys.stdout.write("\n".join(["\nlongest time without a score at a station, by what was replaced:", *lines, ""]))


def test_a_rolling_restart_loses_nothing_pages_nobody_twice_and_blinds_no_station(
    trial: Trial, pages: Any, picture: Any, recompute: Callable[[], Any], capsys: pytest.CaptureFixture[str]
) -> None:
    blind = roll(trial, picture, pages, recompute, running=ONE_EACH, replaced=ONE_EACH, a_second=8)
    show(blind, capsys)
    assert blind.keys() == set(ONE_EACH)
    assert max(blind.values()) < BLIND_S, blind


@pytest.mark.nightly
def test_a_rolling_restart_of_every_service_at_two_replicas(
    trial: Trial, pages: Any, picture: Any, books: Any, recompute: Callable[[], Any], capsys: pytest.CaptureFixture[str]
) -> None:
    trial.env |= of_every_service(trial)
    blind = roll(trial, picture, pages, recompute, running=(*EVERY, *TWO_EACH), replaced=EVERY, a_second=5)
    show(blind, capsys)
    assert books.told() == []
    assert max(blind.values()) < BLIND_S, blind
