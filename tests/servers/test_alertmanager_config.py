"""deploy/alertmanager/alertmanager.yml as Alertmanager's own tools see it: as it is, and with its examples taken."""

import re
import subprocess
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import pytest

from andon_demo.servers import tools
from andon_demo.servers.alertmanager import Alertmanager
from andon_demo.servers.supervise import Servers

pytestmark = pytest.mark.servers
CONFIG = tools.deploy_folder() / "alertmanager" / "alertmanager.yml"
INCIDENT = {"alertname": "AndonIncident", "site": "north", "line": "press-shop", "place": "press-shop"}


def amtool(*arguments: str) -> str:
    done = subprocess.run(["amtool", *arguments], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def filled_in(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The configuration with every example taken."""
    file = tmp_path_factory.mktemp("alertmanager") / "alertmanager.yml"
    file.write_text(re.sub(r"(?m)^( *)#: ?", r"\1", CONFIG.read_text()))
    return file


def test_it_is_right_as_it_is_and_with_its_examples_taken(filled_in: Path) -> None:
    assert "8 inhibit rules" in amtool("check-config", str(CONFIG))
    said = amtool("check-config", str(filled_in))
    assert "8 receivers" in said
    assert "global config" in said
    assert all(each in filled_in.read_text() for each in ("pagerduty", "opsgenie", "slack", "email"))


def test_with_the_webhook_of_andon_servers_run_it_is_right_too(tmp_path: Path) -> None:
    file = tmp_path / "alertmanager.yml"
    file.write_text(Alertmanager("http://127.0.0.1:9/x").render(CONFIG.read_text()))
    amtool("check-config", str(file))
    tail = file.read_text()[file.read_text().index("  - name: people") :]
    assert 'url: "http://127.0.0.1:9/x"' in tail


def test_no_secret_stands_in_it(filled_in: Path) -> None:
    words = re.findall(r"(?m)^ *(?:- )?(\w*(?:key|password|api_url|token)\w*):", filled_in.read_text())
    assert words
    assert all(each.endswith("_file") for each in words)


@pytest.mark.parametrize(
    ("labels", "as_it_is", "with_examples"),
    [
        ({"alertname": "AndonWatchdog", "severity": "none", "service": "alerting"}, "watchdog", "watchdog"),
        (
            {"alertname": "AndonWatchdog", "severity": "none", "service": "prometheus"},
            "watchdog-prometheus",
            "watchdog-prometheus",
        ),
        ({"alertname": "AndonStationSilent", "station": "w-7", "severity": "critical"}, "people", "pager"),
        ({"alertname": "AndonLagGrowing", "topic": "scores", "severity": "warning"}, "people", "mail"),
        (INCIDENT | {"severity": "critical", "drill": "true"}, "drill", "drill"),
        (INCIDENT | {"severity": "critical", "drill": "true", "route": "electricians"}, "drill", "drill"),
        (INCIDENT | {"severity": "critical"}, "people", "pager"),
        (INCIDENT | {"severity": "warning", "route": "electricians"}, "people", "electricians"),
        (INCIDENT | {"severity": "critical", "line": "press-2"}, "people", "pager"),
        (INCIDENT | {"severity": "warning", "line": "press-2"}, "people", "chat"),
        (INCIDENT | {"severity": "warning", "line": "weld"}, "people", "mail"),
        (INCIDENT | {"severity": "critical", "line": "weld"}, "people", "pager"),
        ({"alertname": "AndonIncident", "station": "w-7", "place": "w-7", "severity": "critical"}, "people", "pager"),
        ({"alertname": "AndonIncident", "station": "w-7", "place": "w-7", "severity": "warning"}, "people", "mail"),
        ({"alertname": "AndonNotice", "station": "*", "place": "*", "severity": "info"}, "people", "people"),
    ],
)
def test_who_is_told(labels: dict[str, str], as_it_is: str, with_examples: str, filled_in: Path) -> None:
    said = [f"{name}={value}" for name, value in labels.items()]
    for file, receiver in ((CONFIG, as_it_is), (filled_in, with_examples)):
        amtool("config", "routes", "test", f"--config.file={file}", f"--verify.receivers={receiver}", *said)


@pytest.fixture(scope="module")
def alertmanager() -> Iterator[str]:
    with Servers([Alertmanager(group_wait_s=0.1)]) as servers:
        yield servers.alertmanager.url


Shown = Callable[..., dict[str, bool]]


@pytest.fixture
def inhibited(alertmanager: str) -> Shown:
    """Fires alerts and answers, by name, whether each is held back."""

    def look(**fired: dict[str, str]) -> dict[str, bool]:
        ends = (datetime.now(UTC) + timedelta(minutes=1)).isoformat()
        test = uuid4().hex
        labels = {name: {"alertname": "AndonIncident"} | each | {"name": name} for name, each in fired.items()}
        alerts = [{"labels": each | {"test": test}, "endsAt": ends} for each in labels.values()]
        httpx.post(f"{alertmanager}/api/v2/alerts", json=alerts).raise_for_status()
        query: dict[str, Any] = {"filter": f'test="{test}"'}
        answer: dict[str, bool] = {}
        deadline = time.monotonic() + 1.0  # its inhibitor hears of alerts a moment after its API
        while not any(answer.values()) and time.monotonic() < deadline:
            found = httpx.get(f"{alertmanager}/api/v2/alerts", params=query).json()
            answer = {each["labels"]["name"]: bool(each["status"]["inhibitedBy"]) for each in found}
        return answer

    return look


def at(station: str, cause: str, line: str = "press", **more: str) -> dict[str, str]:
    return {"site": "north", "line": line, "station": station, "cause": cause, **more}


def test_a_line_that_is_dark_holds_back_its_own_dark_stations_only(inhibited: Shown) -> None:
    assert inhibited(
        line=at("*", "station_dark", "l-1"),
        station=at("p-1", "station_dark", "l-1"),
        other_cause=at("p-1", "camera_moved", "l-1"),
        other_line=at("w-1", "station_dark", "l-2"),
        rehearsed=at("drill.p-1", "station_dark", "l-1", drill="true"),
    ) == {"line": False, "station": True, "other_cause": False, "other_line": False, "rehearsed": False}


def test_a_rehearsal_holds_back_no_real_page(inhibited: Shown) -> None:
    assert inhibited(rehearsed=at("*", "drift", "l-3", drill="true"), real=at("p-1", "drift", "l-3")) == {
        "rehearsed": False,
        "real": False,
    }


def test_what_concerns_everything_holds_back_each_station(inhibited: Shown) -> None:
    assert inhibited(
        everything={"station": "*", "cause": "evidence_at_risk"}, station=at("q-1", "evidence_at_risk", "l-4")
    ) == {"everything": False, "station": True}


def test_what_drifts_at_a_station_beside_what_its_line_shares_is_told(inhibited: Shown) -> None:
    assert inhibited(
        line=at("*", "drift", "l-5"), station=at("d-1", "drift", "l-5"), site={"station": "*", "cause": "drift"}
    ) == {"line": False, "station": False, "site": False}


def test_a_surge_holds_back_the_worst_of_its_own_parts_and_that_they_are_many(inhibited: Shown) -> None:
    assert inhibited(
        surge=at("r-1", "defect_surge"),
        severe=at("r-1", "severe_defect"),
        many=at("r-1", "reject_rate"),
        next_door=at("r-2", "severe_defect"),
    ) == {"surge": False, "severe": True, "many": True, "next_door": False}


@pytest.mark.parametrize("cause", ["inspector_broken", "station_frozen", "station_dark"])
def test_an_inspector_that_cannot_see_holds_back_what_it_says_of_the_parts(cause: str, inhibited: Shown) -> None:
    station = f"s-{cause}"
    assert inhibited(
        blind=at(station, cause),
        surge=at(station, "defect_surge"),
        drift=at(station, "drift"),
        silent=at(station, "station_silent"),
    ) == {"blind": False, "surge": True, "drift": True, "silent": False}


def rule(alertname: str, **labels: str) -> dict[str, str]:
    """What a rule of Prometheus fires: no incident, no site, no line."""
    return {"alertname": alertname, **labels}


def test_a_rule_is_held_back_while_alerting_tells_of_the_same_at_the_same_station(inhibited: Shown) -> None:
    assert inhibited(
        told=at("t-1", "station_silent"),
        same=rule("AndonStationSilent", station="t-1", cause="station_silent"),
        next_door=rule("AndonStationSilent", station="t-2", cause="station_silent"),
        other_cause=rule("AndonImageFault", station="t-1", cause="camera_moved"),
        of_no_cause=rule("AndonDeadLettersGrowing", stage="preprocess"),
    ) == {"told": False, "same": True, "next_door": False, "other_cause": False, "of_no_cause": False}


def test_a_rule_is_held_back_while_alerting_tells_of_its_whole_line(inhibited: Shown) -> None:
    assert inhibited(
        line=at("*", "inspector_broken", "l-6"),
        rule=rule("AndonInspectorBroken", station="u-1", cause="inspector_broken"),
    ) == {"line": False, "rule": True}


def test_a_rule_that_knows_no_station_is_held_back_by_any_that_is_told(inhibited: Shown) -> None:
    refused = at("v-1", "bundle_refused", "l-7", alertname="AndonBundleRefused")
    assert inhibited(
        refused=refused,
        rule=rule("AndonBundleCannotServe", cause="bundle_refused"),
    ) == {"refused": False, "rule": True}


def test_neither_news_nor_a_rehearsal_nor_another_rule_holds_a_rule_back(inhibited: Shown) -> None:
    assert inhibited(
        news=at("x-1", "reject_rate", alertname="AndonNotice"),
        rehearsed=at("x-1", "reject_rate", drill="true"),
        harm=rule("AndonDriftWithRejects", station="x-1", cause="reject_rate"),
        slow=rule("AndonDrift", station="x-1", cause="reject_rate"),
    ) == {"news": False, "rehearsed": False, "harm": False, "slow": False}


def test_that_nobody_is_paged_says_that_alerting_is_down(inhibited: Shown) -> None:
    assert inhibited(
        nobody=rule("AndonNobodyIsPaged"),
        alerting=rule("AndonServiceDown", service="alerting"),
        scoring=rule("AndonServiceDown", service="scoring"),
    ) == {"nobody": False, "alerting": True, "scoring": False}
