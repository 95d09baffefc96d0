"""`andon bundles export` and `import`: bundles in an MLflow model registry."""

import re
from typing import Annotated

import typer

from andon.commands.shelf import meant, open_store, shelf_settings
from andon.commands.words import print_json, say, short
from andon.errors import Mistake

_SOURCE = re.compile(r"mlflow:(?P<name>[^@/]+)(?:@(?P<alias>[^@/]+)|/(?P<version>\d+))")
URI = "Its tracking and registry server, or a folder; default: MLFLOW_TRACKING_URI."


def export_bundle(
    bundle: Annotated[str, typer.Argument(help="Digest, its first 6 digits or more, or a file.")],
    name: Annotated[str, typer.Option(help="The registered model, such as the station's name.")],
    uri: Annotated[str, typer.Option("--mlflow", envvar="MLFLOW_TRACKING_URI", help=URI)],
    alias: Annotated[str | None, typer.Option(help="The alias to move to this version, such as champion.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Register a bundle in MLflow, as a new version of a model, its figures as tags.

    Example: andon bundles export 4be1a3 --mlflow http://mlflow:5000 --name weld-07 --alias champion
    """
    from andon.mlflow_registry import export

    store = open_store(shelf_settings())
    digest = meant(store, bundle)
    version = export(store.get(digest), uri, name, alias)
    if as_json:
        print_json({"digest": digest, "name": name, "version": version, "alias": alias})
    say(f"{short(digest)} is version {version} of {name}{f', and its {alias}' if alias else ''}")


def import_bundle(
    source: Annotated[str, typer.Argument(help="mlflow:NAME@ALIAS, or mlflow:NAME/VERSION.")],
    uri: Annotated[str, typer.Option("--mlflow", envvar="MLFLOW_TRACKING_URI", help=URI)],
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Put a bundle that is registered in MLflow into the store; it must be the one that was registered.

    Example: andon bundles import mlflow:weld-07@champion --mlflow http://mlflow:5000
    """
    from andon.mlflow_registry import fetch

    match = _SOURCE.fullmatch(source)
    if match is None:
        raise Mistake(f"{source!r}: say mlflow:NAME@ALIAS or mlflow:NAME/VERSION, such as mlflow:weld-07@champion")
    store = open_store(shelf_settings())
    found = fetch(uri, match["name"], match["alias"], match["version"])
    digest = store.put(found.bundle)
    if as_json:
        print_json({"digest": digest, "name": match["name"], "version": found.version})
    say(f"version {found.version} of {match['name']} is {digest}")
