"""`andon signals`: a table of readings, or lines of JSON, into `signals`. Wiring and words only."""

import re
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, tzinfo
from pathlib import Path
from typing import Annotated
from zoneinfo import ZoneInfo

import typer
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from andon.commands.words import paper, people, print_json, say, warn
from andon.errors import Invalid, Mistake
from andon.ids import station_id
from andon.kafka.reach import reach
from andon.kafka.sink import KafkaSink
from andon.records.reading import Reading
from andon.settings import load
from andon_ingest.clock import Clock
from andon_ingest.signals import report
from andon_ingest.signals.lenient import make
from andon_ingest.signals.lines import Lines
from andon_ingest.signals.names import snake
from andon_ingest.signals.replay import Replay, paced
from andon_ingest.signals.send import Sending, Sent, send_all
from andon_ingest.signals.settings import SignalsSettings
from andon_ingest.signals.table import Row, Seen, Table, rows, understand
from andon_ingest.signals.times import read_time

TOLD = 5  # refused lines of a pipe are told one by one so often, then counted
MOST_RATE = 10_000
Told = Callable[[Sent], None]


def signals(
    file: Annotated[str, typer.Argument(help="A CSV file with a line of headers; - reads lines of JSON from a pipe.")],
    station: Annotated[str, typer.Option("--station", "-s", help="The station beside which the sensors are.")],
    time: Annotated[str | None, typer.Option(help="The header of the column with the time; else it is found.")] = None,
    zone: Annotated[str, typer.Option(help="Time zone of times that name none, such as Europe/Berlin.")] = "UTC",
    units: Annotated[
        list[str] | None, typer.Option("--units", help="NAME=UNIT, again for more; '[K]' in a header says it, too.")
    ] = None,
    without: Annotated[
        list[str] | None, typer.Option(help="The header of a column to leave out; again for more.")
    ] = None,
    source: Annotated[str | None, typer.Option(help="Who reads them; else the name of the file.")] = None,
    rate: Annotated[
        float | None, typer.Option(min=0.001, max=MOST_RATE, help="Replay: so many a second, with the time of now.")
    ] = None,
    as_now: Annotated[bool, typer.Option("--as-now", help="Replay: as fast as measured, beginning now.")] = False,
    after: Annotated[str | None, typer.Option(help="Only readings after this time: go on where a run ended.")] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show how the file is understood; send nothing.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Say what was sent as one JSON object.")] = False,
) -> None:
    """Send what sensors beside a station read: from a table, or from a bridge that writes lines of JSON.

    Drift then watches each number, and all together, as it watches the pictures; and what moved before the pictures
    did stands in the incident. Names become lower snake case. A number that is missing or not finite is left out, and
    counted. Sending a file twice changes nothing: of one source, only what is newer counts.

    Example: andon signals weld-07.csv --station weld-07 --dry-run

    Example: andon signals weld-07.csv -s weld-07 --units spindle_temperature=K --as-now

    Example: mosquitto_sub -t plc/weld-07 | andon signals - -s weld-07 --source plc
    """
    name, clock = _station(station), Clock()
    if file == "-":
        if any((time, units, without, rate, as_now, after, dry_run)) or zone != "UTC":
            raise Mistake("lines of JSON say all of themselves; with - give only --station, --source and --json")
        raise typer.Exit(_pipe(name, source or "", clock, as_json))
    replay = Replay(rate, as_now, _time(after, "--after"))
    if rate is not None and as_now:
        raise Mistake("--rate says how fast, --as-now as fast as measured: give one of the two")
    path = Path(file)
    table = understand(path, time, _zone(zone), _units(units or []), without or [])
    if dry_run:
        _show(table, name, source, as_json)
    else:
        _send(table, name, _source(source, path), replay, clock, as_json)


def _show(table: Table, station: str, source: str | None, as_json: bool) -> None:
    seen = Seen()
    found = list(rows(table, seen))
    if as_json:
        print_json(report.as_record(table, found, seen))
        return
    paper().print(report.grid(report.numbers(table, found, seen)))
    say(report.understood(table, found, seen))
    if found:
        example = _reading(table, station, _source(source, table.path), found[0])
        say(f"The first, as it would be sent: {example.model_dump_json(exclude_none=True)}")


