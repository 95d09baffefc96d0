"""`andon bundles put` and `get`: files in and out of the store."""

from pathlib import Path
from typing import Annotated

import typer

from andon.commands.shelf import open_store, shelf_settings
from andon.commands.words import print_json, say, short
from andon.errors import Mistake


def put(
    files: Annotated[list[Path], typer.Argument(metavar="FILE...", help="Bundle files.")],
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON array.")] = False,
) -> None:
    """Put bundle files into the store: every byte is proven first, and each becomes visible whole.

    Example: andon bundles put weld.andon
    """
    from andon.bundle import read_bundle

    store = open_store(shelf_settings())
    done = [(path, store.put(read_bundle(path))) for path in files]
    if as_json:
        print_json([{"file": str(path), "digest": digest} for path, digest in done])
    for path, digest in done:
        say(f"{path}: stored as {digest}")


def get(
    bundle: Annotated[str, typer.Argument(help="Digest, or its first 6 digits or more.")],
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="Where it goes; default: its first digits, here.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Take a bundle out of the store, as a file. One that is there already is never overwritten.

    Example: andon bundles get 4be1a3 -o weld.andon
    """
    from andon.bundle import SUFFIX, write_bundle

    store = open_store(shelf_settings())
    digest = store.find(bundle)
    path = output or Path(short(digest) + SUFFIX)
    if path.exists():
        raise Mistake(f"{path}: is there already; name another file with --output")
    write_bundle(store.get(digest), path)
    if as_json:
        print_json({"file": str(path), "digest": digest})
    say(f"{short(digest)} is in {path}")
