"""Station: what one camera's frames go through, how they score, how its pictures are, what is open."""

from boards.asked import ALERTING, RATE, STATIONS, quantile, scored, share
from boards.frame import boards, console, happenings, out, pick, source
from boards.panels import BAD, VERDICTS, WORSE, Band, heat, number, over_time, states, steps, words
from boards.shape import Board, Panel, Query, Row

ONE = 'station="$station"'


def station(console_url: str) -> Board:
    """The board."""
    return Board(
        "andon-station",
        "Andon / Station",
        "One station: rate, errors and duration through the stages, scores against their threshold, its pictures "
        "against their limits, and what is open.",
        (
            Row("Now", now()),
            Row("Rate, errors, duration", flow()),
            Row("Scores", scores()),
            Row("Pictures", pictures()),
            Row("Incidents and evidence", trouble()),
        ),
        (
            source(),
            pick("line", "Line", "label_values(andon_station_info, line)", every=True),
            pick("station", "Station", f"label_values({STATIONS}, station)"),
            console(console_url),
        ),
        happenings(ONE),
        (
            boards(),
            out("Pictures", "${console}/stations/${station}", "This station in the console"),
            out("Incidents", "${console}/incidents?station=${station}", "Its incidents in the console"),
        ),
    )


def now() -> tuple[Panel, ...]:
    """The station as eight numbers."""
    verdicts = f"andon_frames_scored_total{{{ONE}"
    rejected = share(
        f'sum(rate({verdicts},verdict="anomalous"}}{RATE})) or vector(0)', f"sum(rate({verdicts}}}{RATE}))"
    )
    return (
        number("Judged", "Frames that got a verdict.", "suffix: frames/s", Query(scored(ONE), once=True), decimals=2),
        number(
            "Last frame",
            "Since its newest scored frame was taken.",
            "s",
            Query(f"time() - max(andon_station_last_frame_timestamp_seconds{{{ONE}}})", once=True),
            colours=steps((60, WORSE), (300, BAD)),
            decimals=0,
        ),
        number(
            "Rejected", "Share of verdicts that are anomalous.", "percentunit", Query(rejected, once=True), decimals=1
        ),
        number(
            "Late",
            "Share of verdicts after their time (ANDON_DEADLINE_S).",
            "percentunit",
            Query(
                share(f"sum(rate(andon_frames_late_total{{{ONE}}}{RATE}))", f"sum(rate({verdicts}}}{RATE}))"), once=True
            ),
            colours=steps((0.001, WORSE), (0.0144, BAD)),
            decimals=2,
        ),
        number(
            "Open incidents",
            "What people were told of and is not over.",
            "none",
            Query(
                f"count(max by (cause) (andon_incident_open{{{ONE}}})) or 0 * {ALERTING}",
                once=True,
            ),
            colours=steps((1, BAD)),
        ),
        number(
            "Frames missing",
            "The ledger misses them; `andon ledger` names them and where they went.",
            "none",
            Query(f"max(andon_ledger_missing_frames{{{ONE}}})", once=True),
            colours=steps((1, BAD)),
        ),
        number(
            "Inspection seen right",
            "Since a golden frame of this station last got the verdict it must get (`andon heartbeat`).",
            "s",
            Query(f"time() - max(andon_heartbeat_last_right_timestamp_seconds{{{ONE}}})", once=True),
            colours=steps((600, WORSE), (1800, BAD)),
            decimals=0,
        ),
        number(
            "Swaps",
            "Bundles that took over this station in the time shown.",
            "none",
            Query(f"sum(increase(andon_bundle_swaps_total{{{ONE}}}[$__range]))", once=True),
            decimals=0,
        ),
    )


def flow() -> tuple[Panel, ...]:
    """Rate, errors and duration. Durations are those of all stations: a station's own would cost too many series."""
    age, ledger = "andon_frame_age_seconds", "andon_ledger"
    return (
        over_time(
            "Captured and judged",
            "Frames a second that its camera took, and that got a verdict. Apart for long: see Pipeline.",
            "suffix: frames/s",
            Query(f"sum(rate(andon_frames_captured_total{{{ONE}}}{RATE}))", "captured"),
            Query(f"sum by (verdict) (rate(andon_frames_scored_total{{{ONE}}}{RATE}))", "{{verdict}}"),
            colours=VERDICTS,
        ),
        over_time(
            "Left out, dead-lettered, late, missing",
            "Frames a second that got no verdict, or too late: left out at capture (docs/reasons.md says why), dead "
            "letters (`andon dead-letters`), and those the ledger misses (`andon ledger`). All should be 0.",
            "suffix: frames/s",
            Query(f"sum by (reason) (rate(andon_frames_skipped_total{{{ONE}}}{RATE}))", "left out: {{reason}}"),
            Query(f"sum(rate({ledger}_dead_lettered_frames_total{{{ONE}}}{RATE}))", "dead-lettered"),
            Query(f"sum(rate(andon_frames_late_total{{{ONE}}}{RATE}))", "late"),
            Query(f"sum(rate({ledger}_lost_frames_total{{{ONE}}}{RATE}))", "lost"),
        ),
        over_time(
            "Camera to verdict, all stations",
            "From capture to verdict. The dots are single frames: each leads to its trace, where traces are kept.",
            "s",
            Query(quantile(0.5, age), "half of them within", dots=True),
            Query(quantile(0.99, age), "99 % within"),
        ),
        over_time(
            "Ledger",
            "Frames on their way, and frames missing: captured, and not seen again for longer than any retry takes.",
            "none",
            Query(f"max({ledger}_waiting_frames{{{ONE}}})", "on their way"),
            Query(f"max({ledger}_missing_frames{{{ONE}}})", "missing"),
            colours={"missing": "red"},
        ),
        over_time(
            "Time in the stages, all stations",
            "99 % of a stage's turns take less.",
            "s",
            Query(quantile(0.99, "andon_stage_turn_seconds", "stage"), "{{stage}}"),
        ),
        over_time(
            "Heartbeat",
            "Golden frames sent through the whole line a minute, by how they came back. Anything but `right` is the "
            "inspection's own fault.",
            "suffix: /min",
            Query(f"60 * sum by (outcome) (rate(andon_heartbeats_total{{{ONE}}}{RATE}))", "{{outcome}}"),
        ),
    )


