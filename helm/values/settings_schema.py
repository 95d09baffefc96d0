"""The JSON Schema of settings, from the models that read them.

Secrets, and what the chart itself says, are refused there with a sentence: helm prints it beside the key's path.
"""

from collections.abc import Iterable
from functools import cache
from typing import Any

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from andon.settings import variable

Json = dict[str, Any]
OURS = {
    "http.host": "set by the chart",
    "http.port": "set by the chart",
    "push.host": "set by the chart",
    "push.port": "set by the chart: see services.ingest.port",
    "console.port": "set by the chart: see services.console.port",
    "console.people": "set by the chart: see people.secret",
    "line": "set by the chart: see line and lineConfigMap",
    "store.bundles": "set by the chart: see stores.bundles.url",
    "store.frames": "set by the chart: see stores.frames.url",
    "evidence.url": "set by the chart: see stores.evidence.url",
    "jobs.runner": "set by the chart: see training.jobs",
    "jobs.template": "set by the chart: see training",
    "jobs.lease": "set by the chart",
    "jobs.namespace": "set by the chart",
    "jobs.identity": "set by the chart",
}
"""What the chart says itself, and where it is told instead."""
NONE = "none"


def tree(model: type[BaseModel], above: tuple[str, ...] = ()) -> Json:
    """The schema of a model's settings, groups within it."""
    return closed({name: _one(model, name, field, (*above, name)) for name, field in model.model_fields.items()})


def union(models: Iterable[type[BaseModel]]) -> Json:
    """The schema of what any of them knows."""
    found: Json = closed({})
    for model in models:
        _join(found, tree(model))
    return found


def closed(properties: Json) -> Json:
    """An object with these and no others."""
    return {"type": "object", "additionalProperties": False, "properties": properties}


def is_secret(field: FieldInfo) -> bool:
    """Whether it never stands in values."""
    return "SecretStr" in str(field.annotation)


def _one(model: type[BaseModel], name: str, field: FieldInfo, path: tuple[str, ...]) -> Json:
    inner = field.annotation
    if isinstance(inner, type) and issubclass(inner, BaseModel):
        return tree(inner, path)
    if is_secret(field):
        key = variable(path)
        return {
            "const": f"by reference: it is a secret. Put it into a Secret as {key}, and name that Secret in `secrets`"
        }
    if ours := OURS.get(".".join(path)):
        return {"const": f"left away: {ours}"}
    return _leaf(model, name)


def _leaf(model: type[BaseModel], name: str) -> Json:
    """One setting as pydantic has it, flattened so that helm's words about it are short."""
    whole = _whole(model)
    leaf = dict(whole["properties"][name])
    if reference := leaf.pop("$ref", None):
        leaf = {**whole["$defs"][reference.rpartition("/")[2]], **leaf}
    leaf = _or_none(leaf)
    return {word: value for word, value in leaf.items() if word not in ("title", "format") and value is not None}


@cache
def _whole(model: type[BaseModel]) -> Json:
    return model.model_json_schema()


def _or_none(leaf: Json) -> Json:
    """`anyOf` X or null is X, null, or the text none."""
    kinds = leaf.pop("anyOf", None)
    if kinds is None:
        return leaf
    (kind,) = (each for each in kinds if each != {"type": "null"})
    if "enum" in kind or "const" in kind:
        return {**leaf, "enum": [*kind.get("enum", [kind.get("const")]), NONE, None]}
    if kind["type"] == "string":
        return {**kind, **leaf, "type": ["string", "null"]}
    return {**leaf, "anyOf": [kind, {"enum": [NONE, None]}]}


def _join(one: Json, other: Json) -> None:
    for name, schema in other["properties"].items():
        mine = one["properties"].setdefault(name, schema)
        if mine is not schema and "properties" in mine and "properties" in schema:
            _join(mine, schema)
