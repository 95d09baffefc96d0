"""What the trainer counts and logs, from outside: wrapped around the handler."""

from collections.abc import Sequence
from datetime import datetime

import structlog

from andon.metrics import Metrics
from andon.records import JobPhase
from andon.stage import Handler, Record, Result
from andon_training.trainer.board import Board


def counted(handle: Handler, board: Board, metrics: Metrics) -> Handler:
    """`handle`, with its decisions counted and logged."""

    def counting(records: Sequence[Record], now: datetime) -> list[Result]:
        results = list(handle(records, now))
        for each in board.news:
            metrics.trainer_decisions.labels(each.kind.value, each.why).inc()
            structlog.get_logger().info(each.kind.value, station=each.station, why=each.why, says=each.says)
        for told in board.desk.told:
            about = {"station": told.station, "request": str(told.request_id), "bundle": told.bundle}
            structlog.get_logger().info(f"request_{told.state.value}", **about, says=told.sentence)
        for finish in board.ended:
            metrics.training_jobs_ended.labels(finish.end.value).inc()
            metrics.training_job_seconds.observe(finish.seconds)
        board.ended = []
        for phase in JobPhase:
            metrics.training_jobs.labels(phase.value).set(_how_many(board, phase))
        metrics.stations_without_bundle.set(len(board.newcomers))
        metrics.trials_running.set(len(board.tallies))
        return results

    return counting


def _how_many(board: Board, phase: JobPhase) -> int:
    """Pieces of work that stand so; those that nobody has begun wait."""
    if phase is not JobPhase.WAITING:
        return board.phases.count(phase)
    return len(board.desk.waiting) - len(board.desk.taken)
