"""Every topic of Andon: its name, its key, what it holds and how Kafka keeps it. Spelled here and nowhere else."""

import re
from dataclasses import dataclass
from typing import Literal

MIB = 1024 * 1024
HOUR_MS = 3_600_000
DAY_MS = 24 * HOUR_MS

MAX_INLINE_BYTES = 4 * MIB
"""The largest image or tensor that travels inside a record; a larger image goes to the store."""

MAX_RECORD_BYTES = MAX_INLINE_BYTES + MIB // 4
"""The largest record of a frame topic: the bytes, and room for headers and framing."""

FRAMES = "camera.frames"
PREPARED = "frames.prepared"
SHADOW_PREPARED = "frames.shadow"
SCORES = "scores"
SHADOW_SCORES = "scores.shadow"
MODELS = "models"
INCIDENTS = "incidents"
VERDICTS = "verdicts"
DRIFT = "drift"
SIGNALS = "signals"
BASELINES = "baselines"
NOTICES = "notices"
SILENCES = "silences"
REQUESTS = "requests"
AUDIT = "audit"
LEDGER = "ledger"
LETTERS = "dead-letters.turns"
DEAD_LETTERS = "dead-letters"

FRAME_PATTERN = r"^camera\.frames(\..+)?$"
"""Topics that preprocess picks up by itself: camera.frames and camera.frames.<anything>."""


@dataclass(frozen=True)
class Topic:
    """One topic. `key` and `holds` are for the reader; the rest is how it is created.

    `retention_ms` None keeps for ever; `retention_bytes` bounds each partition, None does not. `spread` topics
    get as many partitions as the operator asks for, the others one.
    """

    name: str
    key: str
    holds: str
    retention_ms: int | None
    retention_bytes: int | None = None
    max_message_bytes: int = MIB
    cleanup: Literal["delete", "compact"] = "delete"
    spread: bool = True

    def config(self) -> dict[str, str]:
        """The topic's settings as Kafka names them."""
        config = {
            "cleanup.policy": self.cleanup,
            "max.message.bytes": str(self.max_message_bytes),
            "retention.ms": str(-1 if self.retention_ms is None else self.retention_ms),
            "retention.bytes": str(-1 if self.retention_bytes is None else self.retention_bytes),
            "compression.type": "producer",
        }
        if self.cleanup == "compact":
            config |= {"min.cleanable.dirty.ratio": "0.1", "segment.ms": str(DAY_MS)}
        return config


ALL: tuple[Topic, ...] = (
    Topic(FRAMES, "station", "encoded images, CloudEvents headers", DAY_MS, 20 * 1024 * MIB, MAX_RECORD_BYTES),
    Topic(PREPARED, "station", "uint8 tensors, the frame's headers", HOUR_MS, 4 * 1024 * MIB, MAX_RECORD_BYTES),
    Topic(SHADOW_PREPARED, "station", "as frames.prepared, for shadows", HOUR_MS, 1024 * MIB, MAX_RECORD_BYTES),
    Topic(SCORES, "station", "Score, JSON", 14 * DAY_MS, 4 * 1024 * MIB),
    Topic(SHADOW_SCORES, "station", "Score, JSON, by a shadow: nobody is paged for it", 14 * DAY_MS, 4 * 1024 * MIB),
    Topic(
        MODELS, "station/product", "Assignment, Proof, Refusal and Swap, JSON", None, cleanup="compact", spread=False
    ),
    Topic(INCIDENTS, "station", "IncidentEvent, JSON", 365 * DAY_MS),
    Topic(VERDICTS, "station", "Answer, JSON: what people say of a frame", 365 * DAY_MS),
    Topic(DRIFT, "station", "Finding, JSON: what is wrong with the inspection, by cause", 90 * DAY_MS, spread=False),
    Topic(SIGNALS, "station", "Reading, JSON: what sensors beside a station read", 14 * DAY_MS, 1024 * MIB),
    Topic(
        BASELINES,
        "station/product/bundle",
        "Baseline and Relearn, JSON: how a station looks when all is well",
        None,
        cleanup="compact",
        spread=False,
    ),
    Topic(NOTICES, "station", "Notice, JSON: what Andon did by itself, or could not do", 90 * DAY_MS),
    Topic(SILENCES, "station, *", "Silence, JSON: whom nobody is called about", None, cleanup="compact", spread=False),
    Topic(
        REQUESTS, "station", "Request and RequestNews, JSON: what people ask training for", 90 * DAY_MS, spread=False
    ),
    Topic(AUDIT, "who did it", "Deed, JSON: what people did at the console", 730 * DAY_MS, spread=False),
    Topic(LEDGER, "station", "Passed, JSON: what passed where, to be added up", 2 * DAY_MS, 1024 * MIB),
    Topic(
        DEAD_LETTERS,
        "station",
        "the original bytes and headers, andon-reason",
        14 * DAY_MS,
        20 * 1024 * MIB,
        MAX_RECORD_BYTES + MIB // 4,
    ),
    Topic(LETTERS, "station", "LetterTurn, JSON: what became of a dead letter", 14 * DAY_MS, spread=False),
)
BY_NAME = {topic.name: topic for topic in ALL}

READ_BY: tuple[tuple[str, str], ...] = (
    ("preprocess", FRAME_PATTERN),
    ("scoring", PREPARED),
    ("alerting", SCORES),
    ("evidence", INCIDENTS),
    ("evidence", VERDICTS),
    ("ledger", LEDGER),
)
"""Consumer group (without its prefix) and the topic, or '^' pattern, of which nothing may expire before it was read."""

TOGETHER: dict[str, tuple[str, ...]] = {
    "alerting": (SCORES, INCIDENTS, VERDICTS),
    "drift": (SCORES, SIGNALS),
    "trainer": (SCORES, SHADOW_SCORES),
    "ledger-watch": (SCORES, LEDGER, DEAD_LETTERS),
}
"""By service, the topics that it reads by partition, together: a station must lie in the same partition of each, so
they have as many partitions as each other."""


def chosen(wanted: str, topic: str) -> bool:
    """Whether `topic` is the one named, or fits the pattern '^...', as subscriptions do."""
    return re.search(wanted, topic) is not None if wanted.startswith("^") else topic == wanted
