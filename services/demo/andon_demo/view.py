"""The live view: stations, verdicts, score against threshold, incidents, pages, latency, ledger."""

from datetime import datetime

import numpy as np
from rich.box import SIMPLE_HEAD
from rich.console import Group, RenderableType
from rich.panel import Panel
from rich.style import Style
from rich.table import Table
from rich.text import Text

from andon.records import IncidentEvent, Severity, Verdict
from andon_demo.tally import Station, Tally

LAMP = {Verdict.OK: "green", Verdict.ANOMALOUS: "red", Verdict.UNSCORABLE: "yellow"}
BAR = 24


def view(
    tally: Tally, *, captured: int, frames_per_s: float, elapsed_s: float, addresses: str, link: str
) -> RenderableType:
    """Everything on one screen."""
    return Group(
        _stations(tally),
        _incidents(tally),
        Text.assemble(
            ("ledger  ", "dim"),
            f"captured {captured} = scored {tally.scored} + dead-lettered {tally.dead_lettered}",
            ("  + on the way ", "dim"),
            f"{max(0, captured - tally.scored - tally.dead_lettered)}",
        ),
        Text.assemble(
            ("speed   ", "dim"),
            f"{frames_per_s:.1f} frames/s",
            ("   camera to verdict ", "dim"),
            _latency(tally),
            ("   running ", "dim"),
            f"{elapsed_s:.0f} s",
        ),
        Text(addresses, style="dim"),
        Text.assemble(("open  ", "dim"), (link, Style(bold=True, link=link)), overflow="fold"),
    )


def _stations(tally: Tally) -> Table:
    table = Table("station", "", "frames", "ok", "anomalous", "unscorable", "score against threshold", box=SIMPLE_HEAD)
    for name, station in sorted(tally.stations.items()):
        colour = LAMP[station.verdict] if station.verdict else "dim"
        counts = [str(station.verdicts[verdict]) for verdict in (Verdict.OK, Verdict.ANOMALOUS, Verdict.UNSCORABLE)]
        table.add_row(name, Text("●", style=colour), str(station.verdicts.total()), *counts, score_bar(station))
    return table


def score_bar(station: Station) -> Text:
    """The last raw score on a scale whose middle is the threshold."""
    if station.score is None or not station.threshold:
        return Text("not scored", style="dim")
    ratio = station.score / station.threshold
    filled = min(BAR, round(ratio * BAR / 2))
    bar = "".join("│" if i == BAR // 2 else ("█" if i < filled else "·") for i in range(BAR))
    return Text.assemble(
        (bar, "red" if ratio > 1 else "green"), f" {station.score:.3g}", (f" / {station.threshold:.3g}", "dim")
    )


def _incidents(tally: Tally) -> Panel:
    latest = sorted(tally.opened.values(), key=lambda event: event.opened_at)[-6:]
    lines = [_incident(tally, event.incident_id) for event in latest] or [Text("none so far", style="dim")]
    open_now = len(tally.opened) - len(tally.resolved & tally.opened.keys())
    title = f"incidents {len(tally.opened)}, open {open_now}, pages {len(tally.paged)}"
    return Panel(Group(*lines), title=title, title_align="left")


def _incident(tally: Tally, incident_id: object) -> Text:
    event = tally.opened[incident_id]  # type: ignore[index]
    over = event.incident_id in tally.resolved
    colour = "dim" if over else ("red" if event.severity is Severity.CRITICAL else "yellow")
    told = tally.paged.get(event.incident_id)
    state = "resolved" if over else ("paged" if told else "open")
    return Text.assemble(
        (f"{_clock(event.opened_at)} {state:<9}", colour), event.summary or str(event.cause), (_worst(event), "dim")
    )


def _worst(event: IncidentEvent) -> str:
    """How far above its threshold the worst frame was when it opened."""
    ratios = [each.score / each.threshold for each in event.evidence if each.score is not None and each.threshold]
    return f"  {max(ratios):.1f} times the limit" if ratios else ""


def _clock(at: datetime) -> str:
    return at.astimezone().strftime("%H:%M:%S")


def _latency(tally: Tally) -> str:
    recent = tally.latencies_ms[-500:]
    if not recent:
        return "no verdict yet"
    p50, p99 = np.percentile(recent, [50, 99])
    return f"p50 {p50:.0f} ms, p99 {p99:.0f} ms"
