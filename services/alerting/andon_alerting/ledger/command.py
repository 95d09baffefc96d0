"""`andon ledger`: whether every captured frame is accounted for; if not, which are missing and where they vanished."""

from datetime import UTC, datetime, timedelta
from typing import Annotated, Any

import typer
from rich.box import SIMPLE_HEAD
from rich.table import Table

from andon.commands.words import paper, print_json, say, warn
from andon.errors import Broken, Invalid, Mistake
from andon.ids import station_id
from andon.incidents.when import spoken, told
from andon.redis_client import PASSING, connect
from andon.settings import load
from andon_alerting.ledger.memory import RedisLedger, Watched
from andon_alerting.ledger.rows import gone_of, station_row, station_words
from andon_alerting.ledger.settings import LedgerWatchSettings
from andon_alerting.ledger.station import Station
from andon_alerting.ledger.words import moment

ALONE_S = 60.0
"""Nobody watches a partition that was not looked at for so long."""
OF_STATIONS = ("station", "captured", "scored", "refused", "skipped", "waiting (oldest)", "missing", "lost")
OF_GONE = ("station", "capture (UTC)", "numbers", "frames", "vanished in", "last seen (UTC)", "", "look further")
START = "start: andon ledger-watch"


def ledger(
    station: Annotated[str | None, typer.Argument(help="Only this station.")] = None,
    missing: Annotated[bool, typer.Option("--missing", help="Only stations that miss frames, and these.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object.")] = False,
) -> None:
    """Show whether every captured frame is accounted for: captured = scored + refused + waiting + missing + lost.

    What waits is captured and has no end yet; in brackets, for how long the oldest does. What has none for
    ANDON_LEDGER__SETTLE_S after it should have is missing: the second table says which numbers of which capture, and
    behind which hop they vanished: ingest, camera.frames, preprocess, frames.prepared, scoring or scores. Frames that
    nobody found within ANDON_LEDGER__FORGET_S are lost. Skipped is what ingest left out; it never became a frame.

    Exit status 0 when nothing is missing, 1 when something is, or when nobody watches (andon ledger-watch).

    Example: andon ledger press-1

    Example: andon ledger --missing --json
    """
    settings = load(LedgerWatchSettings)
    store = RedisLedger(connect(settings.redis), settings.redis.key_prefix)
    try:
        watched, found = _read(store, station)
    except PASSING as error:
        raise Broken(f"Redis does not answer: {error}; is ANDON_REDIS__URL right?") from None
    now = datetime.now(UTC)
    if station is not None and not found:
        raise Mistake(f"station {station}: the ledger knows nothing of it; andon ledger lists those it knows")
    rows = [station_row(each, now) for each in found]
    if missing:
        rows = [row for row in rows if row["gone"] or row["missing"] or row["lost"]]
    alone_since = unwatched(watched, found if station else [], now)
    if as_json:
        print_json(_whole(rows, watched, alone_since))
    else:
        _tell(rows, watched, now, missing=missing)
    if alone_since is not None:
        warn(_nobody(watched, alone_since))
    if alone_since is not None or any(not row["balanced"] for row in rows):
        raise typer.Exit(1)


def unwatched(watched: Watched, stations: list[Station], now: datetime) -> int | None:
    """Since when (Unix time in milliseconds) the partitions of these stations (none: all) are not watched; None: they
    are. 0: they never were."""
    partitions: list[int | None] = [each.partition for each in stations] or [None]
    looked = min((watched.at(each) or 0) for each in partitions)
    return looked if now - moment(looked) > timedelta(seconds=ALONE_S) else None


def _read(store: RedisLedger, station: str | None) -> tuple[Watched, list[Station]]:
    if station is not None:
        try:
            station_id(station)
        except Invalid as invalid:
            raise Mistake(invalid.detail) from None
    names = store.names() if station is None else [station]
    watched = store.watched()
    return watched, list(store.load(names, watched.began).values())


def _whole(rows: list[dict[str, Any]], watched: Watched, alone_since: int | None) -> dict[str, Any]:
    looked = watched.at()
    return {
        "balanced": alone_since is None and all(row["balanced"] for row in rows),
        "watched": alone_since is None,
        "looked": moment(looked).isoformat() if looked else None,
        "kept_since": moment(watched.began).isoformat() if watched.began else None,
        "stations": rows,
    }


def _tell(rows: list[dict[str, Any]], watched: Watched, now: datetime, *, missing: bool) -> None:
    if rows:
        paper().print(_table(OF_STATIONS, [station_words(row) for row in rows], right=OF_STATIONS[1:]))
    gone = gone_of(rows)
    if gone:
        paper().print(_table(OF_GONE, gone, right=("numbers", "frames")))
    say(_summary(rows, watched, now, missing=missing))


def _summary(rows: list[dict[str, Any]], watched: Watched, now: datetime, *, missing: bool) -> str:
    looked = watched.at()
    age = f"as of {spoken(now - moment(looked))} ago" if looked else "nobody has looked yet"
    since = f", kept since {told(moment(watched.began))}" if watched.began else ""
    count = sum(row["missing"] for row in rows)
    if count:
        return f"{count:,} missing ({age}{since})"
    return f"{'nothing is missing' if rows or missing else 'no frames yet'} ({age}{since})"


def _nobody(watched: Watched, alone_since: int) -> str:
    if watched.began is None:
        return f"no ledger is kept here; {START}"
    since = f" since {told(moment(alone_since))}" if alone_since else ""
    return f"nobody watches{since}: what has vanished meanwhile is not known; {START}"


def _table(names: tuple[str, ...], rows: list[tuple[str, ...]], right: tuple[str, ...]) -> Table:
    table = Table(box=SIMPLE_HEAD, pad_edge=False, show_edge=False)
    for name in names:
        table.add_column(name, overflow="fold", justify="right" if name in right else "left")
    for row in rows:
        table.add_row(*row)
    return table