def scores() -> tuple[Panel, ...]:
    """Scores over their threshold, and what people say of the verdicts."""
    ratio = "andon_anomaly_score_ratio_bucket"
    by_shift = "{{shift}} {{product}}"
    return (
        heat(
            "Score over its threshold",
            "Frames by their score divided by the threshold: from 1 on they are anomalous. Good parts make a narrow "
            "stripe well below 1; a stripe that climbs is wear or drift, single cells above 1 are defects.",
            "suffix: x",
            Query(f"sum by (le) (increase({ratio}{{{ONE}}}{RATE}))", "{{le}}", buckets=True, dots=True),
            width=16,
        ),
        over_time(
            "Rejected",
            "Share of verdicts that are anomalous, and that could not be scored.",
            "percentunit",
            Query(
                f'sum by (verdict) (rate(andon_frames_scored_total{{{ONE},verdict!="ok"}}{RATE}))'
                f" / on () group_left () (sum(rate(andon_frames_scored_total{{{ONE}}}{RATE})) > 0)",
                "{{verdict}}",
            ),
            high=0.05,
            height=9,
            colours=VERDICTS,
        ),
        over_time(
            "False calls",
            "Good parts that were called anomalous, as people answered, against the budget of the line file; shaded: "
            "the true share lies there (95 %).",
            "percentunit",
            Query(f"max by (product, shift) (andon_false_call_rate{{{ONE}}})", by_shift),
            Query(f"max(andon_false_call_budget{{{ONE}}})", "budget"),
            Query(f"min(andon_false_call_rate_low{{{ONE}}})", "hardly lower"),
            Query(f"max(andon_false_call_rate_high{{{ONE}}})", "hardly higher"),
            width=12,
            band=Band("hardly lower", "hardly higher"),
            colours={"budget": "red"},
            empty="nobody answered yet",
        ),
        over_time(
            "Escapes",
            "Defective parts that were called ok, as the audit sample shows; shaded: the true share lies there (95 %).",
            "percentunit",
            Query(f"max by (product, shift) (andon_escape_rate{{{ONE}}})", by_shift),
            Query(f"min(andon_escape_rate_low{{{ONE}}})", "hardly lower"),
            Query(f"max(andon_escape_rate_high{{{ONE}}})", "hardly higher"),
            width=12,
            band=Band("hardly lower", "hardly higher"),
            empty="no audit answers yet",
        ),
    )


def pictures() -> tuple[Panel, ...]:
    """Light, sharpness and place of the last picture, each with its limits."""
    light, place = "andon_image_luminance", "andon_image_shift"
    return (
        over_time(
            "Light",
            "Mean brightness of the last picture, 0 to 1. Within the band it is as in the good frames of its bundle.",
            "percentunit",
            Query(f"max({light}{{{ONE}}})", "brightness"),
            Query(f'max({light}_limit{{{ONE},side="low"}})', "too dark"),
            Query(f'max({light}_limit{{{ONE},side="high"}})', "too bright"),
            band=Band("too dark", "too bright"),
        ),
        over_time(
            "Sharpness",
            "Of the last picture, a logarithm. Below the dashed line it is blurred.",
            "none",
            Query(f"max(andon_image_sharpness{{{ONE}}})", "sharpness"),
            Query(f"max(andon_image_sharpness_limit{{{ONE}}})", "blurred"),
            low=None,
            band=Band("blurred"),
        ),
        over_time(
            "Place",
            "How far things lie right or down of where they should. Beyond the band, in either way, the camera moved.",
            "suffix: px",
            Query(f"max by (way) ({place}_pixels{{{ONE}}})", "{{way}}"),
            Query(f"-min({place}_limit_pixels{{{ONE}}})", "moved, one way"),
            Query(f"min({place}_limit_pixels{{{ONE}}})", "moved, other way"),
            low=None,
            band=Band("moved, one way", "moved, other way"),
        ),
    )


def trouble() -> tuple[Panel, ...]:
    """What was open, and where the pictures are."""
    return (
        states(
            "Incidents",
            "What was open, and when. Each with its pictures, what changed, and what to do: in the console.",
            Query(f"max by (cause) (andon_incident_open{{{ONE}}})", "{{cause}}"),
            Query(f"0 * {ALERTING}", "watched"),
            words={1: ("open", "red"), 0: ("nothing open", "green")},
        ),
        words(
            "Last evidence",
            "Where the pictures are: Grafana has none.",
            "**[The last pictures with their heat maps](${console}/stations/${station})** · "
            "[its incidents](${console}/incidents?station=${station}) · "
            "[its drift](${console}/stations/${station}/drift) · "
            "[its bundles](${console}/models/at/${station}) · [false calls and escapes](${console}/rates)",
        ),
    )
