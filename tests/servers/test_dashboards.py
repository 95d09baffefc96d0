"""What the dashboards' joins say, asked of Prometheus' own engine: lines, stations without one, what nobody knows."""

import re
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest
import yaml

pytestmark = pytest.mark.servers
GRAFANA = Path(__file__).parents[2] / "deploy" / "grafana"
ALL = ".*"
WELD = 'andon_station_info{station="weld-07",line="press-shop"}'
Said = Mapping[str, float]


@pytest.fixture(scope="module", autouse=True)
def builder() -> Iterator[None]:
    """deploy/grafana on the path, as for `python deploy/grafana/build.py`."""
    sys.path.insert(0, str(GRAFANA))
    yield
    sys.path.remove(str(GRAFANA))


def check(folder: Path, scraped: Mapping[str, str], expr: str, said: Said, line: str = ALL) -> None:
    """That `expr` says this after two minutes in which `scraped` was so, in promtool's notation, with `line` chosen."""
    asked = re.sub(r"\$(\w+)", lambda name: {"line": line, "__rate_interval": "1m"}[name[1]], expr)
    samples = [{"labels": labels, "value": value} for labels, value in said.items()]
    told = {
        "evaluation_interval": "15s",
        "tests": [
            {
                "interval": "15s",
                "input_series": [{"series": series, "values": values} for series, values in scraped.items()],
                "promql_expr_test": [{"expr": asked, "eval_time": "2m", "exp_samples": samples}],
            }
        ],
    }
    (folder / "told.yml").write_text(yaml.safe_dump(told))
    done = subprocess.run(["promtool", "test", "rules", "told.yml"], cwd=folder, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


def frames(station: str, each_15_s: int, verdict: str = "ok", job: str = "scoring") -> dict[str, str]:
    """A station whose verdicts grow by so many in 15 s."""
    series = f'andon_frames_scored_total{{station="{station}",verdict="{verdict}",instance="{job}"}}'
    return {series: f"0+{each_15_s}x20"}


TWO = {**frames("weld-07", 15), **frames("saw-1", 30), WELD: "1x20"}
BY_LINE = {'{line="press-shop"}': 1.0, '{line="none"}': 2.0}


def test_a_station_counts_for_its_line_and_one_that_has_none_for_none(tmp_path: Path):
    from boards.asked import by_line, scored

    check(tmp_path, TWO, by_line(scored()), BY_LINE)


def test_a_chosen_line_leaves_its_own_stations(tmp_path: Path):
    from boards.asked import by_line, chosen, scored

    check(tmp_path, TWO, by_line(scored()), {'{line="press-shop"}': 1.0}, line="press-shop")
    one = {'{station="weld-07", line="press-shop"}': 1.0}
    check(tmp_path, TWO, chosen(scored()), one, line="press-shop")


def test_with_alerting_dead_every_station_still_shows(tmp_path: Path):
    from boards.asked import by_line, scored

    check(tmp_path, {**TWO, WELD: "1x2 stale"}, by_line(scored()), {'{line="none"}': 3.0})


def test_rehearsals_are_nobodys_stations(tmp_path: Path):
    from boards.asked import by_line, scored

    check(tmp_path, {**TWO, **frames("drill.weld-07", 300)}, by_line(scored()), BY_LINE)


def test_frames_of_two_processes_add_up_and_their_gauges_do_not(tmp_path: Path):
    from boards.asked import chosen, missing, scored

    twice = {**frames("saw-1", 15), **frames("saw-1", 15, job="other")}
    twice |= {f'andon_ledger_missing_frames{{station="saw-1",instance="{name}"}}': "3x20" for name in "ab"}
    check(tmp_path, twice, chosen(scored()), {'{station="saw-1", line="none"}': 2.0})
    check(tmp_path, twice, chosen(missing()), {'{station="saw-1", line="none"}': 3.0})


def test_a_station_that_rejects_nothing_rejects_none_of_it(tmp_path: Path):
    from boards.asked import anomalous, chosen, scored, share

    both = {**frames("saw-1", 15), **frames("weld-07", 9), **frames("weld-07", 1, "anomalous")}
    said = {'{station="saw-1", line="none"}': 0.0, '{station="weld-07", line="none"}': 0.1}
    check(tmp_path, both, chosen(share(anomalous(), scored())), said)


def test_a_station_that_stands_still_has_no_share(tmp_path: Path):
    from boards.asked import anomalous, scored, share

    check(tmp_path, frames("saw-1", 0), share(anomalous(), scored()), {})


def test_incidents_are_counted_by_what_is_open_and_none_is_zero_only_where_alerting_says_so(tmp_path: Path):
    from boards.asked import incidents

    open_now = {
        f'andon_incident_open{{station="weld-07",cause="{cause}",instance="{name}"}}': "1x20"
        for cause in ("drift", "defect_surge")
        for name in "ab"
    }
    both = {**frames("weld-07", 15), **frames("saw-1", 15)}
    alerting = {'andon_build_info{service="alerting"}': "1x20"}
    check(tmp_path, both | open_now | alerting, incidents(), {'{station="weld-07"}': 2.0, '{station="saw-1"}': 0.0})
    drifting = {'{station="weld-07"}': 1.0, '{station="saw-1"}': 0.0}
    check(tmp_path, both | open_now | alerting, incidents('cause="drift"'), drifting)
    check(tmp_path, both, incidents(), {})
