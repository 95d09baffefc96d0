"""An upgrade and a rollback under load: this version and the one before run side by side, service by service."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from rolled_line import Cameras, Fleet, fleet_of, of_every_service
from version_before import code_before

from andon.topics import DEAD_LETTERS, FRAMES, SCORES
from andon_alerting.policy import State
from andon_demo.trial import Trial

pytestmark = [pytest.mark.servers, pytest.mark.nightly, pytest.mark.timeout(1200)]

STATIONS = tuple(f"press-{number}" for number in range(4))
ORDER = (
    "console",
    "evidence",
    "ledger-watch",
    "drift",
    "alerting",
    "shadow-scoring",
    "scoring",
    "preprocess",
    "ingest",
    "heartbeat",
    "trainer",
)
"""As docs/operating.md gives it: whoever reads goes before whoever writes. Back in the opposite order."""
REBUILDS = "andon_state_rebuilds_total"


@pytest.fixture(scope="module")
def before(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The sources of the version before."""
    return code_before(tmp_path_factory.mktemp("before"))


def more_scores(trial: Trial, count: int = 40) -> None:
    """Returns when so many frames more have been scored."""
    reached = trial.count(SCORES) + count
    trial.until(lambda: trial.count(SCORES) > reached, f"{count} scores more")


def take_over(trial: Trial, fleet: Fleet, names: Sequence[str], code: Path | None) -> None:
    """One service after another; old and new share the group of each for a while, where two may be."""
    for name in names:
        (old,) = fleet.running[name]
        fleet.replace(name, code, meanwhile=lambda: more_scores(trial))
        more_scores(trial)
        fleet.check()
        assert fleet.running[name] != [old]


def untraced(states: Mapping[str, State]) -> dict[str, State]:
    """Without the traces of open incidents, which stand in headers and not in scores."""
    bare = {name: tuple(replace(each, traceparent=None) for each in state.open) for name, state in states.items()}
    return {name: replace(state, open=bare[name]) for name, state in states.items()}


def test_services_of_two_versions_share_a_line_on_the_way_there_and_back(
    trial: Trial,
    pages: Any,
    books: Any,
    picture: Callable[[int], tuple[int, bytes]],
    recompute: Callable[[], Any],
    in_redis: Callable[[Sequence[str]], Any],
    before: Path,
) -> None:
    trial.env |= of_every_service(trial)
    with fleet_of(trial) as fleet:
        fleet.start(*ORDER, code=before)
        with Cameras(fleet.doors, picture, 4).pushing(STATIONS) as cameras:
            more_scores(trial, 60)
            take_over(trial, fleet, ORDER, None)
            take_over(trial, fleet, ORDER[::-1], before)
        for each in list(fleet.running["heartbeat"]):
            fleet.end("heartbeat", each)
        ledger = trial.settled(trial.count(FRAMES))
        fleet.check()

        assert cameras.failed == []
        assert ledger.faults() == {}
        assert trial.count(DEAD_LETTERS) == 0
        assert books.told() == []
        expected = recompute()
        assert len(expected.pages) > 4  # defects came all the while
        trial.until(lambda: expected.pages <= pages.told.keys(), "every page to be told")
        assert pages.told.keys() == expected.pages
        assert pages.repeats == 0
        assert untraced(in_redis(list(expected.states))) == untraced(expected.states)
        assert [each.gauge(REBUILDS) for each in fleet.running["alerting"]] == [0]  # it could read what it found
