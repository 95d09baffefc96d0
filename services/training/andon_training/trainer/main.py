"""The trainer: scores and scores.shadow -> models and notices; requests -> bundles, and news of the requests."""

import time
from collections.abc import Callable, Sequence

from andon.kafka import KafkaDeadLetters, KafkaSink
from andon.kafka.clients import SMALL_FETCH_BYTES
from andon.kafka.follow import FollowedAssignments
from andon.kafka.source import Subscription
from andon.run import Service, andon_version, serve, utc_now
from andon.stage import Idle, Message, Sink, Stage
from andon.store import BundleStore, default_cache
from andon.topics import NOTICES, REQUESTS, SCORES, SHADOW_SCORES
from andon_training.jobs.opening import leading, workers
from andon_training.jobs.tail import here
from andon_training.trainer.apprentice import Apprentice
from andon_training.trainer.board import Board
from andon_training.trainer.budget import Budget
from andon_training.trainer.decide import Deciding
from andon_training.trainer.desk import Desk
from andon_training.trainer.follow import Following
from andon_training.trainer.history import look_back
from andon_training.trainer.observe import counted
from andon_training.trainer.settings import TrainerSettings


def trainer() -> None:
    """Give new stations their first bundle, and promote, confirm or roll back bundles on trial.

    A station whose frames no bundle scores is counted; after 200 frames that look fit to learn from, a bundle is fitted
    from what Kafka holds of it, put into the store and assigned. A shadow with a trial (`andon shadow --promote-after`)
    takes over when it keeps within it; a bundle on probation that does not goes back. People are told of each. What
    people ask for at the console, another budget or a false call remembered, becomes a bundle in the store; it is
    theirs to assign.

    Example: ANDON_STORE__BUNDLES=/bundles ANDON_ONBOARDING__STATIONS='weld-*' andon trainer
    """
    serve("trainer", TrainerSettings, wire)


def wire(service: Service, settings: TrainerSettings) -> None:
    """Stands by until this replica may work, where a Lease says which; then works."""
    with leading(service, settings) as check:
        if check is not None:
            work(service, settings, check)


def work(service: Service, settings: TrainerSettings, check: Callable[[], None]) -> None:
    """Builds the stage from the real things and runs it. `check` raises once another may work."""
    by = workers(settings)
    kafka = settings.kafka.model_copy(update={"group_protocol": "classic", "assignment_strategy": "range"})
    group = f"{kafka.group_prefix}.trainer"  # range: the same partitions of both topics come to one member
    followed = FollowedAssignments(kafka)
    board = Board(
        followed.table,
        settings.onboarding,
        at_once=settings.jobs.most,
        fits=Budget(settings.onboarding.a_day),
        desk=Desk(Budget(settings.jobs.a_day)),
    )
    topics = (SCORES, SHADOW_SCORES, REQUESTS) if settings.requests.enabled else (SCORES, SHADOW_SCORES)
    subscription = Subscription(topics, group, fetch_bytes=SMALL_FETCH_BYTES)
    source = Following(
        service.kafka_source(kafka, subscription),
        board,
        followed,
        BundleStore.of(settings.store, default_cache()),
        lambda places, since: look_back(kafka, group, places, since),
        look_back_h=settings.look_back_h,
        clock=utc_now,
        beat=service.heart.beat,
    )
    apprentice = Apprentice(board, by, time.monotonic, here(settings), trains=settings.jobs.method == "train")
    decide = Deciding(board, settings.settle_s, settings.requests.retry_s, settings.requests.trial)
    stage = Stage(
        name=service.name,
        source=source,
        handle=counted(decide, board, service.metrics),
        sink=NoticesFirst(KafkaSink(kafka, compression="zstd")),
        dead_letters=KafkaDeadLetters(kafka, settings.dead_letters, service.name, andon_version()),
    )
    try:
        service.run(stage, each_turn=[check, apprentice.tend])
    finally:
        apprentice.close()
        followed.close()


class NoticesFirst:
    """Writes notices before the assignments they tell of: what has happened was told, whenever it stops."""

    def __init__(self, sink: Sink) -> None:
        self._sink = sink

    def send(self, messages: Sequence[Message], idle: Idle) -> None:
        """As the sink, in two steps."""
        for first in (True, False):
            part = [each for each in messages if (each.topic == NOTICES) is first]
            if part:
                self._sink.send(part, idle)

    def close(self) -> None:
        """As the sink."""
        self._sink.close()
