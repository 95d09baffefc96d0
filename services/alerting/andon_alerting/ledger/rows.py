"""The ledger as `andon ledger` tells it: plain values for --json, words for tables. Pure."""

from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from andon.ids import foreign_frame_id, frame_id
from andon.incidents.when import spoken, stamp
from andon.passing import Which
from andon_alerting.ledger.account import Account, Gone
from andon_alerting.ledger.spans import Run
from andon_alerting.ledger.station import Station
from andon_alerting.ledger.words import moment, where


def station_row(station: Station, now: datetime) -> dict[str, Any]:
    """One station: captured = scored + refused + waiting + missing + lost; what was skipped never became a frame."""
    totals = station.totals
    return {
        "station": station.name,
        "since": moment(totals.since).isoformat(),
        "captured": station.captured,
        "scored": totals.scored,
        "dead_lettered": {reason: count for reason, count in sorted(totals.dead.items()) if count},
        "skipped": dict(sorted(totals.skipped.items())),
        "waiting": station.waiting,
        "waited_s": waited_s(station, now),
        "missing": station.missing,
        "lost": totals.lost,
        "balanced": station.missing == 0,
        "gone": [*gone_rows(station)],
    }


def waited_s(station: Station, now: datetime) -> float | None:
    """How long it is known already of the frame that waits for longest; None where none waits."""
    since = min((known.since for _, (_, _, known) in station.pending()), default=None)
    return None if since is None else round(max(0.0, (now - moment(since)).total_seconds()), 1)


def gone_rows(station: Station) -> Iterator[dict[str, Any]]:
    """Each range that is missing, and then each that was given up, as far as its numbers are remembered."""
    for account in station.accounts.values():
        yield from (_gone_row(account, run, lost=False) for run in account.missing)
    for account in station.accounts.values():
        yield from (_gone_row(account, run, lost=True) for run in account.lost)


def _gone_row(account: Account, run: Run[Gone], *, lost: bool) -> dict[str, Any]:
    (first, last, gone), which = run, account.which
    return {
        "began": moment(which.epoch).isoformat() if which.origin is None else None,
        "epoch": which.epoch,
        "origin": which.origin,
        "first": first,
        "last": last,
        "frames": last - first + 1,
        "vanished_in": where(gone).value,
        "seen": moment(gone.at).isoformat() if gone.at else None,
        "found_missing": moment(gone.found).isoformat(),
        "lost": lost,
        "frame_id": str(frame_of(which, first)),
    }


def frame_of(which: Which, seq: int) -> UUID:
    """The id of a frame."""
    if which.origin is None:
        return frame_id(which.station, which.epoch, seq)
    topic, _, partition = which.origin.rpartition("/")
    return foreign_frame_id(topic, int(partition) if partition.isdigit() else 0, seq)


def station_words(row: dict[str, Any]) -> tuple[str, ...]:
    """A row of the table of stations."""
    waiting = f"{row['waiting']:,} ({spoken(timedelta(seconds=row['waited_s']))})" if row["waiting"] else "0"
    return (
        row["station"],
        f"{row['captured']:,}",
        f"{row['scored']:,}",
        by_reason(row["dead_lettered"]),
        by_reason(row["skipped"]),
        waiting,
        f"{row['missing']:,}",
        f"{row['lost']:,}",
    )


def by_reason(counts: dict[str, int]) -> str:
    """`3 truncated, 1 empty`, the most frequent first; `0` for none."""
    return (
        ", ".join(f"{count:,} {reason}" for reason, count in sorted(counts.items(), key=lambda each: -each[1])) or "0"
    )


def gone_words(station: str, row: dict[str, Any]) -> tuple[str, ...]:
    """A row of the table of what vanished."""
    numbers = f"{row['first']:,}" if row["first"] == row["last"] else f"{row['first']:,} to {row['last']:,}"
    capture = row["origin"] or stamp(datetime.fromisoformat(row["began"]))
    return (
        station,
        capture,
        numbers,
        f"{row['frames']:,}",
        row["vanished_in"],
        stamp(datetime.fromisoformat(row["seen"])) if row["seen"] else "",
        "lost" if row["lost"] else "missing",
        f"andon trace {row['frame_id']}",
    )


def gone_of(rows: Iterable[dict[str, Any]]) -> list[tuple[str, ...]]:
    """The rows of what vanished, of all stations."""
    return [gone_words(row["station"], each) for row in rows for each in row["gone"]]
