"""What one side of a topic may write that the other cannot read, told from their two JSON Schemas.

Only what pydantic's schemas say is looked at. Absent fields are left out and never written as null, and unknown fields
are passed over: that is how records are written and read (`andon.records.event`).
"""

from collections.abc import Iterator
from typing import Any

Schema = dict[str, Any]
UPPER = ("maximum", "exclusiveMaximum", "maxLength", "maxItems", "maxProperties")
LOWER = ("minimum", "exclusiveMinimum", "minLength", "minItems", "minProperties")


def unreadable(writer: Schema, reader: Schema) -> list[str]:
    """Each thing that `writer` may write and `reader` refuses, with its place; empty where there is none."""
    return sorted(set(_Pair(writer, reader).record("", writer, reader)))


class _Pair:
    """Two whole schemas, for what they refer to."""

    def __init__(self, writer: Schema, reader: Schema) -> None:
        self._writer = writer.get("$defs", {})
        self._reader = reader.get("$defs", {})

    def record(self, at: str, writer: Schema, reader: Schema) -> Iterator[str]:
        wrote, read = writer.get("properties", {}), reader.get("properties", {})
        for name in reader.get("required", ()):
            if name not in wrote:
                yield f"{at}{name}: the reader needs it, and it is written no more"
            elif name not in writer.get("required", ()) and wrote[name].get("default") is None:
                yield f"{at}{name}: the reader needs it, and it may be left out"
        for name in wrote.keys() & read.keys():
            yield from self.value(f"{at}{name}", wrote[name], read[name])
        if reader.get("additionalProperties") is False:
            yield from (f"{at}{name}: the reader knows no such field" for name in wrote.keys() - read.keys())

    def value(self, at: str, writer: Schema, reader: Schema) -> Iterator[str]:
        alternatives = _alternatives(reader, self._reader)
        for one in _alternatives(writer, self._writer):
            if one.get("type") == "null":
                continue
            found = [list(self.one(at, one, each)) for each in alternatives if _same_kind(one, each)]
            if not found:
                yield f"{at}: the reader takes no {one.get('type', 'such value')}"
            elif all(found):
                yield from min(found, key=len)

    def one(self, at: str, writer: Schema, reader: Schema) -> Iterator[str]:
        yield from _limits(at, writer, reader)
        yield from _words(at, writer, reader)
        if "properties" in reader:
            yield from self.record(f"{at}.", writer, reader)
        wrote = _inside(writer)
        for kind, each in _inside(reader).items():
            if reader.get("type") in ("array", "object") and each:
                yield from self.value(f"{at}[]", wrote[kind], each)
        for number, each in enumerate(reader.get("prefixItems", ())):
            yield from self.value(f"{at}[{number}]", writer["prefixItems"][number], each)


def _alternatives(schema: Schema, known: dict[str, Schema]) -> list[Schema]:
    """What a value may be, one by one, with references followed."""
    if "$ref" in schema:
        return _alternatives(known[schema["$ref"].rpartition("/")[2]], known)
    if "anyOf" in schema:
        return [one for each in schema["anyOf"] for one in _alternatives(each, known)]
    return [schema]


def _inside(schema: Schema) -> dict[str, Schema]:
    """What a list or a table holds, and how a table's keys are called; {} for anything at all."""
    by_pattern = list(schema.get("patternProperties", {}).items())[:1]
    names, values = schema.get("propertyNames", {}), schema.get("additionalProperties", {})
    for pattern, held in by_pattern:
        names, values = {"pattern": pattern}, held
    items = schema.get("items", {})
    keys = names if "$ref" in names else {"type": "string", **names}
    return {"items": _dict(items), "values": _dict(values), "names": keys}


def _dict(schema: object) -> Schema:
    return schema if isinstance(schema, dict) else {}


def _same_kind(writer: Schema, reader: Schema) -> bool:
    if "type" not in reader:
        return True
    kinds = (writer.get("type"), reader["type"])
    tuples = "prefixItems" in reader and len(writer.get("prefixItems", ())) != len(reader["prefixItems"])
    return (kinds[0] == kinds[1] or kinds == ("integer", "number")) and not tuples


def _limits(at: str, writer: Schema, reader: Schema) -> Iterator[str]:
    for name in [each for each in UPPER if each in reader]:
        if writer.get(name, float("inf")) > reader[name]:
            yield f"{at}: the reader takes a {name} of {reader[name]}, and it may be {writer.get(name, 'more')}"
    for name in [each for each in LOWER if each in reader]:
        if writer.get(name, float("-inf")) < reader[name]:
            yield f"{at}: the reader takes a {name} of {reader[name]}, and it may be {writer.get(name, 'less')}"
    for name in [each for each in ("pattern", "format") if each in reader]:
        if writer.get(name) != reader[name]:
            yield f"{at}: the reader wants the {name} {reader[name]}, and it has {writer.get(name, 'none')}"


def _words(at: str, writer: Schema, reader: Schema) -> Iterator[str]:
    if (known := _said(reader)) is None:
        return
    if (wrote := _said(writer)) is None:
        yield f"{at}: the reader knows only {', '.join(map(str, sorted(known)))}, and it may be anything"
        return
    yield from (f"{at}: the reader does not know {each!r}" for each in wrote - known)


def _said(schema: Schema) -> set[Any] | None:
    """The only values there are; None where there may be any."""
    return {schema["const"]} if "const" in schema else set(schema["enum"]) if "enum" in schema else None
