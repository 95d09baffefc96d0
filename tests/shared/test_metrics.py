"""What may be a metric of Andon: names that Prometheus' own rules allow, and no more series than people can pay for."""

import pytest
from prometheus_client import CollectorRegistry, Counter

from andon.metrics import Metrics
from andon.records import Verdict
from andon.testing.crowd import OF_ALL, OF_STATION, Labelled, Labels, children, families, fill, series

Family = tuple[str, Labels, Labelled]
ALL = list(families(Metrics(CollectorRegistry())))
UNITS = ("seconds", "bytes", "ratio", "pixels", "records", "frames", "timestamp_seconds", "info")
"""What the name of a gauge or a histogram ends in; `timestamp_seconds` says when something last was, `info` is 1."""

NO_UNIT = {
    # counts of things, called as what they count
    "bundles_loaded",
    "evidence_incidents",
    "incidents_open",
    "pages_waiting",
    "stations_without_bundle",
    "training_jobs",
    "trials_running",
    # 1 or 0
    "drift_active",
    "drift_state",
    "image_fault",
    "incident_open",
    "line_file_valid",
    "machine_connected",
    # numbers without a unit, and the shares that people on the floor call rates
    "drift_limit",
    "drift_statistic",
    "escape_rate",
    "escape_rate_high",
    "escape_rate_low",
    "false_call_budget",
    "false_call_rate",
    "false_call_rate_high",
    "false_call_rate_low",
    "image_luminance",
    "image_luminance_limit",
    "image_sharpness",
    "image_sharpness_limit",
    "dead_letters_waiting",
}


@pytest.mark.parametrize("family", ALL, ids=lambda each: str(each[0]))
def test_a_name_ends_in_its_unit(family: Family):
    name, _, metric = family
    if isinstance(metric, Counter):
        assert next(iter(metric.describe())).name == f"andon_{name}"
        assert not name.endswith(("_total", "_count", "_sum"))
    else:
        assert name in NO_UNIT or name.endswith(tuple(f"_{unit}" for unit in UNITS))
        assert not name.endswith(("_total", "_count", "_sum", "_bucket"))
    assert name == name.lower()


@pytest.mark.parametrize("family", ALL, ids=lambda each: str(each[0]))
def test_it_says_what_it_is_and_no_label_names_a_frame_a_part_a_trace_or_a_bundle(family: Family):
    _, labels, metric = family
    assert not {"frame", "frame_id", "part", "trace_id", "bundle", "digest", "incident", "seq"} & set(labels)
    assert metric._documentation.endswith(".")


@pytest.mark.parametrize("family", ALL, ids=lambda each: str(each[0]))
def test_whoever_adds_a_label_says_how_many_values_it_takes(family: Family):
    """In andon.testing.crowd, where a label that is not known is a KeyError."""
    name, labels, _ = family
    assert children(name, labels) > 0


def test_a_label_that_nobody_has_thought_through_is_found():
    with pytest.raises(KeyError):
        children("frames_scored", ("station", "verdict", "operator"))


@pytest.fixture(scope="module")
def sizes() -> list[int]:
    """The series of a registry with no station, with one, and with 200."""
    made = [Metrics(CollectorRegistry()) for _ in range(3)]
    for metrics, stations in zip(made, (0, 1, 200), strict=True):
        fill(metrics, stations)
    return [series(metrics) for metrics in made]


def test_a_station_costs_at_most_three_hundred_series(sizes: list[int]):
    none, one, _ = sizes
    assert 200 < one - none <= OF_STATION


def test_a_factory_of_two_hundred_stations_stays_below_sixty_thousand_series(sizes: list[int]):
    assert sizes[2] < OF_ALL


def test_one_label_more_on_a_station_s_histogram_would_be_noticed(sizes: list[int]):
    """The bound is near enough: the ratio by verdict would break it."""
    ratio = Metrics(CollectorRegistry()).score_ratio.labels("press-1")
    more = (len(Verdict) - 1) * len(list(ratio._child_samples()))
    assert sizes[1] - sizes[0] + more > OF_STATION


def test_what_has_no_labels_counts_from_nought():
    registry = CollectorRegistry()
    Metrics(registry)
    assert registry.get_sample_value("andon_bundles_refused_total") == 0
    assert registry.get_sample_value("andon_state_rebuilds_total") == 0


def test_no_series_tells_when_it_was_made():
    """A third more series, for a number that nothing reads."""
    metrics = Metrics(CollectorRegistry())
    fill(metrics, 1)
    assert not [
        one.name for each in metrics.registry.collect() for one in each.samples if one.name.endswith("_created")
    ]
