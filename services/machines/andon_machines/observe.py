"""What machines count, from outside."""

from collections.abc import Callable
from datetime import datetime

from andon.metrics import Metrics
from andon_machines.result import PartResult


def counted(metrics: Metrics, sink: str) -> Callable[[PartResult, datetime], None]:
    """Counts and times each verdict that `sink` accepted."""
    by_late = {late: metrics.machine_verdicts.labels(sink, str(late).lower()) for late in (False, True)}
    latency = metrics.machine_latency.labels(sink)

    def told(result: PartResult, now: datetime) -> None:
        by_late[result.late].inc()
        latency.observe(max(0.0, (now - result.captured_at).total_seconds()))

    return told
