"""What came of a drill, as people read it and as machines do."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any
from xml.etree.ElementTree import Element, ElementTree, SubElement, indent

import numpy as np
from rich.markup import escape
from rich.table import Table

from andon_ingest.drill.faults import EXPECTED, Fault
from andon_ingest.drill.judging import Outcome, Result

WORDS = {
    Result.RIGHT: "named right and paged",
    Result.NOTHING: "nobody was told anything",
    Result.WRONG_CAUSE: "called something else",
    Result.MORE_CAUSES: "named right, but other causes too",
    Result.NOT_PAGED: "named right, but no sink accepted the page",
    Result.TOO_LATE: "named right, but paged too late",
    Result.NOT_NOTIFIED: "named right and paged, but no notification arrived",
}


@dataclass(frozen=True, slots=True)
class Drill:
    """The drill of one station. `problem` says why it was not done, or not to its end; `skipped` that nobody could
    have done it. `left_out` are faults that nobody could find there, and why."""

    station: str
    outcomes: tuple[Outcome, ...] = ()
    problem: str = ""
    skipped: bool = False
    left_out: Mapping[Fault, str] = field(default_factory=dict)
    bundle: str | None = None
    product: str | None = None

    @property
    def right(self) -> bool:
        """Whether everything went as it should."""
        return not self.problem and all(each.right for each in self.outcomes)

    @property
    def failed(self) -> bool:
        """Whether something did not."""
        return not self.right and not self.skipped

    @property
    def sentence(self) -> str:
        """The drill in a sentence, for a notice."""
        if self.problem:
            return f"{self.station}: the drill {'was not done' if self.skipped else 'failed'}: {self.problem}"
        wrong = [each for each in self.outcomes if not each.right]
        paged = [each.paged_s for each in self.outcomes if each.paged_s is not None]
        if wrong:
            told = "; ".join(f"{each.fault} ({_named(each)})" for each in wrong[:6])
            return f"{self.station}: {len(wrong)} of {len(self.outcomes)} drills went wrong: {told}."
        slowest = f", the slowest page after {max(paged):.1f} s" if paged else ""
        return f"{self.station}: {len(self.outcomes)} of {len(self.outcomes)} drills were named right{slowest}."


def _named(outcome: Outcome) -> str:
    beside = f": {', '.join(outcome.beside)}" if outcome.result is Result.MORE_CAUSES else ""
    right = " or ".join(EXPECTED[outcome.fault])
    called = f"called {outcome.named}, not {right}" if outcome.result is Result.WRONG_CAUSE else WORDS[outcome.result]
    return called + beside


def as_record(drill: Drill) -> dict[str, Any]:
    """One station's drill, as --json tells it."""
    return {
        "station": drill.station,
        "product": drill.product,
        "bundle": drill.bundle,
        "right": drill.right,
        "skipped": drill.skipped,
        "problem": drill.problem,
        "left_out": dict(drill.left_out),
        "drills": [
            {**asdict(each), "began": each.began.isoformat(), "expected": list(EXPECTED[each.fault])}
            for each in drill.outcomes
        ],
        "seconds": {fault: seconds(group) for fault, group in by_fault(drill.outcomes)},
    }


def by_fault(outcomes: Sequence[Outcome]) -> Iterator[tuple[Fault, list[Outcome]]]:
    """The outcomes of each fault that was tried."""
    for fault in Fault:
        group = [each for each in outcomes if each.fault is fault]
        if group:
            yield fault, group


def seconds(outcomes: Sequence[Outcome]) -> dict[str, dict[str, float] | None]:
    """p50, p99 and the longest, of each time that was measured."""
    names = ("opened_s", "paged_s", "notified_s", "resolved_s")
    return {name: _quantiles([getattr(each, name) for each in outcomes]) for name in names}


def _quantiles(times: Sequence[float | None]) -> dict[str, float] | None:
    known = [each for each in times if each is not None]
    if not known:
        return None
    p50, p99 = np.percentile(known, (50, 99))
    return {"count": len(known), "p50": round(float(p50), 3), "p99": round(float(p99), 3), "max": max(known)}


def table(drill: Drill) -> Table:
    """One row a fault; of repeated ones the times' p50 and p99."""
    told = "seconds from the first bad frame" + ("; p50/p99" if _is_repeated(drill) else "")
    shown = Table(box=None, padding=(0, 1, 0, 0), caption=told, caption_justify="right")
    for words in ("fault", "called", "right", "frames"):
        shown.add_column(words, no_wrap=True)
    for time in ("opened", "paged", "notified", "over"):
        shown.add_column(time, no_wrap=True)
    for fault, group in by_fault(drill.outcomes):
        shown.add_row(*map(escape, _row(fault, group)))
    return shown


def _row(fault: Fault, group: Sequence[Outcome]) -> tuple[str, ...]:
    named = dict.fromkeys(_called(each) for each in group)
    frames = [each.frames for each in group if each.frames is not None]
    right = sum(each.right for each in group)
    return (
        fault,
        "\n".join(named),
        ("yes" if right else "no") if len(group) == 1 else f"{right}/{len(group)}",
        f"{np.median(frames):g}" if frames else "",
        _time([each.opened_s for each in group]),
        _time([each.paged_s for each in group]),
        _time([each.notified_s for each in group]),
        _time([each.resolved_s for each in group]),
    )


def _called(outcome: Outcome) -> str:
    return "\nand ".join((outcome.named or "nothing", *outcome.beside))


def _time(times: Sequence[float | None]) -> str:
    found = _quantiles(times)
    if found is None:
        return ""
    return f"{found['p50']:.2f}" if found["count"] == 1 else f"{found['p50']:.2f}/{found['p99']:.2f}"


def _is_repeated(drill: Drill) -> bool:
    return any(len(group) > 1 for _, group in by_fault(drill.outcomes))


def junit(drills: Sequence[Drill]) -> "ElementTree[Element]":
    """A JUnit report: a suite for each station, a case for each fault."""
    root = Element("testsuites", name="andon drill")
    for drill in drills:
        wrong = sum(not each.right for each in drill.outcomes)
        errors, cases = drill.failed and bool(drill.problem), len(drill.outcomes) + bool(drill.problem)
        counts = {"tests": cases, "failures": wrong, "errors": errors, "skipped": drill.skipped}
        told = {name: str(int(count)) for name, count in counts.items()}
        suite = SubElement(root, "testsuite", told, name=drill.station)
        for number, each in enumerate(drill.outcomes, 1):
            _case(suite, drill.station, number, each)
        if drill.problem:
            case = SubElement(suite, "testcase", classname=drill.station, name="drill")
            SubElement(case, "skipped" if drill.skipped else "error", message=drill.problem)
    indent(root)
    return ElementTree(root)


def _case(suite: Element, station: str, number: int, outcome: Outcome) -> None:
    took = f"{outcome.paged_s:.3f}" if outcome.paged_s is not None else "0"
    case = SubElement(suite, "testcase", classname=station, name=f"{outcome.fault} {number}", time=took)
    if not outcome.right:
        message = f"must be called {' or '.join(EXPECTED[outcome.fault])}: {_named(outcome)}"
        SubElement(case, "failure", message=message, type=outcome.result)
