"""`andon drill`: a rehearsal, from the camera to the page. Wiring and words only."""

import signal
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import datetime
from pathlib import Path
from types import FrameType
from typing import Annotated

import typer
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from andon.commands.words import paper, people, print_json, say
from andon.errors import Invalid, Mistake
from andon.ids import drill_of, label, station_id
from andon.settings import load
from andon_ingest.drill.drilling import Asked, Bench, Tell, bench, stations
from andon_ingest.drill.drilling import drill as drill_one
from andon_ingest.drill.faults import Fault
from andon_ingest.drill.judging import Outcome
from andon_ingest.drill.listen import address, listening
from andon_ingest.drill.report import WORDS, Drill, as_record, junit, table
from andon_ingest.drill.settings import DrillSettings

MAX_PIXELS = 25_000_000


def drill(
    station: Annotated[str | None, typer.Argument(help="The station to rehearse.")] = None,
    every: Annotated[bool, typer.Option("--all", help="Each station with an assignment, in turn.")] = False,
    only: Annotated[str | None, typer.Option(help="Of blur,dim,shift,frozen,defect,silence only these.")] = None,
    repeat: Annotated[int, typer.Option(min=1, max=1000, help="Each so many times, for the p50 and p99.")] = 1,
    images: Annotated[Path | None, typer.Option(help="Good frames of a folder, instead of the station's last.")] = None,
    product: Annotated[str | None, typer.Option(help="Frames of this product; of the one made last otherwise.")] = None,
    rate: Annotated[
        float | None, typer.Option(min=0.05, max=100, help="Frames a second; as the station's otherwise.")
    ] = None,
    strength: Annotated[float, typer.Option(min=0.1, max=4, help="How bad: 2 blurs and shifts twice as far.")] = 1,
    within: Annotated[
        float | None, typer.Option(min=0.1, help="Seconds that a page may take; otherwise 24 frames and 15 s.")
    ] = None,
    listen: Annotated[
        str | None,
        typer.Option(help="HOST:PORT, posted to by Alertmanager's receiver `drill`; times it."),
    ] = None,
    seed: Annotated[int, typer.Option(min=0, help="Same seed, same defects.")] = 0,
    no_notice: Annotated[bool, typer.Option("--no-notice", help="Tell nobody else what came of it.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON array instead of tables.")] = False,
    junit_file: Annotated[Path | None, typer.Option("--junit", help="Also a JUnit report, into this file.")] = None,
) -> None:
    """Make a station's copy go wrong on purpose, and see how people would be told.

    The copy, drill.STATION, is served by the same bundle and gets the station's own last good frames; then blurred,
    dimmed, shifted, frozen and scarred ones, and silence. Printed: whether the cause was named right, and the seconds
    from the first bad frame to the page. Nobody is woken: drills have a route of their own. The station itself is not
    touched, and nothing of the copy is left. 1 unless all is right.

    Set ANDON_LINE and ANDON_POLICY__ as for alerting: it must know the same policy.

    Example: andon drill weld-07

    Example: andon drill weld-07 --only defect --repeat 100 --rate 10

    Example, every night: andon drill --all --junit drill.xml
    """
    asked = Asked(_faults(only), repeat, images, _product(product), rate, strength, within, seed, notice=not no_notice)
    if (station is None) is not every:
        raise Mistake("which station? andon drill STATION, or --all")
    if every and images:
        raise Mistake("--images are good frames of one station; they cannot go with --all")
    name = _station(station) if station else None
    done = _run(load(DrillSettings), name, asked, address(listen) if listen else None, as_json)
    if as_json:
        print_json([as_record(each) for each in done])
    if junit_file:
        junit(done).write(junit_file, encoding="utf-8", xml_declaration=True)
    raise typer.Exit(0 if _all_right(done, name) else 1)


def _run(
    settings: DrillSettings, name: str | None, asked: Asked, at: tuple[str, int] | None, as_json: bool
) -> list[Drill]:
    from andon.images.opencv import configure_opencv

    configure_opencv(MAX_PIXELS)
    with ExitStack() as stack:
        stack.enter_context(_sigterm_interrupts())
        arrived: dict[str, datetime] | None = stack.enter_context(listening(*at)) if at else None
        made = stack.enter_context(bench(settings, arrived))
        done: list[Drill] = []
        for each in [name] if name else _all(made):
            done.append(_one(made, each, asked))
            if not as_json:
                _show(done[-1])
        return done


def _one(at: Bench, station: str, asked: Asked) -> Drill:
    with _progress() as tell:
        return drill_one(at, station, asked, tell, lambda outcome: tell(_words(outcome)))


def _show(drill: Drill) -> None:
    if drill.outcomes:
        paper().print(table(drill))
    for fault, why in drill.left_out.items():
        say(f"{drill.station}: {fault} was left out: {why}")
    say(drill.sentence)


def _all_right(done: list[Drill], name: str | None) -> bool:
    """A station that could not be drilled counts where it was named."""
    return not any(each.failed for each in done) and any(each.right for each in done) and not (name and done[0].skipped)


def _all(at: Bench) -> list[str]:
    found = stations(at)
    if not found:
        raise Mistake("no assignment names a station; andon drill STATION drills one that '*' serves")
    return found


def _words(outcome: Outcome) -> str:
    paged = f", paged after {outcome.paged_s:.2f} s" if outcome.paged_s is not None else ""
    return f"{outcome.fault}: {WORDS[outcome.result]}{paged}"


@contextmanager
def _progress() -> Iterator[Tell]:
    """On a terminal, one line that moves; else a line for each step."""
    console = people()
    if not console.is_terminal:
        yield say
        return
    with Progress(
        SpinnerColumn(),
        TextColumn("{task.description}", markup=False),
        TimeElapsedColumn(),
        console=console,
        transient=True,
    ) as shown:
        task = shown.add_task("")
        yield lambda text: shown.update(task, description=text)


@contextmanager
def _sigterm_interrupts() -> Iterator[None]:
    """SIGTERM ends a drill as Ctrl-C does: the copy is put away first."""

    def interrupt(_number: int, _frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _faults(only: str | None) -> tuple[Fault, ...]:
    if only is None:
        return tuple(Fault)
    names = [each.strip() for each in only.split(",") if each.strip()]
    unknown = [each for each in names if each not in list(Fault)]
    if unknown or not names:
        raise Mistake(f"--only {only!r}: choose of {', '.join(Fault)}")
    return tuple(fault for fault in Fault if fault in names)


def _station(name: str) -> str:
    try:
        found = station_id(name)
    except Invalid as invalid:
        raise Mistake(invalid.detail) from None
    if drill_of(found) is not None:
        raise Mistake(f"{found} is a drill copy itself; name the station: {drill_of(found)}")
    return found


def _product(name: str | None) -> str | None:
    try:
        return None if name is None else label(name, "--product")
    except Invalid as invalid:
        raise Mistake(invalid.detail) from None
