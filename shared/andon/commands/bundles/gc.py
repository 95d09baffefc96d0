"""`andon bundles gc`: remove what nobody needs."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Annotated

import typer

from andon.commands import desk as desks
from andon.commands.bundles.use import uses
from andon.commands.shelf import open_store, shelf_settings
from andon.commands.words import moment, paper, print_json, say, short, size_words, warn

if TYPE_CHECKING:
    from andon.assignments import Assignments
    from andon.commands.desk import Desk
    from andon.store import BundleStore, Stored


def gc(
    keep_days: Annotated[float, typer.Option(min=1, help="Keep what was put within so many days.")] = 30,
    yes: Annotated[bool, typer.Option("--yes", help="Do it. Without, it is only shown what would go.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Remove the bundles that no station needs: none that is active, a shadow, or kept in a station's past.

    Never without Kafka, which alone knows what is needed. What was put lately is kept, assigned or not.

    Example: andon bundles gc --keep-days 90 --yes
    """
    settings = shelf_settings()
    store = open_store(settings)
    desk = desks.open_desk(settings.kafka)
    before = datetime.now(UTC) - timedelta(days=keep_days)
    there = store.stored()
    unneeded = unneeded_at(there, desk.table, before)
    leftovers = [each for each in store.leftovers() if each.at is not None and each.at < before]
    gone = _remove(store, desk, unneeded) if yes else unneeded
    if yes:
        for each in leftovers:
            store.remove_leftover(each.digest)
    desk.close()
    _tell(there, gone, leftovers, yes, as_json)


def unneeded_at(there: "Sequence[Stored]", table: "Assignments", before: datetime) -> "list[Stored]":
    """Those of `there` that were put before then and that the table does not need. What has no date is kept."""
    needed = uses(table)
    return [each for each in there if each.at is not None and each.at < before and not needed.of(each.digest).any]


def _remove(store: "BundleStore", desk: "Desk", unneeded: "Sequence[Stored]") -> "list[Stored]":
    """Removes them, each unless somebody has assigned it by now; answers those that are gone."""
    gone = []
    for each in unneeded:
        desk.refresh()
        if uses(desk.table).of(each.digest).any:
            warn(f"{short(each.digest)} was assigned just now, and is kept")
            continue
        store.remove(each.digest)
        gone.append(each)
    return gone


def _tell(
    there: "Sequence[Stored]", gone: "Sequence[Stored]", leftovers: "Sequence[Stored]", yes: bool, as_json: bool
) -> None:
    size = sum(each.size for each in (*gone, *leftovers))
    undated = sum(each.at is None for each in there)
    if as_json:
        digests = [each.digest for each in gone]
        parts = [each.digest for each in leftovers]
        print_json({"removed": yes, "bundles": digests, "leftovers": parts, "bytes": size, "of": len(there)})
    else:
        for each in gone:
            paper().print(f"{each.digest}  {moment(each.at)}  {size_words(each.size)}", markup=False)
    what = f"{len(gone)} of {len(there)} bundles, {len(leftovers)} unfinished files, {size_words(size)}"
    say(
        f"removed: {what}"
        if yes
        else f"would be removed: {what}; --yes does it"
        if gone or leftovers
        else "nothing to remove"
    )
    if undated:
        warn(f"the store does not say when {undated} of its bundles were put: these are kept")
