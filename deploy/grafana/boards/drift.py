"""Drift: what a station's numbers are measured against, and how far they are from it."""

from boards.asked import RATE, STATIONS
from boards.frame import boards, console, happenings, marked, out, pick, source
from boards.panels import BAD, WORSE, Column, number, over_time, states, steps, table
from boards.shape import Board, Panel, Query, Row

ONE = 'station="$station"'
SOME = f'{ONE},feature=~"$feature",chart=~"$chart"'
KEYS = "feature, chart"
DAY_S = 86_400


def drift(console_url: str) -> Board:
    """The board."""
    charts = f"andon_drift_limit{{{ONE}}}"
    relearned = f"max by (station) (changes(andon_drift_reference_timestamp_seconds{{{ONE}}}[2m])) > 0"
    return Board(
        "andon-drift",
        "Andon / Drift",
        "One station's numbers against its reference: every chart's statistic over its limit, how far it is watched, "
        "and what the charts promise.",
        (
            Row("Reference", reference()),
            Row("Charts: 1 is the limit", (against_limits(),)),
            Row("Alarms", alarms()),
        ),
        (
            source(),
            pick("line", "Line", "label_values(andon_station_info, line)", every=True),
            pick("station", "Station", f"label_values({STATIONS}, station)"),
            pick("chart", "Chart", f"label_values({charts}, chart)", every=True, multi=True),
            pick("feature", "Number", f"label_values({charts}, feature)", every=True, multi=True),
            console(console_url),
        ),
        (
            *happenings(ONE),
            marked("References", "green", relearned, "Learned anew", "{{station}}: another reference from here on"),
        ),
        (boards(), out("Drift in the console", "${console}/stations/${station}/drift", "Named, with its pictures")),
        since="now-24h",
    )


def reference() -> tuple[Panel, ...]:
    """What it is measured against, and how far it is watched."""
    state = "no_reference: nothing to learn from; learning: frames are collected; active: watched; stale: old, or at "
    return (
        number(
            "State",
            f"{state}another rate than the promise was computed for (docs/drift.md).",
            "none",
            Query(f"max by (state) (andon_drift_state{{{ONE}}}) == 1", "{{state}}", once=True),
            width=4,
            name=True,
        ),
        number(
            "Learned",
            "Share of the frames that a reference wants; 100 % once it is frozen.",
            "percentunit",
            Query(f"max(andon_drift_learning_ratio{{{ONE}}})", once=True),
            width=4,
            decimals=0,
        ),
        number(
            "Reference age",
            "Since its last frame was taken. After 180 days it is stale.",
            "s",
            Query(f"time() - max(andon_drift_reference_timestamp_seconds{{{ONE}}})", once=True),
            colours=steps((180 * DAY_S, WORSE)),
            width=4,
            empty="none yet",
        ),
        number(
            "Reference frames",
            "Frames it was learned from.",
            "short",
            Query(f"max(andon_drift_reference_frames{{{ONE}}})", once=True),
            width=4,
            empty="none yet",
        ),
        number(
            "A false ticket every",
            "What the charts promise: the mean time between two drift tickets when nothing changes.",
            "s",
            Query(f"max(andon_drift_false_alarm_seconds{{{ONE}}})", once=True),
            width=4,
            empty="none yet",
        ),
        number(
            "Charts alarming",
            "Numbers that drift now. One alone may be no incident: an alarm counts when the change matters.",
            "none",
            Query(f"sum(max by ({KEYS}) (andon_drift_active{{{ONE}}}))", once=True),
            colours=steps((1, BAD)),
            width=4,
            empty="none yet",
        ),
        states(
            "How far it is watched",
            "The state, over time.",
            Query(f"max by (state) (andon_drift_state{{{ONE}}}) == 1", "{{state}}"),
            words={1: ("so", "blue")},
            height=5,
        ),
    )


def against_limits() -> Panel:
    """One panel for each chart."""
    return over_time(
        "Statistic over limit: $chart",
        "One line for each number. Above 1 the chart alarms; what creeps towards 1 will.",
        "suffix: x",
        Query(
            f"max by ({KEYS}) (andon_drift_statistic{{{SOME}}}) / (max by ({KEYS}) (andon_drift_limit{{{SOME}}}) > 0)",
            "{{feature}}",
        ),
        width=24,
        height=9,
        limit=1,
        repeat="chart",
        empty="no reference yet",
    )


def alarms() -> tuple[Panel, ...]:
    """What alarmed, and what was told."""
    over = f"max by ({KEYS}) (andon_drift_statistic{{{ONE}}}) / (max by ({KEYS}) (andon_drift_limit{{{ONE}}}) > 0)"
    told = f"sum by ({KEYS}) (increase(andon_drift_detections_total{{{ONE}}}[$__range]))"
    return (
        table(
            "Numbers, nearest to their limit first",
            "Every chart of every number: its statistic over its limit now, whether it alarms, and how often it was "
            "told in the time shown.",
            "feature,chart",
            [
                Column(
                    "Over limit", Query(over, once=True), "suffix: x", steps((0.8, WORSE), (1, BAD), base="transparent")
                ),
                Column("Alarms", Query(f"max by ({KEYS}) (andon_drift_active{{{ONE}}})", once=True), "bool_yes_no"),
                Column("Told", Query(told, once=True), "none"),
            ],
            sort="Over limit",
            width=12,
            height=10,
        ),
        over_time(
            "Faults of the camera",
            "Pictures a minute found dark, bright, blurred, frozen or moved.",
            "suffix: /min",
            Query(f"60 * sum by (cause) (rate(andon_findings_total{{{ONE}}}{RATE}))", "{{cause}}"),
            width=6,
            height=10,
            empty="none found",
        ),
        over_time(
            "Readings of sensors",
            "Readings a minute beside this station: taken, late (not newer than others), ahead (from the future).",
            "suffix: /min",
            Query(f"60 * sum by (outcome) (rate(andon_readings_total{{{ONE}}}{RATE}))", "{{outcome}}"),
            width=6,
            height=10,
            empty="no sensors",
        ),
    )
