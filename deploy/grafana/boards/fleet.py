"""Fleet: every line and station on one screen. Where to look first."""

from boards.asked import (
    ALERTING,
    IMAGE_FAULTS,
    LINE_OF,
    RATE,
    anomalous,
    by_line,
    chosen,
    incidents,
    late,
    missing,
    quantile,
    scored,
    share,
    silence,
)
from boards.frame import away, boards, console, happenings, out, pick, source, to
from boards.panels import BAD, WORSE, Column, number, over_time, steps, table
from boards.shape import Board, Json, Panel, Query, Row

ANY = steps((1, BAD), base="transparent")
SHARES = steps((0.01, WORSE), (0.05, BAD), base="transparent")


def fleet(console_url: str) -> Board:
    """The board."""
    return Board(
        "andon-fleet",
        "Andon / Fleet",
        "Every line and station: what is judged, late, rejected, faulty, drifting, missing. Open a station from here.",
        (
            Row("Now", now()),
            Row("Lines", (lines(),)),
            Row("Stations", (stations(),)),
            Row("Over time", over()),
            Row("Alerts", (alerts(),)),
        ),
        (
            source(),
            pick("line", "Line", "label_values(andon_station_info, line)", every=True),
            console(console_url),
        ),
        happenings("", incidents=False),
        (boards(), out("Console", "${console}", "The board of lamps")),
    )


def now() -> tuple[Panel, ...]:
    """The fleet as eight numbers, of the chosen lines."""
    return (
        number(
            "Stations",
            "Stations that were scored, or that the line file names.",
            "none",
            once(f"count({LINE_OF})"),
        ),
        number("Judged", "Frames that got a verdict.", "suffix: frames/s", once(total(scored())), decimals=1),
        number(
            "Late",
            "Share of verdicts that came after their time (ANDON_DEADLINE_S).",
            "percentunit",
            once(share(total(late()), total(scored()))),
            colours=steps((0.001, WORSE), (0.0144, BAD)),
            decimals=2,
        ),
        number(
            "Rejected",
            "Share of verdicts that are anomalous.",
            "percentunit",
            once(share(total(anomalous()), total(scored()))),
            decimals=1,
        ),
        number(
            "Longest silence",
            "Since the newest frame of the station that is silent longest. A station that was taken down counts until "
            "its partition moves.",
            "s",
            once(f"max({chosen(silence())})"),
            colours=steps((60, WORSE), (300, BAD)),
            decimals=0,
        ),
        number(
            "Open incidents",
            "What people were told of and is not over.",
            "none",
            once(total(incidents())),
            colours=steps((1, WORSE)),
        ),
        number(
            "Frames missing",
            "Captured, and neither scored nor dead-lettered nor skipped, for longer than any retry takes: "
            "`andon ledger` says which and where.",
            "none",
            once(total(missing())),
            colours=steps((1, BAD)),
        ),
        number(
            "Alerts firing",
            "Rules of Prometheus that fire, but for the watchdog, which always does. Of the whole fleet.",
            "none",
            once('count(ALERTS{alertname=~"Andon.+",alertname!="AndonWatchdog",alertstate="firing"}) or vector(0)'),
            colours=steps((1, WORSE)),
        ),
    )


def once(expr: str) -> Query:
    """Its value now."""
    return Query(expr, once=True)


def total(each: str) -> str:
    """Of the chosen lines."""
    return f"sum({chosen(each)})"


