"""docs/metrics.md: every metric, from the one class that makes them."""

import re
from inspect import getsource

from prometheus_client import CollectorRegistry

from andon.metrics import Metrics
from generator.markdown import code, page, section, table

_HEADING = re.compile(r"^ +# (.+)$")
_METRIC = re.compile(r"^ +self\.(\w+) = (?:counter|gauge|histogram)\(")


def metrics() -> str:
    """The page."""
    made = Metrics(CollectorRegistry())
    return page(
        "Metrics",
        "Every service answers them at `/metrics`, beside those of the process itself (`process_*`, `python_*`).",
        *(
            section(title, table(("metric", "type", "labels", "meaning"), (_row(getattr(made, a)) for a in attributes)))
            for title, attributes in _grouped().items()
        ),
    )


def _grouped() -> dict[str, list[str]]:
    """The attributes of Metrics under the comments that part them."""
    groups: dict[str, list[str]] = {}
    title = ""
    for line in getsource(Metrics).splitlines():
        if heading := _HEADING.match(line):
            title = heading[1].partition(",")[0]
        elif metric := _METRIC.match(line):
            groups.setdefault(title, []).append(metric[1])
    return groups


def _row(metric: object) -> tuple[str, ...]:
    """prometheus-client tells name, type and help of a metric by `describe`, its labels only by this attribute."""
    (family,) = metric.describe()  # type: ignore[attr-defined]
    labels: tuple[str, ...] = metric._labelnames  # type: ignore[attr-defined]
    suffix = "_total" if family.type == "counter" else ""
    return code(family.name + suffix), family.type, ", ".join(map(code, labels)), family.documentation
