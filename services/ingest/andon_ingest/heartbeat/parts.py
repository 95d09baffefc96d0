"""What a heartbeat is made of, whether it beats for ever or once."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from andon.kafka.follow import FollowedAssignments
from andon.kafka.reach import reach
from andon.kafka.sink import KafkaSink
from andon.stage import Sink
from andon.store import BlobStore, BundleStore, default_cache
from andon_ingest.batch import BatchLimits
from andon_ingest.capture import new_traces
from andon_ingest.claim_check import ClaimCheckSink
from andon_ingest.clock import Clock
from andon_ingest.heartbeat.answers import Answers
from andon_ingest.heartbeat.beats import Beats
from andon_ingest.heartbeat.board import Board, Every
from andon_ingest.heartbeat.golden import Shelf
from andon_ingest.heartbeat.settings import HeartbeatSettings


@dataclass(frozen=True)
class Parts:
    """What a heartbeat is made of."""

    board: Board
    beats: Beats
    answers: Answers
    followed: FollowedAssignments
    sink: Sink

    def follow(self) -> None:
        """Takes in what `models` says anew."""
        if self.followed.refresh():
            self.board.changed()


@contextmanager
def parts(settings: HeartbeatSettings, every: Every) -> Iterator[Parts]:
    """The real things. Raises Broken when Kafka cannot be reached."""
    kafka, clock = settings.kafka, Clock()
    reach(kafka)
    followed = FollowedAssignments(kafka)
    try:
        board = Board(followed.table, every, settings.heartbeat)
        store = BundleStore.of(settings.store, default_cache())
        beats = Beats(board, Shelf(store), clock, new_traces(os.urandom), BatchLimits.of(kafka))
        sink = ClaimCheckSink(KafkaSink(kafka), BlobStore(settings.store.frames))
        yield Parts(board, beats, Answers(kafka, clock.utc()), followed, sink)
    finally:
        followed.close()
