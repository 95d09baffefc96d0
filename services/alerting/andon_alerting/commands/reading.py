"""A bar while a long topic is read; nothing where it is quick, or where nobody looks at a terminal."""

from collections.abc import Iterator

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from andon.commands.words import people
from andon.stage import Record
from andon_alerting.commands.desk import Reading

MANY = 20_000
STEP = 1000


def shown(reading: Reading) -> Iterator[Record]:
    """The records, one after another."""
    if reading.of < MANY:
        yield from reading.records
        return
    columns = (TextColumn("reading incidents"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=people(), transient=True) as bar:
        task = bar.add_task("", total=reading.of)
        for number, record in enumerate(reading.records, 1):
            yield record
            if number % STEP == 0:
                bar.update(task, completed=number)
