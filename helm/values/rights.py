"""What each component may do at Kafka: its KafkaUser's rights, and no others.

A service without one of them stops, or is blind; one with more could harm what is none of its business.
docs/topics.md says who reads and writes what; here stands as well at what a component only looks: where topics end, and
where groups stand. A name that ends in '*' begins so: topics of frames match a pattern.
"""

from dataclasses import asdict, dataclass

from andon.topics import (
    ALL,
    AUDIT,
    BASELINES,
    DEAD_LETTERS,
    DRIFT,
    FRAMES,
    INCIDENTS,
    LEDGER,
    LETTERS,
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
)

EVERY_FRAMES = f"{FRAMES}*"
READER = "reader"
"""The group of those who read outside any: it has no members, and a client without rights to it is refused."""
EVERY = tuple(topic.name for topic in ALL)

Names = tuple[str, ...]


@dataclass(frozen=True)
class Rights:
    """Topics that are read, written, looked at; groups that are its own; groups and settings that it looks at.

    Groups stand without their prefix. `cluster` holds operations on the cluster itself.
    """

    read: Names = ()
    write: Names = ()
    describe: Names = ()
    configs: Names = ()
    groups: Names = (READER,)
    looks_at: Names = ()
    cluster: Names = ()


COMPONENTS: dict[str, Rights] = {
    "ingest": Rights(write=(EVERY_FRAMES, SIGNALS, LEDGER, DEAD_LETTERS), groups=()),
    "preprocess": Rights(
        read=(EVERY_FRAMES, MODELS),
        write=(PREPARED, SHADOW_PREPARED, LEDGER, DEAD_LETTERS),
        groups=("preprocess", READER),
    ),
    "scoring": Rights(
        read=(PREPARED, MODELS),
        write=(SCORES, MODELS, NOTICES, LEDGER, DEAD_LETTERS),
        groups=("scoring", READER),
    ),
    "shadow-scoring": Rights(
        read=(SHADOW_PREPARED, MODELS),
        write=(SHADOW_SCORES, MODELS, NOTICES, DEAD_LETTERS),
        groups=("shadow-scoring", READER),
    ),
    "drift": Rights(
        read=(SCORES, SIGNALS, DRIFT, BASELINES),
        write=(DRIFT, BASELINES, NOTICES, REQUESTS, DEAD_LETTERS),
        groups=("drift", READER),
    ),
    "alerting": Rights(
        read=(SCORES, INCIDENTS, VERDICTS, NOTICES, DRIFT, SILENCES),
        write=(INCIDENTS, DEAD_LETTERS),
        groups=(
            "alerting",
            "alerting.people",
            "alerting.notices",
            "alerting.findings",
            "alerting.false-calls",
            READER,
        ),
    ),
    "evidence": Rights(  # what is about to expire, it looks at in every topic that must not
        read=(INCIDENTS, VERDICTS, EVERY_FRAMES, SCORES, DRIFT, PREPARED, LEDGER),
        write=(DRIFT, DEAD_LETTERS),
        configs=(INCIDENTS, VERDICTS, EVERY_FRAMES, SCORES, PREPARED, LEDGER),
        groups=("evidence", READER),
        looks_at=("preprocess", "scoring", "alerting", "ledger"),
    ),
    "ledger-watch": Rights(
        read=(SCORES, LEDGER, DEAD_LETTERS, DRIFT),
        write=(DRIFT, DEAD_LETTERS),
        describe=(EVERY_FRAMES, PREPARED),
        groups=("ledger", READER),
        looks_at=("preprocess", "scoring"),
    ),
    "console": Rights(  # people send dead letters again from here, to where they were
        read=(
            *(EVERY_FRAMES, SCORES, SHADOW_SCORES, MODELS, INCIDENTS, VERDICTS, DRIFT, BASELINES, SILENCES),
            *(REQUESTS, AUDIT, LETTERS, DEAD_LETTERS),
        ),
        write=(*(EVERY_FRAMES, SCORES, MODELS, INCIDENTS, VERDICTS, BASELINES, SILENCES, REQUESTS, AUDIT, LETTERS),),
    ),
    "heartbeat": Rights(read=(SCORES, DRIFT, DEAD_LETTERS, MODELS), write=(FRAMES, DRIFT, LEDGER)),
    "heartbeat-once": Rights(read=(SCORES, DRIFT, DEAD_LETTERS, MODELS), write=(FRAMES, LEDGER)),
    "drill": Rights(read=(SCORES, INCIDENTS, MODELS, EVERY_FRAMES), write=(FRAMES, MODELS, NOTICES, LEDGER)),
    "trainer": Rights(
        read=(SCORES, SHADOW_SCORES, REQUESTS, MODELS, EVERY_FRAMES),
        write=(MODELS, NOTICES, REQUESTS, DEAD_LETTERS),
        groups=("trainer", READER),
    ),
    "training-job": Rights(read=(EVERY_FRAMES, SCORES, MODELS)),
    "machines": Rights(
        read=(SCORES, INCIDENTS),
        write=(DEAD_LETTERS,),
        groups=("machines-mqtt", "machines-mqtt-incidents", "machines-opcua", READER),
    ),
    "test": Rights(  # the doctor looks at everything and writes nothing
        read=(EVERY_FRAMES, SCORES, MODELS),
        describe=EVERY,
        configs=EVERY,
        looks_at=("*",),
        cluster=("Describe", "DescribeConfigs"),
    ),
    "demo": Rights(write=(FRAMES, LEDGER, DEAD_LETTERS), groups=()),
    "demo-learn": Rights(read=(MODELS,), write=(MODELS,)),
}
"""By component, as the chart calls them."""


def as_values() -> dict[str, dict[str, list[str]]]:
    """For the chart: what is empty is left out."""
    return {
        name: {what: list(names) for what, names in asdict(rights).items() if names}
        for name, rights in COMPONENTS.items()
    }
