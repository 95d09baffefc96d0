"""Holds manifests of operators' kinds against the schemas of their CRDs, with unknown keys refused.

An API server drops what a CRD does not know, in silence: a misspelt key then does nothing.
"""

from functools import cache
from pathlib import Path
from typing import Any

import yaml
from jsonschema import Draft202012Validator

CRDS = Path(__file__).parents[1] / "cluster" / "crds"
OPEN = "x-kubernetes-preserve-unknown-fields"
EITHER = "x-kubernetes-int-or-string"


def mistakes(manifest: dict[str, Any]) -> list[str]:
    """What is wrong with it, each with its path; a kind without a CRD here is a KeyError."""
    schema = schemas()[manifest["apiVersion"], manifest["kind"]]
    found = Draft202012Validator(schema).iter_errors(manifest)
    return [f"{'.'.join(map(str, each.absolute_path))}: {each.message}" for each in found]


@cache
def schemas() -> dict[tuple[str, str], dict[str, Any]]:
    """By apiVersion and kind."""
    found = {}
    for path in CRDS.glob("*.yaml"):
        spec = yaml.safe_load(path.read_text())["spec"]
        (version,) = spec["versions"]
        key = f"{spec['group']}/{version['name']}", spec["names"]["kind"]
        found[key] = _closed(version["schema"]["openAPIV3Schema"]) | {"required": ["apiVersion", "kind", "metadata"]}
        found[key]["properties"]["metadata"] = {"type": "object"}
    return found


def _closed(schema: Any) -> Any:
    """An object takes no other properties than it names; what may be a number or text is either."""
    if isinstance(schema, list):
        return [_closed(each) for each in schema]
    if not isinstance(schema, dict):
        return schema
    closed = {
        key: {name: _closed(each) for name, each in value.items()} if key == "properties" else _closed(value)
        for key, value in schema.items()
        if key != "format"
    }
    if closed.pop(EITHER, False):
        closed = {"type": ["integer", "string"]}
    if "properties" in closed and not closed.get(OPEN):
        closed["additionalProperties"] = False
    return closed
