"""When a station goes over to another product: counted, so that dashboards can mark it."""

from collections.abc import Sequence
from datetime import datetime

from andon.metrics import Metrics
from andon.records import Score
from andon.stage import Handler, Record, Result
from andon_scoring.score import Scored


def with_changeovers(handle: Handler, metrics: Metrics) -> Handler:
    """`handle`, with the changeovers of its stations counted in `andon_changeovers_total`.

    A frame that names no product says nothing; nor does a golden one, or a dead letter that was sent again. What a
    station made before this process began is not known, so its first frame counts nothing.
    """
    making: dict[str, str] = {}

    def count(records: Sequence[Record], now: datetime) -> list[Result]:
        results = list(handle(records, now))
        for result in results:
            if isinstance(result, Scored):
                _follow(result.score, making, metrics)
        return results

    return count


def _follow(score: Score, making: dict[str, str], metrics: Metrics) -> None:
    if score.product is None or score.golden is not None or score.replayed:
        return
    before = making.get(score.station)
    making[score.station] = score.product
    if before is None:
        metrics.changeovers.labels(score.station).inc(0)  # there from the first frame on, so that rate() sees the first
    elif before != score.product:
        metrics.changeovers.labels(score.station).inc()