def columns(of: str) -> list[Column]:
    """What both tables show; `of` is "line" or "station"."""
    made = by_line if of == "line" else chosen

    def ratio(part: str) -> Query:
        if of == "line":
            return once(f"{by_line(part)} / ({by_line(scored())} > 0)")
        return once(chosen(share(part, scored())))

    return [
        Column("Judged/s", once(made(scored())), "suffix: /s"),
        Column("Late", ratio(late()), "percentunit", SHARES),
        Column("Rejected", ratio(anomalous()), "percentunit"),
        Column("Image faults", once(made(incidents(f'cause=~"{IMAGE_FAULTS}"'))), "none", ANY),
        Column("Open incidents", once(made(incidents())), "none", ANY),
        Column("Drifting", once(made(incidents('cause="drift"'))), "none", steps((1, WORSE), base="transparent")),
        Column("Missing frames", once(made(missing())), "none", ANY),
    ]


def lines() -> Panel:
    """One row per line."""
    count = Column("Stations", once(by_line(LINE_OF)), "none")
    return table(
        "Lines",
        'One row per line; "none" are stations that the line file gives no line. Image faults, incidents and drift '
        "count what is open. An empty cell: the service that would say does not.",
        "line",
        [count, *columns("line")],
        links=[to("andon-fleet", "Only this line", "var-line=${__data.fields.line:percentencode}")],
        sort="Open incidents",
        height=7,
    )


def stations() -> Panel:
    """One row per station, those in trouble first."""
    name: str = "${__data.fields.station}"
    links: list[Json] = [
        to("andon-station", "Station", f"var-station={name}"),
        to("andon-drift", "Drift", f"var-station={name}"),
        away("Console", f"${{console}}/stations/{name}"),
    ]
    return table(
        "Stations",
        "Those with open incidents first. Click a station for its numbers, its drift or its pictures.",
        "station,line",
        [*columns("station"), Column("Last frame", once(chosen(silence())), "s")],
        links=links,
        sort="Open incidents",
        height=11,
    )


def over() -> tuple[Panel, ...]:
    """How it went, by line."""
    age = "andon_frame_age_seconds"
    return (
        over_time(
            "Judged",
            "Frames a second that got a verdict. It should follow what the cameras take.",
            "suffix: frames/s",
            Query(by_line(scored()), "{{line}}"),
            stack=True,
        ),
        over_time(
            "Rejected",
            "Share of verdicts that are anomalous.",
            "percentunit",
            Query(f"{by_line(anomalous())} / ({by_line(scored())} > 0)", "{{line}}"),
            high=0.05,
        ),
        over_time(
            "Late",
            "Share of verdicts after their time (ANDON_DEADLINE_S).",
            "percentunit",
            Query(f"{by_line(late())} / ({by_line(scored())} > 0)", "{{line}}"),
            high=0.01,
        ),
        over_time(
            "Camera to verdict",
            "From capture to verdict, all stations. The dots are single frames: each leads to its trace, where traces "
            "are kept.",
            "s",
            Query(quantile(0.5, age), "half of them within", dots=True),
            Query(quantile(0.99, age), "99 % within"),
        ),
        over_time(
            "Open incidents",
            "What is open, by cause.",
            "none",
            Query("sum by (cause) (max by (station, cause) (andon_incident_open))", "{{cause}}"),
            Query(f"0 * {ALERTING}", "none"),
            stack=True,
        ),
        over_time(
            "Captured and judged",
            "Frames a second that our cameras took, and that got a verdict, of the whole fleet. Apart for long: the "
            "inspection does not keep up, or stands. Frames of other producers are only judged.",
            "suffix: frames/s",
            Query(f"sum(rate(andon_frames_captured_total{RATE}))", "captured"),
            Query(f"sum(rate(andon_frames_scored_total{RATE}))", "judged"),
        ),
    )


def alerts() -> Panel:
    """What fires in Prometheus."""
    firing = 'max by (alertname, severity, station) (ALERTS{alertname=~"Andon.+",alertstate="firing"})'
    return table(
        "Alerts firing",
        "Rules of Prometheus that fire. AndonWatchdog always does: where it is missing, Prometheus does not evaluate "
        "them. Each has its runbook in Alertmanager.",
        "alertname,severity,station",
        [Column("Firing", once(firing), "none")],
        height=6,
    )
