"""The results as Markdown."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

LOST = 2.0  # points of AUROC, from which the flag comes too late
SHARE = 0.9

HEAD = """# driftbench, images: does drift say so before it does harm, and does it say what it is?

Made by `make driftbench` (`bench/driftbench/images.py`). Clean frames are real ones seen again and again by a camera
that never takes quite the same picture: a part drawn at random, placed up to half a pixel elsewhere each way, a lamp
that wavers by 0.5 % (AR(1), correlation 0.9), noise of 1.5 grey levels. The bundle is `andon fit`'s (256x256,
per-position Gaussian, levelled), on other frames than those streamed; the numbers are measured by preprocess's own
code, charts and names are those of `andon drift`, asked for one false ticket in 30 days at a frame a second. A ramp
grows from nothing to what stands beside it within {frames} frames; another product, and the real other exposure of the
magnetic tiles, come at once. AUROC is of labelled frames that are all spoilt so much; its points are hundredths.

![A frame as it was, and as it was when the drift was flagged: drawn parts](driftbench-images.png)

"""


def write_table(file: Path, rows: Sequence[Any], clean: Sequence[Any], frames: int = 2000) -> None:
    """Gates first, then the ramps set by set, then the clean side and every sentence."""
    parts = [HEAD.format(frames=frames), gates(rows, clean), ramps(rows), still(clean), sentences(rows)]
    file.write_text("\n".join(parts))


def gates(rows: Sequence[Any], clean: Sequence[Any]) -> str:
    """What was asked for, and what came of it."""
    gradual = [row for row in rows if row.lost is not None and not row.abrupt]
    late = [row for row in gradual if row.lost >= LOST]
    harmful = [row for row in gradual if row in late or (row.auroc_clean - row.auroc_end) * 100 >= LOST]
    flagged = [row for row in rows if row.frame is not None]
    right = sum(row.right for row in flagged)
    false = sum(len(each.flags) for each in clean)
    replayed = sum(each.replay for each in clean)
    missed = len(rows) - len(flagged)
    lines = [
        "| asked for | reached | |",
        "|---|---|---|",
        f"| flagged before AUROC has lost {LOST:.0f} points, of the ramps that cost it so much in the end "
        f"| {len(harmful) - len(late)} of {len(harmful)} | {_mark(not late)} |",
        f"| the cause right in 9 of 10 flagged ramps | {right} of {len(flagged)} "
        f"| {_mark(right >= SHARE * len(flagged))} |",
        f"| no flag on clean frames | {false} in {replayed:,} | {_mark(false == 0)} |",
        "",
        f"{missed} of {len(rows)} ramps were never flagged; the table says what they cost.",
    ]
    return "\n".join([*lines, ""])


def _mark(held: bool) -> str:
    return "PASS" if held else "**MISS**"


def ramps(rows: Sequence[Any]) -> str:
    """One row a ramp."""
    lines = [
        "| set | ramp, and its end | flagged at frame | at severity | by | called | "
        "AUROC clean | there | at the end | lost there |",
        "|---|---|---|---|---|---|---|---|---|---|",
        *(_cells(row) for row in rows),
    ]
    return "\n".join([*lines, ""])


def _cells(row: Any) -> str:
    called = "" if row.named is None else f"{row.named}" if row.right else f"**{row.named}**"
    at = "never" if row.frame is None else f"{row.frame}"
    severity = "" if row.severity is None else f"{row.severity:.0%}"
    figures = [_figure(each) for each in (row.auroc_clean, row.auroc_there, row.auroc_end)]
    late = row.lost is not None and row.lost >= LOST and not row.abrupt
    lost = "" if row.lost is None else f"**{row.lost:+.1f} MISS**" if late else f"{row.lost:+.1f}"
    cells = [row.set, f"{row.ramp}: {row.most}", at, severity, row.by, called, *figures, lost]
    return f"| {' | '.join(cells)} |"


def _figure(value: float | None) -> str:
    return "" if value is None else f"{value:.4f}"


def still(clean: Sequence[Any]) -> str:
    """The clean side."""
    lines = [
        "| set | what | reference, frames | clean frames replayed | flags |",
        "|---|---|---|---|---|",
        *(f"| {c.set} | {c.about} | {c.reference:,} | {c.replay:,} | {len(c.flags)} |" for c in clean),
    ]
    told = [f"- {each.set}, {flag}" for each in clean for flag in each.flags]
    return "\n".join([*lines, "", *told, ""])


def sentences(rows: Sequence[Any]) -> str:
    """What people would have read; a wrong name is bold."""
    lines = [
        f"- {row.set}, {row.ramp}: {row.sentence}" if row.right else f"- **{row.set}, {row.ramp}**: {row.sentence}"
        for row in rows
        if row.sentence
    ]
    return "\n".join(["## What people read", "", *lines, ""])
