"""How the commands of training speak to people: to stderr, so that --json alone is on stdout."""

from collections.abc import Callable, Sequence

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn


def console_for_people() -> Console:
    """Where words, bars and warnings go: stderr."""
    return Console(stderr=True, highlight=False, soft_wrap=True)


def progress_bar(console: Console) -> Progress:
    """Bars that leave nothing behind."""
    columns = (TextColumn("{task.description:>10}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    return Progress(*columns, console=console, transient=True)


def shown(bar: Progress, steps: Sequence[str]) -> Callable[[str, int, int], None]:
    """`progress(step, done, of)` on one bar a step."""
    tasks = {step: bar.add_task(step, total=None) for step in steps}

    def show(step: str, done: int, of: int) -> None:
        bar.update(tasks[step], completed=done, total=of)

    return show
