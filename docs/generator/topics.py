"""docs/topics.md: every topic, who writes and reads it, and the headers of what lies in it."""

from dataclasses import dataclass

from andon.dead_letters import dead_letter
from andon.records import frame_headers, prepared_headers
from andon.stage import Headers
from andon.topics import (
    ALL,
    AUDIT,
    BASELINES,
    DAY_MS,
    DEAD_LETTERS,
    DRIFT,
    FRAME_PATTERN,
    FRAMES,
    HOUR_MS,
    INCIDENTS,
    LEDGER,
    LETTERS,
    MAX_INLINE_BYTES,
    MIB,
    MODELS,
    NOTICES,
    PREPARED,
    REQUESTS,
    SCORES,
    SHADOW_PREPARED,
    SHADOW_SCORES,
    SIGNALS,
    SILENCES,
    VERDICTS,
    Topic,
)
from generator.examples import FRAME, REJECTED
from generator.examples import PREPARED as PREPARED_FRAME
from generator.markdown import code, page, section, table


@dataclass(frozen=True)
class Flow:
    """The services that write and read a topic. The tests hold it against what the services import."""

    writers: tuple[str, ...] = ()
    readers: tuple[str, ...] = ()


COMMANDS = ("assign", "silence", "baselines", "dead-letters")
EVERY_SERVICE = ("ingest", "preprocess", "scoring", "alerting", "drift", "machines")
FLOW = {
    FRAMES: Flow(("ingest", "dead-letters"), ("preprocess", "evidence")),
    PREPARED: Flow(("preprocess",), ("scoring",)),
    SHADOW_PREPARED: Flow(("preprocess",), ("scoring",)),
    SHADOW_SCORES: Flow(("scoring",), ("trainer", "console")),
    NOTICES: Flow(("scoring", "trainer", "ingest", "drift"), ("alerting",)),
    SCORES: Flow(
        ("scoring", "dead-letters"),
        ("alerting", "drift", "machines", "ingest", "trainer", "evidence", "ledger-watch", "console"),
    ),
    MODELS: Flow(
        ("assign", "scoring", "trainer", "ingest", "console"), ("ingest", "preprocess", "scoring", "trainer", "console")
    ),
    INCIDENTS: Flow(("alerting", "console"), ("alerting", "machines", "evidence", "ingest", "console")),
    VERDICTS: Flow(("console",), ("alerting", "evidence", "console")),
    DRIFT: Flow(
        ("drift", "ingest", "evidence", "ledger-watch"),
        ("drift", "ingest", "alerting", "evidence", "ledger-watch", "console"),
    ),
    SIGNALS: Flow(("ingest",), ("drift",)),
    BASELINES: Flow(("drift", "console", "baselines"), ("drift", "console")),
    SILENCES: Flow(("silence", "console"), ("alerting", "console")),
    REQUESTS: Flow(("console", "trainer", "drift"), ("trainer", "console")),
    AUDIT: Flow(("console", "baselines", "dead-letters"), ("console",)),
    LEDGER: Flow(("ingest", "preprocess", "scoring"), ("ledger-watch",)),
    DEAD_LETTERS: Flow(EVERY_SERVICE, ("ingest", "ledger-watch", "console", "dead-letters")),
    LETTERS: Flow(("console", "dead-letters"), ("console", "dead-letters")),
}
FRAME_HEADERS = {
    "ce_specversion": "CloudEvents version",
    "ce_id": "the frame's id: uuid5 of station, epoch and seq",
    "ce_source": "where it comes from",
    "ce_type": "what happened",
    "ce_time": "when it was captured, RFC 3339 in UTC",
    "content-type": "media type of the encoded image",
    "ce_station": "the station; the record's key too",
    "ce_epoch": "when this capture began, Unix time in milliseconds; 0 for a foreign frame",
    "ce_seq": "counts from 0 within the epoch, without holes",
    "ce_sha256": "of the encoded bytes, 64 hex digits; verified before decoding where present",
    "ce_product": "the type being made; picks the bundle where a station makes several",
    "ce_part": "serial number of the piece",
    "ce_subject": "what its maker calls it, such as a file name",
    "ce_dataref": "where the image lies in the store, when it is too large for the record",
    "ce_skipped": "what ingest left out at this station since the epoch began, reason=count,...",
    "traceparent": "W3C trace context; one that is none is dropped, and a foreign frame gets one made of its id",
    "ce_golden": "a golden frame of the heartbeat, <bundle>/<name>: inspected like any other, in no statistic",
    "ce_replayed": "of a frame that was a dead letter and was sent again: the topic, partition and offset where it lay "
    "at first, and its time there in milliseconds; a foreign frame keeps the identity it had there",
}
PREPARED_HEADERS = {
    "ce_shape": "height, width, channels of the tensor",
    "ce_dtype": "always uint8",
    "ce_preparation": "digest of the preparation that made it",
    "ce_size": "width, height of the original image",
    "ce_crop": "x, y, width, height of what the tensor shows, in original pixels",
    "ce_health": "ImageHealth, JSON",
    "ce_origin": "topic, partition and offset of the original image",
    "ce_framing": "where things stand in the picture: two brightness profiles of 64 bytes, base64",
}
DEAD_LETTER_HEADERS = {
    "andon-topic": "where it came from",
    "andon-partition": "which of its partitions",
    "andon-offset": "and where in it",
    "andon-timestamp-ms": "its timestamp there, Unix time in milliseconds",
    "andon-reason": "why, one of [these](reasons.md)",
    "andon-detail": "what exactly was wrong, for people",
    "andon-service": "who rejected it",
    "andon-version": "and in which version",
    "andon-replayed": "how many times it was sent again before, where it was",
}
OPTIONAL = (
    *("ce_framing", "ce_sha256", "ce_product", "ce_part", "ce_subject", "ce_dataref", "ce_skipped", "traceparent"),
    *("ce_golden", "ce_replayed", "andon-replayed"),
)
BARE = (
    "A record of a frame topic without `ce_station` is a frame too: an encoded image with its station as the key. Its "
    "identity is then its place in Kafka, its time the record's. `content-type`, `ce_product`, `ce_part`, `ce_subject` "
    "and `traceparent` are read where they are given."
)


