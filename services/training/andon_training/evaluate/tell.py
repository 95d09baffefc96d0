"""An evaluation in a few lines, for people at a terminal."""

from collections.abc import Iterator

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from andon.rates.intervals import CONFIDENCE, Rate
from andon_training.evaluate.record import against_calibration, missing
from andon_training.evaluate.report import figure, percent
from andon_training.evaluate.run import Evaluation
from andon_training.printable import printable

MOST_TOLD = 5  # of the skipped, and of the warnings
Row = tuple[str, str, str]


def tell(console: Console, found: Evaluation) -> None:
    """Prints the figures, what was skipped, and every warning."""
    console.print(f"bundle {found.bundle.digest}")
    console.print(_table(("", "", ""), _rows(found)))
    if found.kinds:
        console.print(_table(("defect", "frames", "escapes", "AUROC"), _kind_rows(found)))
    for word, lines in (("skipped", found.skipped), ("warning", found.warnings)):
        for line in lines[:MOST_TOLD]:
            console.print(f"[yellow]{word}[/yellow] {escape(printable(line))}")
        if len(lines) > MOST_TOLD:
            console.print(f"[yellow]{word}[/yellow] {len(lines)} in all; --json names them")


def _table(columns: tuple[str, ...], rows: Iterator[tuple[str, ...]]) -> Table:
    table = Table(box=SIMPLE_HEAD, pad_edge=False, show_header=any(columns), show_edge=False)
    for i, column in enumerate(columns):
        table.add_column(column, justify="left" if i == 0 or not any(columns) else "right")
    for row in rows:
        table.add_row(*map(escape, row))
    return table


def _rows(found: Evaluation) -> Iterator[Row]:
    why = dict(missing(found))
    parts, image, pixels, single = found.image.separation, found.image, found.pixels, found.speeds[0]
    yield "false calls", percent(image.false_calls), _counted(image.false_calls, "good") or why["false_call_rate"]
    yield "", "", _promise(found)
    yield "escapes", percent(image.escapes), _counted(image.escapes, "defective") or why["escape_rate"]
    yield "image AUROC", figure(parts.auroc if parts else None), why.get("image_auroc", "")
    yield "average precision", figure(parts.average_precision if parts else None), why.get("average_precision", "")
    best = f"at best {parts.best_f1:.3f}, threshold {parts.best_f1_threshold:.4g}" if parts else why["f1"]
    yield "F1", figure(parts.f1 if parts else None), best
    yield "pixel AUROC", figure(pixels.auroc if pixels else None), why.get("pixel_auroc", "")
    yield "AUPRO", figure(pixels.aupro if pixels else None), why.get("aupro", "to a false positive rate of 0.3")
    if pixels:
        yield "regions found", percent(pixels.froc.at(2).found), f"of {pixels.regions}, at 2 false blobs a frame"
    yield "time a frame", f"{single.ms_median:.1f} ms", f"p99 {single.ms_p99:.1f} ms; one thread, {found.provider}"


def _kind_rows(found: Evaluation) -> Iterator[tuple[str, str, str, str]]:
    for kind in found.kinds:
        escapes = f"{kind.escapes.count} ({percent(kind.escapes)})"
        yield printable(kind.kind), str(kind.escapes.of), escapes, figure(kind.auroc)


def _counted(rate: Rate | None, word: str) -> str:
    if rate is None:
        return ""
    between = f"{percent(rate.low)} to {percent(rate.high)}"
    return f"{rate.count} of {rate.of} {word}; truly {between} ({CONFIDENCE:.0%} sure)"


def _promise(found: Evaluation) -> str:
    calibration = found.bundle.manifest.calibration
    kept = against_calibration(calibration, found.image.false_calls)
    promise = f"calibration said {percent(calibration.interval.low)} to {percent(calibration.interval.high)}"
    if kept["within"] is None:
        return promise
    if kept["within"]:
        return f"{promise}: kept"
    return f"{promise}: " + ("too few good frames to tell" if kept["compatible"] else "NOT kept on these frames")
