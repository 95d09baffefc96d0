"""Who reads what as which consumer group, and what it means when nobody does."""

from dataclasses import dataclass

from andon import topics


@dataclass(frozen=True, slots=True)
class Reader:
    """One consumer group. `name` is its name without the prefix, `topics` are names, or patterns that begin with '^';
    `command` starts a member. `needed`: without it frames are not inspected, or nobody is told. `latest`: where it has
    never been, it begins at the end. `without` says what is missing while it is dead.
    """

    name: str
    topics: tuple[str, ...]
    command: str
    without: str
    needed: bool = False
    latest: bool = False


READERS = (
    Reader("preprocess", (topics.FRAME_PATTERN,), "preprocess", "no frame is inspected", needed=True),
    Reader("scoring", (topics.PREPARED,), "scoring", "no frame is scored", needed=True),
    Reader("shadow-scoring", (topics.SHADOW_PREPARED,), "shadow-scoring", "no shadow scores, and no trial ends"),
    Reader("alerting", (topics.SCORES,), "alerting", "nobody is paged", needed=True),
    Reader(
        "alerting.people", (topics.INCIDENTS,), "alerting", "pages repeat though somebody took them on", latest=True
    ),
    Reader("alerting.notices", (topics.NOTICES,), "alerting", "nobody hears what Andon did by itself"),
    Reader("alerting.findings", (topics.DRIFT,), "alerting", "nobody hears that the inspection is wrong"),
    Reader("alerting.false-calls", (topics.SCORES, topics.VERDICTS), "alerting", "false calls are not counted"),
    Reader(
        "evidence", (topics.INCIDENTS, topics.VERDICTS), "evidence", "the frames of incidents go with Kafka's retention"
    ),
    Reader("drift", (topics.SCORES, topics.SIGNALS), "drift", "nobody notices drift, nor a fault of a camera"),
    Reader(
        "trainer",
        (topics.SCORES, topics.SHADOW_SCORES, topics.REQUESTS),
        "trainer",
        "new stations get no bundle, and no request is worked on",
    ),
    Reader(
        "ledger",
        (topics.LEDGER, topics.SCORES, topics.DEAD_LETTERS),
        "ledger-watch",
        "nobody notices that a frame got lost",
    ),
    Reader("machines-mqtt", (topics.SCORES,), "machines", "no machine gets a verdict by MQTT", latest=True),
    Reader("machines-mqtt-incidents", (topics.INCIDENTS,), "machines", "no machine hears of incidents by MQTT"),
    Reader("machines-opcua", (topics.SCORES,), "machines", "no machine gets a verdict by OPC UA", latest=True),
)
"""Every group of Andon. Those who read without a group (console, ingest, heartbeat) leave no trace in Kafka."""
