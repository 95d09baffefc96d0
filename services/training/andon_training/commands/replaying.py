"""What `andon rescore`, `andon explain` and `andon compare` have in common: settings, station, device, pages."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from time import monotonic
from typing import TYPE_CHECKING

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from andon.bundle import write_whole
from andon.errors import Invalid, Mistake
from andon.ids import station_id
from andon.run import andon_version
from andon_training.progress import Progress as Show

if TYPE_CHECKING:
    from andon.inference import Device
    from andon_training.replay.page import Page

QUICKLY = 0.2  # seconds between two looks at the clock


def station(text: str) -> str:
    """`text` if it may name a station. Raises Mistake."""
    try:
        return station_id(text)
    except Invalid as error:
        raise Mistake(error.detail) from None


def device_of(text: str) -> "Device":
    """The device of that name. Raises Mistake."""
    from andon.inference import Device

    if text not in list(Device):
        raise Mistake(f"device {text!r}: cpu, cuda or auto")
    return Device(text)


def check_page(path: Path | None) -> None:
    """Raises Mistake where a page cannot go, before any work is done for nothing."""
    if path is not None and path.is_dir():
        raise Mistake(f"{path}: is a folder; name the page's file")


def write_page(console: Console, path: Path, page: "Page") -> None:
    """The page at `path`, named to people."""
    from andon_training.replay.page import rendered

    write_whole(path, rendered(page, made_at=datetime.now(UTC).astimezone(), andon_version=andon_version()))
    console.print(f"page: [bold]{escape(str(path))}[/bold]")


@contextmanager
def rates(console: Console, steps: Sequence[str]) -> Iterator[Show]:
    """Bars that tell how many a second, and how long it will take; they leave nothing behind."""
    columns = (
        TextColumn("{task.description:>8}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[rate]}"),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=console, transient=True) as bar:
        yield shown(bar, steps)


def shown(bar: Progress, steps: Sequence[str], clock: Callable[[], float] = monotonic) -> Show:
    """`progress(step, done, of)` on one bar a step, drawn a few times a second however often it is told."""
    tasks = {step: bar.add_task(step, total=None, rate="", start=False) for step in steps}
    began: dict[str, float] = {}
    drawn: dict[str, float] = {}

    def show(step: str, done: int, of: int) -> None:
        now = clock()
        if step not in began:
            began[step] = now
            bar.start_task(tasks[step])
        if done < of and now - drawn.get(step, -1.0) < QUICKLY:
            return
        drawn[step] = now
        spent = now - began[step]
        bar.update(tasks[step], completed=done, total=of, rate=f"{done / spent:,.0f}/s" if spent > 0 else "")

    return show
