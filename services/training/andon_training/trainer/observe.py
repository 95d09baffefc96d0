"""What the trainer counts and logs, from outside: wrapped around the handler."""

from collections.abc import Sequence
from datetime import datetime

import structlog

from andon.metrics import Metrics
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
        metrics.stations_without_bundle.set(len(board.newcomers))
        metrics.trials_running.set(len(board.tallies))
        return results

    return counting
