"""A line whose console real browsers look at: real Kafka, Redis and Alertmanager, and what tests let happen on it."""

import random
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID

from andon.ids import frame_id, sha256_hex
from andon.records import Frame, FramePlace, Region, Score, Verdict, frame_headers, write_event
from andon.stage import Message
from andon.testing import hostile
from andon.topics import FRAMES, SCORES
from andon_console.safe.people import Role
from andon_console.safe.roster import Entry, write_roster
from andon_demo.servers.ports import HOST, free_ports
from andon_demo.servers.supervise import Servers
from andon_demo.trial import Trial

TOKENS = {Role.VIEWER: "v" * 43, Role.REVIEWER: "r" * 43, Role.ENGINEER: "e" * 43}
NAMES = {Role.VIEWER: "vera", Role.REVIEWER: "rosa", Role.ENGINEER: "edda"}
BUNDLE = "4be1" * 16
THRESHOLD = 0.25


@dataclass
class ConsoleLine:
    """A line with a console, and nothing else running on it: a test starts what it needs (`trial.start("alerting")`).

    Every test takes stations of its own, so that many share one line.
    """

    trial: Trial
    url: str
    _seqs: dict[str, int] = field(default_factory=dict)

    def frame(self, station: str, ratio: float = 0.4, product: str | None = None, picture: int = 0) -> Score:
        """A frame of the station, its image in Kafka, and its score: `ratio` times the threshold. Answers the score."""
        seq = self._seqs[station] = self._seqs.get(station, -1) + 1
        now, data = datetime.now(UTC), hostile.jpeg(hostile.photo(seed=picture))
        given = Frame(
            station=station,
            epoch=1,
            seq=seq,
            frame_id=frame_id(station, 1, seq),
            captured_at=now,
            content_type="image/jpeg",
            sha256=sha256_hex(data),
            product=product,
        )
        before = self.trial.ends(FRAMES)
        self.trial.write(Message(FRAMES, station.encode(), data, frame_headers(given)))
        (part,) = (part for part, end in self.trial.ends(FRAMES).items() if end > before[part])
        score = self.score(given, ratio, FramePlace(topic=FRAMES, partition=part, offset=before[part]))
        self.trial.write(Message(SCORES, station.encode(), write_event(score)))
        return score

    def score(self, frame: Frame, ratio: float, place: FramePlace) -> Score:
        """What scoring would say of it."""
        called = ratio > 1
        return Score(
            frame_id=frame.frame_id,
            station=frame.station,
            epoch=frame.epoch,
            seq=frame.seq,
            product=frame.product,
            captured_at=frame.captured_at,
            scored_at=datetime.now(UTC),
            verdict=Verdict.ANOMALOUS if called else Verdict.OK,
            score=ratio * THRESHOLD,
            threshold=THRESHOLD,
            bundle=BUNDLE,
            regions=(Region(x=64, y=96, width=128, height=80, peak=ratio * THRESHOLD),) if called else (),
            width=640,
            height=480,
            frame=place,
        )

    def seen(self, frame: UUID) -> bool:
        """Whether a score of this frame is in Kafka."""
        return any(str(frame).encode() in each.value for each in self.trial.read(SCORES))


def open_line(servers: Servers, folder: Path, env: Mapping[str, str] | None = None) -> ConsoleLine:
    """The line with its console; `trial.__exit__` stops it."""
    draw = random.SystemRandom()
    (port,) = free_ports(1, draw)
    people = folder / "people.yaml"
    write_roster(people, {NAMES[role]: Entry(NAMES[role], role, sha256_hex(TOKENS[role].encode())) for role in Role})
    said = {
        "ANDON_CONSOLE__PORT": str(port),
        "ANDON_CONSOLE__PEOPLE": str(people),
        "ANDON_EVIDENCE__URL": str(folder / "evidence"),
        **(env or {}),
    }
    trial = Trial(servers, folder, said, draw)
    trial.start("console")
    return ConsoleLine(trial, f"http://{HOST}:{port}")
