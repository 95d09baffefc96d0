"""Counting by station, within bounds."""

from prometheus_client import CollectorRegistry

from andon.by_station import OTHERS, ByStation
from andon.errors import Invalid
from andon.ids import station_id
from andon.metrics import Metrics


def test_a_station_s_labels_are_looked_up_once():
    asked: list[str] = []

    def made(station: str) -> list[str]:
        asked.append(station)
        return [station]

    of = ByStation(made)
    assert of("weld-07") is of("weld-07")
    assert asked == ["weld-07"]


def test_whoever_invents_stations_fills_one_series_and_those_that_came_first_keep_theirs():
    registry = CollectorRegistry()
    of = ByStation(Metrics(registry).frames_late.labels, most=3)
    for name in ("weld-1", "weld-2", "weld-3", *(f"invented-{number}" for number in range(500)), "weld-2"):
        of(name).inc()

    def late(station: str) -> float | None:
        return registry.get_sample_value("andon_frames_late_total", {"station": station})

    assert (late("weld-2"), late(OTHERS), late("invented-0")) == (2, 500, None)


def test_no_station_can_be_called_as_the_others_are():
    try:
        station_id(OTHERS)
    except Invalid:
        return
    raise AssertionError(OTHERS)
