"""ledger-watch: what services say passed them, scores and dead letters -> what is missing, and where it vanished."""

from contextlib import closing
from datetime import timedelta

from andon.kafka import KafkaDeadLetters, KafkaSink, TopicReader
from andon.kafka.clients import SMALL_FETCH_BYTES
from andon.kafka.even import check_together
from andon.kafka.source import Place, Subscription
from andon.redis_client import Patience, connect
from andon.run import Service, andon_version, serve, utc_now
from andon.stage import Stage
from andon.topics import DRIFT, LEDGER, READ_BY
from andon_alerting.ledger.beginning import began
from andon_alerting.ledger.board import Board
from andon_alerting.ledger.booking import Booking
from andon_alerting.ledger.groups import KafkaGroups
from andon_alerting.ledger.keeping import Keeping
from andon_alerting.ledger.memory import RedisLedger
from andon_alerting.ledger.observe import Shown
from andon_alerting.ledger.opened import Opened
from andon_alerting.ledger.orphans import Orphans
from andon_alerting.ledger.reading import READS
from andon_alerting.ledger.settings import LedgerWatchSettings, look_every_s, patience
from andon_alerting.ledger.sweep import Reads, Sweep
from andon_alerting.ledger.watching import Watching

GROUP = "ledger"
BATCH = 512
"""Records in a turn, at least: they are small."""


def ledger_watch() -> None:
    """Prove that nothing was lost: every captured frame is scored, refused, or somebody is told where it vanished.

    Adds up what services say passed them (topic `ledger`), the scores and the dead letters, station by station. A frame
    that has no end after ANDON_LEDGER__SETTLE_S is missing: alerting opens the incident ledger_out_of_balance, which
    names the numbers and the hop. `andon ledger` prints it all.

    Example: ANDON_KAFKA__BOOTSTRAP_SERVERS=kafka:9092 ANDON_REDIS__URL=redis://redis:6379/0 andon ledger-watch
    """
    serve("ledger-watch", LedgerWatchSettings, wire)


def wire(service: Service, settings: LedgerWatchSettings) -> None:
    """Builds the stage from the real things and runs it."""
    kafka, limits, board = settings.kafka, patience(settings.ledger), Board()
    group = f"{kafka.group_prefix}.{GROUP}"
    check_together(kafka, READS)
    memory = RedisLedger(connect(settings.redis), settings.redis.key_prefix)
    restful = Patience(service.heart.beat, settings.redis_patience_s)
    board.began = restful(lambda: began(kafka, group, memory, timedelta(hours=settings.ledger.rebuild_h), utc_now()))

    def moved(places: list[Place]) -> None:
        keeping.moved(places)
        watching.moved()

    def keep_place() -> None:
        source.idle()
        service.heart.beat()

    many = kafka.model_copy(update={"batch_records": max(BATCH, kafka.batch_records)})
    source = service.kafka_source(many, Subscription(READS, group, fetch_bytes=SMALL_FETCH_BYTES), on_change=moved)
    groups, own = KafkaGroups(kafka), Reads(group, READS)
    read_by = dict(READ_BY) | {"preprocess": settings.frames}
    upstream = [Reads(f"{kafka.group_prefix}.{name}", (read_by[name],)) for name in ("preprocess", "scoring")]

    def ours(place: Place) -> bool:
        return place[0] not in READS or place in source.assignment

    def leads() -> bool:
        return (LEDGER, 0) in source.assignment

    def knows(station: str) -> bool:
        return bool(waiting(lambda: memory.load([station])))

    waiting = Patience(keep_place, settings.redis_patience_s)
    with closing(Opened(TopicReader(kafka, DRIFT))) as opened:
        keeping = Keeping(source, lambda: source.assignment, memory, board, opened, waiting)
        watching = Watching(
            board,
            Sweep(groups, (own,), ours),
            Sweep(groups, (*upstream, own), ours),
            limits,
            utc_now,
            look_every_s(settings.ledger),
            Shown(service.metrics),
            Orphans(
                opened,
                limits,
                lambda: (LEDGER, 0) in source.assignment,
                lambda name: bool(waiting(lambda: memory.load([name]))),
            ),
        )
        stage = Stage(
            name=service.name,
            source=keeping,
            handle=Booking(board, limits.settle_ms, opened.told),
            sink=KafkaSink(kafka, compression="zstd"),
            dead_letters=KafkaDeadLetters(kafka, settings.dead_letters, service.name, andon_version()),
        )
        service.run(stage, each_turn=[watching])
