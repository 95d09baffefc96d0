"""A camera whose frames, and their scores, lie in a Kafka in memory."""

import base64
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

from worlds import Lying

from andon.bundle import Bundle
from andon.ids import frame_id, sha256_hex
from andon.manifest import GoldenFrame
from andon.preparation import Box, Preparation
from andon.records import (
    Cause,
    Evidence,
    Frame,
    FramePlace,
    IncidentEvent,
    IncidentKind,
    Score,
    Severity,
    Verdict,
    frame_headers,
    write_event,
)
from andon.stage import Record
from andon.testing.hostile import jpeg, photo, png
from andon.testing.models import tiny_bundle
from andon_console.shots import Shot
from andon_console.world import World

BEGAN = datetime.now(UTC).replace(microsecond=0) - timedelta(minutes=30)
EPOCH = 1_772_000_000_000
TOPIC = "camera.frames"


def heat(level: int = 255, side: int = 16) -> str:
    """A heat map whose upper left quarter has this level."""
    import numpy as np

    grey = np.zeros((side, side), np.uint8)
    grey[: side // 2, : side // 2] = level
    return base64.b64encode(png(grey)).decode()


@dataclass
class Camera:
    """Takes one frame a second; every frame's record, and its score's, lie at the offset of its number."""

    lying: Lying
    station: str = "weld-07"
    partition: int = 2
    image: bytes = field(default_factory=lambda: jpeg(photo(320, 240)))

    def take(
        self, seq: int, ratio: float | None = 0.5, *, offset: int | None = None, headers: Any = None, **other: Any
    ) -> tuple[Record, Record]:
        """The records of a frame and of its score, which both lie in Kafka from now on."""
        at, place = BEGAN + timedelta(seconds=seq), seq if offset is None else offset
        image = other.pop("image", self.image)
        verdict = Verdict.UNSCORABLE if ratio is None else Verdict.ANOMALOUS if ratio > 1 else Verdict.OK
        known = frame_id(self.station, EPOCH, seq)
        frame = Frame(
            self.station, EPOCH, seq, known, at, "image/jpeg", sha256_hex(image), dataref=other.get("dataref")
        )
        given = {
            "frame_id": known, "station": self.station, "epoch": EPOCH, "seq": seq, "captured_at": at, "scored_at": at,
            "verdict": verdict, "score": ratio, "threshold": 1.0, "bundle": "ab" * 32, "width": 320, "height": 240,
            "heat_map": heat() if verdict is Verdict.ANOMALOUS else None,
            "frame": FramePlace(topic=TOPIC, partition=self.partition, offset=place), **other,
        }  # fmt: skip
        stamp = round(at.timestamp() * 1000)
        key = self.station.encode()
        carried = b"" if other.get("dataref") else image
        records = (
            Record(TOPIC, self.partition, place, key, carried, headers or frame_headers(frame), stamp),
            Record("scores", 3, place, key, write_event(Score.model_validate(given)), (), stamp),
        )
        self.lying.add(*records)
        return records


def bundle(crop: Box | None = None) -> Bundle:
    """A bundle that looks at the whole frame, or at `crop`."""
    image = png(photo(16, 16))
    name, digest = "golden/good-00.png", sha256_hex(image)
    golden = GoldenFrame(name=name, sha256=digest, tensor_sha256=digest, verdict=Verdict.OK, score=1.0)
    return tiny_bundle([golden], {name: image}, preparation=Preparation(width=8, height=8, channels=1, crop=crop))


def shot(scored: Record) -> Shot:
    """The frame that a score's record is of."""
    return Shot.of_score(Score.model_validate_json(scored.value), FramePlace.of(scored))


def incident(scored: Record) -> IncidentEvent:
    """The opening of an incident that shows a frame."""
    score = Score.model_validate_json(scored.value)
    shown = Evidence(
        frame_id=score.frame_id, frame=score.frame, scored=FramePlace.of(scored), captured_at=score.captured_at
    )
    return IncidentEvent(
        event_id=uuid4(),
        incident_id=uuid4(),
        kind=IncidentKind.OPENED,
        station=score.station,
        cause=Cause.DEFECT_SURGE,
        severity=Severity.CRITICAL,
        reason="surge",
        at=BEGAN,
        opened_at=BEGAN,
        evidence=(shown,),
    )


def opened(world: World, event: IncidentEvent) -> None:
    """The console reads of it."""
    world.incidents.take([Record("incidents", 0, 0, event.station.encode(), write_event(event))])