def _send(table: Table, station: str, source: str, replay: Replay, clock: Clock, as_json: bool) -> None:
    seen, total = Seen(), sum(1 for _ in rows(table, Seen()))  # every mistake of the file is told before it is sent
    settings = load(SignalsSettings)
    reach(settings.kafka)
    sink = KafkaSink(settings.kafka, compression="zstd")
    with _progress(total) as told:
        sending = Sending(sink, told)
        try:
            found = paced(rows(table, seen), replay, clock, sending.turn)
            send_all((_reading(table, station, source, row) for row in found), sending)
        except KeyboardInterrupt:
            warn("interrupted")
        finally:
            sink.close()
    _tell(sending.sent, seen, station, replay.paced, as_json)


def _pipe(station: str, source: str, clock: Clock, as_json: bool) -> int:
    """The exit status: 1 where a line was refused."""
    settings, seen = load(SignalsSettings), Seen()
    reach(settings.kafka)
    sink = KafkaSink(settings.kafka, compression="zstd")

    def refuse(line: int, why: str) -> None:
        seen.refused += 1
        if seen.refused <= TOLD:
            warn(f"line {line}: {why}" + ("; further lines are only counted" if seen.refused == TOLD else ""))

    sending = Sending(sink, lambda _sent: None)
    lines = Lines(station, source, seen, refuse, clock)
    try:
        send_all(lines.readings(sys.stdin.buffer, sending.turn), sending)
    except KeyboardInterrupt:
        warn("interrupted")
    finally:
        sink.close()
    _tell(sending.sent, seen, station, True, as_json)
    return 1 if seen.refused else 0


def _tell(sent: Sent, seen: Seen, station: str, fresh: bool, as_json: bool) -> None:
    last = sent.last.isoformat().replace("+00:00", "Z") if sent.last else None
    if as_json:
        left_out = {"left_out": seen.left_out, "late": seen.late, "empty": seen.empty, "refused": seen.refused}
        print_json({"station": station, "readings": sent.readings, "last": last, **left_out})
        return
    lines = f"; {seen.refused} lines refused" if seen.refused else ""
    on = f"; the last is of {last}" if last else ""
    hint = f", go on with --after {last}" if last and not fresh else ""
    say(f"{station}: {sent.readings} readings sent{report.left_out(seen)}{lines}{on}{hint}.")


def _reading(table: Table, station: str, source: str, row: Row) -> Reading:
    return make(station, source, row.at, row.values, {each.name: each.unit for each in table.columns})


@contextmanager
def _progress(total: int) -> Iterator[Told]:
    """On a terminal, a bar; else nothing but the sentence at the end."""
    console = people()
    if not console.is_terminal:
        yield lambda _sent: None
        return
    bar = (TextColumn("readings"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*bar, console=console, transient=True) as shown:
        task = shown.add_task("", total=total)
        yield lambda sent: shown.update(task, completed=sent.readings)


def _station(name: str) -> str:
    try:
        return station_id(name)
    except Invalid as invalid:
        raise Mistake(f"--station: {invalid.detail}") from None


def _source(given: str | None, path: Path) -> str:
    if given is not None:
        return given
    try:
        return snake(path.stem)
    except Invalid:
        return ""


def _zone(name: str) -> tzinfo:
    try:
        return UTC if name == "UTC" else ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        raise Mistake(f"--zone {name!r}: no such time zone; try Europe/Berlin") from None


def _time(text: str | None, option: str) -> datetime | None:
    try:
        return None if text is None else read_time(text)
    except Invalid as invalid:
        raise Mistake(f"{option}: {invalid.detail}") from None


def _units(given: list[str]) -> dict[str, str]:
    pairs = [re.fullmatch(r"(.+?)=(.{1,32})", each) for each in given]
    wrong = [each for each, pair in zip(given, pairs, strict=True) if pair is None]
    if wrong:
        raise Mistake(f"--units {wrong[0]!r}: write NAME=UNIT, such as spindle_temperature=K")
    return {snake(pair[1]): pair[2] for pair in pairs if pair}
