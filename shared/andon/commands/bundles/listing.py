"""`andon bundles list`."""

from collections.abc import Sequence
from itertools import islice
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.markup import escape
from rich.table import Table

from andon.budget import budget_words
from andon.commands.shelf import open_store, shelf_settings
from andon.commands.words import moment, paper, print_json, say, short, size_words, warn

if TYPE_CHECKING:
    from andon.bundle import BundleError, Card
    from andon.commands.bundles.use import Use, Uses
    from andon.store import Stored

    Line = tuple[Stored, Card | BundleError]

COLUMNS = ("digest", "product", "method", "AUROC", "false calls (true rate)", "budget", "size", "made", "serves")


def list_bundles(
    last: Annotated[int, typer.Option(min=1, help="How many, the latest put first.")] = 50,
    everything: Annotated[bool, typer.Option("--all", help="All of them.")] = False,
    product: Annotated[str | None, typer.Option(help="Only those made for this product.")] = None,
    store: Annotated[str | None, typer.Option(help="Another store than the settings name: any fsspec URL.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON array instead of a table.")] = False,
) -> None:
    """Show the bundles of the store, the latest put first, with their figures and where they serve.

    Where Kafka cannot be reached it says so, and lists them all the same.

    Example: andon bundles list --product cup
    """
    from andon.commands.bundles.use import uses_now

    settings = shelf_settings()
    opened = open_store(settings, url=store)
    there = opened.stored()
    lines = _wanted(zip(there, opened.cards(each.digest for each in there), strict=True), product)
    shown = list(lines if everything else islice(lines, last))
    known = uses_now(settings)
    if as_json:
        print_json([_record(stored, card, known.of(stored.digest)) for stored, card in shown])
    else:
        _print(shown, known)
        _say_how_many(shown, there, opened.url, product)
    if known.unknown:
        warn(known.unknown)


def _wanted(lines: Any, product: str | None) -> Any:
    """Those of `product`; with none named, all, what is wrong too."""
    from andon.bundle import BundleError

    for stored, card in lines:
        if product is None or (not isinstance(card, BundleError) and card.manifest.product == product):
            yield stored, card


def _record(stored: "Stored", card: "Card | BundleError", use: "Use") -> dict[str, Any]:
    from andon.bundle import BundleError
    from andon.commands.bundles.figures import record

    if isinstance(card, BundleError):
        return {"digest": stored.digest, "size": stored.size, "problem": str(card)}
    return record(stored, card, use) | {"problem": None}


def _print(lines: "Sequence[Line]", known: "Uses") -> None:
    table = Table(*COLUMNS)
    for stored, card in lines:
        table.add_row(*map(escape, _row(stored, card, known.of(stored.digest))))
    if lines:
        paper().print(table)


def _row(stored: "Stored", card: "Card | BundleError", use: "Use") -> tuple[str, ...]:
    from andon.bundle import BundleError
    from andon.commands.bundles.figures import auroc, false_calls, method

    if isinstance(card, BundleError):
        return short(stored.digest), "", f"unreadable: {card}", "", "", "", size_words(stored.size), "", use.words
    manifest = card.manifest
    measured = auroc(manifest.training)
    return (
        short(stored.digest),
        manifest.product or "",
        method(manifest.training),
        f"{measured:.4f}" if measured is not None else "",
        false_calls(manifest),
        budget_words(manifest.calibration.budget),
        size_words(stored.size),
        moment(card.created_at or stored.at),
        use.words,
    )


def _say_how_many(lines: "Sequence[Line]", there: "Sequence[Stored]", url: str, product: str | None) -> None:
    from andon.store import redacted

    if not there:
        say(f"{redacted(url)} holds no bundles; andon bundles put FILE puts one there")
    elif not lines:
        say(f"{redacted(url)} holds {len(there)} bundles, none of them made for product {product!r}")
    elif product is None and len(lines) < len(there):
        say(f"the latest {len(lines)} of {len(there)}; --all shows them all")
