"""An incident at a station with the frames that show it, as alerting and scoring write them."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid5

from worlds import House, Lying, house

from andon.ids import frame_id
from andon.incidents import Incident
from andon.records import (
    Cause,
    Evidence,
    FramePlace,
    IncidentEvent,
    IncidentKind,
    Score,
    Severity,
    Verdict,
    write_event,
)
from andon.stage import Record
from andon.topics import FRAMES, INCIDENTS, SCORES

NOW = datetime.now(UTC).replace(microsecond=0)
SPACE = UUID(int=23)
STATION = "weld-07"
PART = {"HX-Request": "true"}


def scored(seq: int, ratio: float | None = 1.5, station: str = STATION, **other: Any) -> Record:
    """A score at offset `seq` of partition 0."""
    verdict = Verdict.UNSCORABLE if ratio is None else Verdict.ANOMALOUS if ratio > 1 else Verdict.OK
    given = {
        "frame_id": frame_id(station, 1, seq), "station": station, "epoch": 1, "seq": seq, "verdict": verdict,
        "captured_at": NOW + timedelta(seconds=seq), "scored_at": NOW + timedelta(seconds=seq), "width": 640,
        "height": 480, "score": ratio, "threshold": 1.0 if ratio is not None else None, "bundle": "ab" * 32,
        "product": "lid", "frame": FramePlace(topic=FRAMES, partition=0, offset=seq), **other,
    }  # fmt: skip
    return Record(SCORES, 0, seq, station.encode(), write_event(Score.model_validate(given)))


def shown(seq: int, ratio: float | None = 1.5, station: str = STATION) -> Evidence:
    """The same frame as an incident shows it."""
    return Evidence(
        frame_id=frame_id(station, 1, seq),
        frame=FramePlace(topic=FRAMES, partition=0, offset=seq),
        scored=FramePlace(topic=SCORES, partition=0, offset=seq),
        captured_at=NOW + timedelta(seconds=seq),
        score=ratio,
        threshold=1.0 if ratio is not None else None,
        bundle="ab" * 32,
        width=640,
        height=480,
    )


def event(kind: IncidentKind = IncidentKind.OPENED, name: str = "one", at_s: float = 0, **other: Any) -> IncidentEvent:
    """One turn of the incident `name`."""
    own = uuid5(SPACE, name)
    given: dict[str, Any] = {
        "event_id": uuid5(own, f"{kind}{at_s}"), "incident_id": own, "kind": kind, "station": STATION,
        "cause": Cause.DEFECT_SURGE, "severity": Severity.CRITICAL, "reason": "k_of_n_reached",
        "at": NOW + timedelta(seconds=at_s), "opened_at": NOW, "product": "lid", "count": 3,
        "summary": "weld-07: 3 of the last 5 frames look defective.",
        "first_action": "Look at the last parts of this station; stop the line if they are bad.", **other,
    }  # fmt: skip
    return IncidentEvent.model_validate(given)


def record(turn: IncidentEvent, offset: int = 0) -> Record:
    """It as it lies in Kafka."""
    return Record(INCIDENTS, 0, offset, turn.station.encode(), write_event(turn), (), round(turn.at.timestamp() * 1000))


def surge(*more: IncidentEvent, **other: Any) -> tuple[House, Incident]:
    """A console that knows a surge of three frames, of which the last opened it, with their scores."""
    lying = Lying()
    lying.add(*(scored(seq, ratio) for seq, ratio in ((1, 1.5), (2, 2.5), (3, 1.2), (4, 0.4))))
    home = house(lying=lying, **other)
    opened = event(evidence=(shown(3, 1.2), shown(2, 2.5), shown(1, 1.5)))
    home.world.incidents.take([record(each, number) for number, each in enumerate((opened, *more))])
    found = home.world.incidents.get(opened.incident_id)
    assert found is not None
    return home, found


def form(seq: int, **said: Any) -> dict[str, Any]:
    """What the form of the frame `seq` sends."""
    return {"frame_id": str(frame_id(STATION, 1, seq)), "partition": 0, "offset": seq, **said}
