"""One place as `andon baselines` tells it: a row of the table, and an object of --json. Pure."""

from datetime import datetime, timedelta
from typing import Any

from andon.commands.words import moment, short
from andon.drift_state import ShownChart
from andon.incidents.when import spoken
from andon.places import Standing, share, to_go

COLUMNS = ("station", "product", "bundle", "state", "frames", "learned (UTC)", "age", "nearest to its limit")


def row(standing: Standing, now: datetime) -> tuple[str, ...]:
    """As it stands in the table."""
    place, learned = standing.place, standing.learned_at
    return (
        place.station,
        place.product or "",
        "signals" if place.sensors else short(place.bundle) or "none",
        state_words(standing, now),
        frames_words(standing),
        moment(learned),
        spoken(max(now - learned, timedelta())) if learned else "",
        chart_words(standing.charts[0]) if standing.charts and standing.waits is None else "",
    )


def state_words(standing: Standing, now: datetime) -> str:
    """`learning 62 %, about 2 h to go`, `stale: frames come at another pace`."""
    shown = standing.shown
    words = standing.state
    if shown is None or standing.waits is not None:
        return words
    if standing.learns:
        left = to_go(shown)
        words = f"{words} {shown.ratio:.0%}{f', about {spoken(left)} to go' if left else ''}"
    words = f"{words}, resting" if shown.resting else words
    words = f"{words}: {shown.why}" if shown.why else words
    return f"{words} (last heard {spoken(now - shown.last)} ago)" if standing.is_old(now) else words


def frames_words(standing: Standing) -> str:
    """`3,100 of 5,000`, or `9,600`."""
    shown = standing.shown
    wanted = shown.wanted if shown and standing.learns and standing.waits is None else 0
    return f"{standing.frames:,} of {wanted:,}" if wanted else f"{standing.frames:,}" if standing.frames else ""


def chart_words(chart: ShownChart) -> str:
    """`sharpness 84 % (cusum)`, or `sharpness alarms (cusum)`."""
    return f"{chart.name} {'alarms' if chart.active else f'{share(chart):.0%}'} ({chart.chart})"


def record(standing: Standing, now: datetime) -> dict[str, Any]:
    """As --json tells it; times are ISO 8601."""
    place, shown, known = standing.place, standing.shown, standing.known
    baseline, learned = (known.baseline if known else None), standing.learned_at
    return {
        "station": place.station,
        "product": place.product,
        "bundle": place.bundle or None,
        "state": standing.state.replace(" ", "_"),
        "why": shown.why if shown else "",
        "resting": bool(shown and shown.resting),
        "frames": standing.frames,
        "wanted": shown.wanted if shown else None,
        "ratio": shown.ratio if shown else None,
        "learned_from": baseline.since.isoformat() if baseline else None,
        "learned_until": learned.isoformat() if learned else None,
        "age_s": round((now - learned).total_seconds()) if learned else None,
        "by": baseline.by if baseline else None,
        "relearn": standing.waits.model_dump(mode="json", include={"by", "why", "at"}) if standing.waits else None,
        "false_alarm_days": shown.false_alarm_days if shown else None,
        "updated": standing.updated.isoformat() if standing.updated else None,
        "charts": [each.model_dump(mode="json") for each in shown.charts] if shown else [],
    }
