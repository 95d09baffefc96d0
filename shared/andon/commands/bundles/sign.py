"""`andon bundles sign`: vouch for a bundle."""

from pathlib import Path
from typing import Annotated

import typer

from andon.commands.shelf import open_store, shelf_settings
from andon.commands.words import print_json, say, short


def sign(
    bundle: Annotated[str, typer.Argument(help="Digest, or its first 6 digits or more.")],
    key: Annotated[Path, typer.Option(help="The private key: Ed25519, PEM.")],
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Sign a bundle: the signature lies beside it in the store. Services that are told which keys to trust
    (ANDON_STORE__TRUSTED_KEYS) serve no other.

    Example: andon bundles sign 4be1a3 --key key.pem
    """
    from andon import signing

    store = open_store(shelf_settings())
    digest = store.find(bundle)
    store.add_signature(digest, signing.sign(digest, key, lambda: typer.prompt("password of the key", hide_input=True)))
    if as_json:
        print_json({"digest": digest, "signatures": len(signing.signature_lines(store.signatures(digest)))})
    say(f"{short(digest)} is signed with {key}")
