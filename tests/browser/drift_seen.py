"""A drift on a console's line: its incident, its finding's pictures in Kafka, and what drift shows in Redis."""

from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import redis
from lines import BUNDLE, ConsoleLine

from andon.drift_state import PlaceState, ShownChart, ShownPlace, StationDrift, drift_key, write_station_drift
from andon.records import (
    Baseline,
    Cause,
    Chart,
    Drift,
    DriftCause,
    Evidence,
    IncidentEvent,
    IncidentKind,
    Moved,
    Point,
    Score,
    Severity,
    write_event,
)
from andon.stage import Message
from andon.testing.baselines import small_baseline
from andon.topics import BASELINES, INCIDENTS


def drifts(line: ConsoleLine, station: str) -> tuple[UUID, Baseline]:
    """The framing of a station drifts. Answers the incident, and the reference that it is told by."""
    before, after = (line.frame(station, picture=number, product="lid") for number in (1, 2))
    event = _event(station, before, after)
    known = small_baseline(station, "lid", BUNDLE)
    line.trial.write(Message(INCIDENTS, station.encode(), write_event(event)))
    line.trial.write(Message(BASELINES, known.key.encode(), write_event(known)))
    shows(line, station)
    return event.incident_id, known


def shows(line: ConsoleLine, station: str) -> None:
    """Drift shows a watched place of the station in Redis, and sensors that learn."""
    now = datetime.now(UTC)
    charts = tuple(
        ShownChart(name=name, chart=Chart.CUSUM, statistic=of, limit=8.4, active=of > 8.4, value=4.4, usual=4.6)
        for name, of in (("right", 12.0), ("sharpness", 7.1), ("noise", 0.4))
    )
    watched = ShownPlace(
        product="lid", bundle=BUNDLE, state=PlaceState.ACTIVE, frames=9600, until=now, last=now, charts=charts,
        false_alarm_days=30.0,
    )  # fmt: skip
    sensors = ShownPlace(
        bundle="signals", state=PlaceState.LEARNING, frames=1200, wanted=5000, ratio=0.24, period_s=3.0, last=now
    )
    text = write_station_drift(StationDrift(station=station, updated=now, places=(watched, sensors)))
    client = redis.Redis.from_url(line.trial.env["ANDON_REDIS__URL"])
    client.set(drift_key(line.trial.env.get("ANDON_REDIS__KEY_PREFIX", "andon:"), station), text)
    client.close()


def _event(station: str, before: Score, after: Score) -> IncidentEvent:
    now = datetime.now(UTC)
    since = now - timedelta(minutes=20)
    history = tuple(Point(at=now - timedelta(minutes=m), value=0.1 if m > 20 else m / 2 - 11) for m in range(60, 0, -2))
    moved = Moved(
        name="right", unit="px", before=0.1, after=-11.0, sigmas=-9.0, chart=Chart.CUSUM, statistic=12.0, limit=8.4,
        history=history,
    )  # fmt: skip
    drift = Drift(
        named=DriftCause.FRAMING, since=since, moved=(moved,), before=before.frame_id, after=after.frame_id,
        right=-11.0, false_alarm_days=30.0,
    )  # fmt: skip
    return IncidentEvent(
        event_id=uuid4(), incident_id=uuid4(), kind=IncidentKind.OPENED, station=station, cause=Cause.DRIFT,
        severity=Severity.WARNING, reason="found", at=now, opened_at=now, product="lid", bundle=BUNDLE, drift=drift,
        summary=f"{station}: framing moved 11 px left.", evidence=tuple(_shown(each) for each in (before, after)),
    )  # fmt: skip


def _shown(score: Score) -> Evidence:
    return Evidence(
        frame_id=score.frame_id, frame=score.frame, captured_at=score.captured_at, score=score.score,
        threshold=score.threshold, bundle=score.bundle, width=score.width, height=score.height,
    )  # fmt: skip
