"""Which stations have their line in `andon_station_info`: those that a pattern holds for too, once they are seen."""

from pathlib import Path

from prometheus_client import CollectorRegistry

from andon.by_station import MOST_STATIONS
from andon.line import LineFile
from andon.line.policy import Policy
from andon.metrics import Metrics
from andon_alerting.standing import EVERY_S, Standing, StationsShown

WORDS = """\
line: press-shop
stations:
  weld-*:
    line: body-shop
  saw-1: {}
"""


def shown(metrics: Metrics) -> dict[str, str]:
    """The line of every station that is shown."""
    samples = (sample for family in metrics.station_info.collect() for sample in family.samples)
    return {sample.labels["station"]: sample.labels["line"] for sample in samples}


def test_a_station_that_only_a_pattern_or_the_defaults_hold_for_has_its_line_once_it_is_seen(tmp_path: Path):
    (tmp_path / "line.yaml").write_text(WORDS)
    metrics, clock, seen = Metrics(CollectorRegistry()), [0.0], set[str]()
    show = StationsShown(metrics, LineFile(tmp_path / "line.yaml", Policy()), lambda: clock[0], lambda: seen)
    show()
    assert shown(metrics) == {"saw-1": "press-shop"}
    seen |= {"weld-07", "lathe-3", "saw-1", "drill.weld-07"}
    clock[0] += EVERY_S
    show()
    assert shown(metrics) == {"saw-1": "press-shop", "weld-07": "body-shop", "lathe-3": "press-shop"}
    seen.clear()
    clock[0] += EVERY_S
    show()
    assert shown(metrics) == {"saw-1": "press-shop"}


def test_a_station_is_seen_by_its_scores_whether_or_not_anything_is_open_until_its_partition_goes():
    standing = Standing(Metrics(CollectorRegistry()))
    standing.put("scores", "weld-07", 1, [])
    standing.put("scores", "saw-1", 2, [("saw-1", "drift")])
    standing.put("findings", "saw-1/a-product", 2, [])
    assert standing.heard("scores") == ["weld-07", "saw-1"]
    standing.keep("scores", {2})
    assert standing.heard("scores") == ["saw-1"]


def test_whoever_invents_stations_fills_no_memory():
    standing = Standing(Metrics(CollectorRegistry()))
    for number in range(MOST_STATIONS + 10):
        standing.put("scores", f"invented-{number}", 0, [])
    assert len(standing.heard("scores")) == MOST_STATIONS
