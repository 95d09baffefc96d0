"""What `andon signals` says of a table before and after it is sent."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise
from statistics import median
from typing import Any

from rich.table import Table as Grid

from andon_ingest.signals.table import Row, Seen, Table

SEPARATORS = {";": "semicolons", ",": "commas", "\t": "tabs", "|": "bars"}


@dataclass(frozen=True, slots=True)
class Numbers:
    """One number of a table, over all rows that have it."""

    name: str
    unit: str
    count: int
    missing: int
    least: float
    median: float
    most: float


def numbers(table: Table, rows: Sequence[Row], seen: Seen) -> list[Numbers]:
    """Of each column."""
    found = []
    for column in table.columns:
        values = sorted(row.values[column.name] for row in rows if column.name in row.values) or [float("nan")]
        missing = seen.missing.get(column.name, 0)
        span = values[0], median(values), values[-1]
        found.append(Numbers(column.name, column.unit, len(values), missing, *span))
    return found


def grid(found: Sequence[Numbers]) -> Grid:
    """As people read it."""
    shown = Grid(box=None, pad_edge=False)
    for name in ("name", "unit"):
        shown.add_column(name)
    for name in ("numbers", "missing", "least", "median", "most"):
        shown.add_column(name, justify="right")
    for each in found:
        span = [f"{value:.6g}" for value in (each.least, each.median, each.most)]
        shown.add_row(each.name, each.unit, str(each.count), str(each.missing), *span)
    return shown


def understood(table: Table, rows: Sequence[Row], seen: Seen) -> str:
    """How the file was read, in a sentence."""
    comma = ", decimal commas" if table.decimal_comma else ""
    not_read = f"; not read: {', '.join(table.not_read)}" if table.not_read else ""
    when = f"{rows[0].at:%Y-%m-%d %H:%M:%S} to {rows[-1].at:%Y-%m-%d %H:%M:%S} UTC" if rows else "no time"
    pace = f", one every {_period(rows):g} s" if len(rows) > 1 else ""
    return (
        f"{table.path.name}: {SEPARATORS[table.separator]}{comma}; time in {table.time.name!r}; {len(rows)} readings, "
        f"{when}{pace}{left_out(seen)}{not_read}."
    )


def left_out(seen: Seen) -> str:
    """What was passed over, in words; '' for nothing."""
    parts = {
        f"{seen.left_out} numbers missing or not finite": seen.left_out,
        f"{seen.late} rows not newer than the one before": seen.late,
        f"{seen.empty} rows without a number": seen.empty,
    }
    said = [text for text, count in parts.items() if count]
    return f"; left out: {', '.join(said)}" if said else ""


def as_record(table: Table, rows: Sequence[Row], seen: Seen) -> dict[str, Any]:
    """The same for programs."""
    return {
        "file": table.path.name,
        "separator": table.separator,
        "decimal_comma": table.decimal_comma,
        "time": table.time.name,
        "readings": len(rows),
        "first": _iso(rows[0].at) if rows else None,
        "last": _iso(rows[-1].at) if rows else None,
        "left_out": seen.left_out,
        "late": seen.late,
        "empty": seen.empty,
        "not_read": list(table.not_read),
        "units": {column.name: column.unit for column in table.columns},
    }


def _iso(at: datetime) -> str:
    return at.isoformat().replace("+00:00", "Z")


def _period(rows: Sequence[Row]) -> float:
    return median((b.at - a.at).total_seconds() for a, b in pairwise(rows))
