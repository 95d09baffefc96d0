"""Tables of readings: what a CSV file holds, found out from itself, and its rows as readings."""

import csv
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, tzinfo
from itertools import islice
from pathlib import Path

from andon.errors import Invalid, Mistake
from andon.records.reading import MOST_VALUES
from andon_ingest.signals.names import name_and_unit
from andon_ingest.signals.times import read_time

SEPARATORS = (";", "\t", ",", "|")
TIMES = {"time", "timestamp", "datetime", "date_time", "at", "ts", "t", "zeit", "zeitstempel", "date", "datum"}
MISSING = {"", "-", "nan", "null", "none", "n/a", "na", "inf", "-inf", "+inf", "infinity", "-infinity", "bad"}
LOOK = 200  # rows by which a table is understood


@dataclass(frozen=True, slots=True)
class Column:
    """One number of the table: the place of its column, its name and unit."""

    place: int
    name: str
    unit: str


@dataclass(frozen=True, slots=True)
class Table:
    """A file, understood. `not_read` are the headers of columns that are no numbers, or were not asked for."""

    path: Path
    encoding: str
    separator: str
    decimal_comma: bool
    time: Column
    zone: tzinfo
    columns: tuple[Column, ...]
    not_read: tuple[str, ...] = ()


@dataclass(slots=True)
class Seen:
    """What reading came to. `left_out` numbers were missing or not finite (`missing` counts them by name); `late` rows
    were not newer than one before, `empty` ones without a number; `refused` lines of a pipe were no reading."""

    rows: int = 0
    left_out: int = 0
    late: int = 0
    empty: int = 0
    refused: int = 0
    missing: dict[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Row:
    """One row: when, and its numbers by name; some may be missing."""

    at: datetime
    values: dict[str, float]


def understand(
    path: Path,
    time: str | None = None,
    zone: tzinfo = UTC,
    units: Mapping[str, str] | None = None,
    without: Sequence[str] = (),
) -> Table:
    """What `path` holds: its separator, its time column (`time` is its header), its numbers and their units.

    Raises Mistake where that cannot be told.
    """
    encoding = _encoding(path)
    head = _head(path, encoding)
    try:
        separator = _separator(path, head)
        header, *rows = list(csv.reader(head, delimiter=separator))
    except csv.Error as error:
        raise Mistake(f"{path}: no table: {error}") from None
    wide = [row for row in rows if len(row) == len(header)]
    when = _time_column(path, header, wide, time, zone)
    comma = separator != "," and _decimal_comma(wide, when)
    columns, not_read = _columns(path, header, wide, when, comma, without)
    named = _with_units(path, columns, units or {})
    return Table(path, encoding, separator, comma, Column(when, header[when], ""), zone, named, not_read)


def rows(table: Table, seen: Seen) -> Iterator[Row]:
    """The rows in their order, counted in `seen`. Raises Mistake, with line and column, at one that cannot be read."""
    last: datetime | None = None
    for line, cells in _lines(table):
        row = _row(table, cells, line, seen)
        seen.rows += 1
        if last is not None and row.at <= last:
            seen.late += 1
        elif not row.values:
            seen.empty += 1
        else:
            last = row.at
            yield row


def _lines(table: Table) -> Iterator[tuple[int, list[str]]]:
    """The rows below the headers with the number of their line; empty ones are passed over."""
    with table.path.open(encoding=table.encoding, errors="replace", newline="") as file:
        reader = csv.reader(file, delimiter=table.separator)
        try:
            width = len(next(reader))
            for cells in reader:
                if any(cell.strip() for cell in cells):
                    yield reader.line_num, _as_wide(table, cells, width, reader.line_num)
        except csv.Error as error:
            raise Mistake(f"{table.path}:{reader.line_num + 1}: cannot be read: {error}") from None


def _as_wide(table: Table, cells: list[str], width: int, line: int) -> list[str]:
    if len(cells) != width:
        raise Mistake(f"{table.path}:{line}: {len(cells)} cells, but the header has {width}; mend the line")
    return cells


def _row(table: Table, cells: list[str], line: int, seen: Seen) -> Row:
    try:
        at = read_time(cells[table.time.place], table.zone)
    except Invalid as invalid:
        raise Mistake(f"{_where(table, line, table.time.place)}: {invalid.detail}") from None
    values: dict[str, float] = {}
    for column in table.columns:
        value = _value(table, cells[column.place], line, column.place)
        if math.isfinite(value):
            values[column.name] = value
        else:
            seen.left_out += 1
            seen.missing[column.name] = seen.missing.get(column.name, 0) + 1
    return Row(at, values)


def _value(table: Table, cell: str, line: int, place: int) -> float:
    value = number(cell, table.decimal_comma)
    if value is None:
        raise Mistake(
            f"{_where(table, line, place)}: {cell.strip()[:40]!r} is no number; leave the cell empty for none"
        )
    return value


def number(cell: str, decimal_comma: bool = False) -> float | None:
    """The number in a cell; NaN where it says that there is none; None where it says something else."""
    text = cell.strip()
    if text.lower() in MISSING:
        return math.nan
    try:
        return float(text.replace(".", "").replace(",", ".") if decimal_comma and "," in text else text)
    except ValueError:
        return None


def _where(table: Table, line: int, place: int) -> str:
    return f"{table.path}:{line}: column {place + 1}"


def _encoding(path: Path) -> str:
    try:
        with path.open("rb") as file:
            data = file.read(65_536)
    except OSError as error:
        raise Mistake(f"{path}: cannot be read: {error.strerror}") from None
    if b"\0" in data:
        raise Mistake(f"{path}: this is no text; save the table as CSV")
    try:
        data[: data.rfind(b"\n") + 1].decode()
    except UnicodeDecodeError:
        return "cp1252"
    return "utf-8-sig"


def _head(path: Path, encoding: str) -> list[str]:
    with path.open(encoding=encoding, errors="replace", newline="") as file:
        head = list(islice(file, LOOK))
    if len(head) < 2 or not head[0].strip():
        raise Mistake(f"{path}: a table needs a line of headers and at least one row")
    return head


def _separator(path: Path, head: list[str]) -> str:
    widths = {each: [len(row) for row in csv.reader(head, delimiter=each) if row] for each in SEPARATORS}
    fitting = {
        each: found[0] for each, found in widths.items() if found[0] > 1 and found.count(found[0]) > len(found) / 2
    }
    if not fitting:
        raise Mistake(f"{path}:1: no separator found; the columns must be apart by one of ; , | or a tab")
    return max(SEPARATORS, key=lambda each: fitting.get(each, 0))


def _time_column(path: Path, header: list[str], rows: list[list[str]], wanted: str | None, zone: tzinfo) -> int:
    plain: list[str] = [each.strip().lower() for each in header]
    if wanted is not None:
        if wanted.strip().lower() not in plain:
            raise Mistake(f"{path}:1: no column is called {wanted!r}; there are {', '.join(header)[:300]}")
        return plain.index(wanted.strip().lower())
    named = [place for place, each in enumerate(plain) if each.replace(" ", "_") in TIMES]
    candidates: list[int] = [*named, *range(len(header))]
    for place in candidates:
        times = [_is_time(row[place], zone) for row in rows[:20]]
        if times and times.count(True) >= len(times) / 2:
            return place
    raise Mistake(f"{path}:1: no column holds times; name it with --time, there are {', '.join(header)[:300]}")


def _is_time(cell: str, zone: tzinfo) -> bool:
    try:
        read_time(cell, zone)
    except Invalid:
        return False
    return True


def _decimal_comma(rows: list[list[str]], when: int) -> bool:
    cells = [cell.strip() for row in rows for place, cell in enumerate(row) if place != when]
    return any("," in cell and number(cell, decimal_comma=True) is not None for cell in cells)


def _columns(
    path: Path, header: list[str], rows: list[list[str]], when: int, comma: bool, without: Sequence[str]
) -> tuple[list[Column], tuple[str, ...]]:
    """Those with numbers, and the headers of the others."""
    unwanted = {each.strip().lower() for each in without}
    unknown = unwanted - {each.strip().lower() for each in header}
    if unknown:
        raise Mistake(f"--without {', '.join(sorted(unknown))}: no such column; there are {', '.join(header)[:300]}")
    places = [place for place in range(len(header)) if place != when and header[place].strip().lower() not in unwanted]
    kept = [place for place in places if _has_numbers([row[place] for row in rows], comma)]
    columns = [_column(path, header, place) for place in kept]
    _all_different(path, header, columns)
    if not columns or len(columns) > MOST_VALUES:
        raise Mistake(f"{path}: {len(columns)} columns hold numbers; a reading has 1 to {MOST_VALUES}, see --without")
    return columns, tuple(header[place] for place in range(len(header)) if place != when and place not in kept)


def _has_numbers(cells: list[str], comma: bool) -> bool:
    found = [number(cell, comma) for cell in cells]
    return any(each is not None and math.isfinite(each) for each in found)


def _column(path: Path, header: list[str], place: int) -> Column:
    try:
        return Column(place, *name_and_unit(header[place]))
    except Invalid as invalid:
        raise Mistake(f"{path}:1: column {place + 1}: {invalid.detail}") from None


def _all_different(path: Path, header: list[str], columns: list[Column]) -> None:
    first: dict[str, int] = {}
    for column in columns:
        other = first.setdefault(column.name, column.place)
        if other != column.place:
            both = f"{header[other]!r} and {header[column.place]!r}"
            raise Mistake(f"{path}:1: column {column.place + 1}: {both} are both {column.name}; rename one of them")


def _with_units(path: Path, columns: list[Column], units: Mapping[str, str]) -> tuple[Column, ...]:
    unknown = units.keys() - {each.name for each in columns}
    if unknown:
        there = ", ".join(each.name for each in columns)
        raise Mistake(f"--units {', '.join(sorted(unknown))}: {path} has no such number; there are {there}"[:500])
    return tuple(Column(each.place, each.name, units.get(each.name, each.unit)) for each in columns)
