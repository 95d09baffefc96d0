"""What the heartbeat counts: every heartbeat by outcome, and how long verdicts took."""

from collections.abc import Sequence
from datetime import datetime

import structlog

from andon.by_station import ByStation
from andon.metrics import Metrics
from andon.stage import Handler, Record, Result
from andon_ingest.heartbeat.board import Board
from andon_ingest.heartbeat.judging import Outcome
from andon_ingest.heartbeat.rounds import Done

QUIET = (Outcome.RIGHT, Outcome.NOT_SENT)  # what cannot be read was told once already


def counted(handle: Handler, board: Board, metrics: Metrics) -> Handler:
    """`handle`, with what came of the heartbeats counted, and logged where it was not right. A station that gets none
    any more has no last right one."""
    shown: set[str] = set()
    outcomes = ByStation(lambda station: {each: metrics.heartbeats.labels(station, each.value) for each in Outcome})

    def count(records: Sequence[Record], now: datetime) -> list[Result]:
        nonlocal shown
        results = list(handle(records, now))
        for done in board.news:
            outcomes(done.station)[done.outcome].inc()
            _time(done, metrics)
            if done.outcome is Outcome.RIGHT:
                metrics.heartbeat_last_right.labels(done.station).set(now.timestamp())
                shown.add(done.station)
            if done.outcome not in QUIET:
                _log(done)
        for station in shown - board.waits.keys():
            metrics.heartbeat_last_right.remove(station)
        shown &= board.waits.keys()
        return results

    return count


def _time(done: Done, metrics: Metrics) -> None:
    for each in done.judged:
        if each.latency_s is not None:
            metrics.heartbeat_latency.observe(each.latency_s)


def _log(done: Done) -> None:
    worst = done.worst
    about = (
        {"why": worst.why.value, "frame": str(worst.sent.frame_id), "golden": worst.sent.golden.name} if worst else {}
    )
    score = worst.score.score if worst and worst.score else None
    structlog.get_logger().warning(
        "heartbeat", station=done.station, outcome=done.outcome.value, score=score, detail=done.detail, **about
    )