def topics() -> str:
    """The page."""
    frame = frame_headers(FRAME)
    prepared = prepared_headers(PREPARED_FRAME)[len(frame) :]
    letter = dead_letter(REJECTED, DEAD_LETTERS, "preprocess", "0.1.0").headers
    return page(
        "Topics",
        "`andon topics create` makes them; the schemas of JSON records stand in [schemas/](schemas).",
        table(("topic", "key", "holds", "written by", "read by", "kept", "largest record"), map(_row, ALL)),
        f"preprocess reads every topic that matches `{FRAME_PATTERN}`, and picks up a new one by itself. An image of "
        f"more than {MAX_INLINE_BYTES // MIB} MiB lies in the store, and its record names it. What ingest reads here, "
        "its other command reads: [`andon heartbeat`](heartbeat.md).",
        section(
            "Headers of a frame", "CloudEvents 1.0, Kafka binding, binary mode.", _headers(frame, FRAME_HEADERS), BARE
        ),
        section("More headers of a prepared frame", _headers(prepared, PREPARED_HEADERS)),
        section(
            "More headers of a dead letter",
            "Key, value and headers are those of the record that was rejected; these are added.",
            _headers(letter, DEAD_LETTER_HEADERS),
        ),
    )


def kept(topic: Topic) -> str:
    """How long Kafka keeps it, in words."""
    if topic.cleanup == "compact":
        return "last of each key"
    ms = topic.retention_ms or 0
    time = f"{ms // DAY_MS} d" if ms % DAY_MS == 0 else f"{ms // HOUR_MS} h"
    return f"{time}, at most {topic.retention_bytes // (1024 * MIB)} GiB a partition" if topic.retention_bytes else time


def _row(topic: Topic) -> tuple[str, ...]:
    flow = FLOW[topic.name]
    names = (_services(flow.writers), _services(flow.readers))
    return (code(topic.name), topic.key, topic.holds, *names, kept(topic), f"{topic.max_message_bytes / MIB:g} MiB")


def _services(names: tuple[str, ...]) -> str:
    if names == EVERY_SERVICE:
        return "every service"
    return ", ".join(code(f"andon {name}") if name in COMMANDS else name for name in names) or "nobody yet"


def _headers(headers: Headers, meaning: dict[str, str]) -> str:
    rows = ((code(n), meaning[n], "" if n in OPTIONAL else "yes", code(_short(v.decode()))) for n, v in headers)
    return table(("header", "meaning", "always", "example"), rows)


def _short(text: str) -> str:
    return text if len(text) <= 60 else f"{text[:57]}..."
