"""README.md of the chart: its tables of values, between two marks, from the models and values.yaml."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml
from pydantic import BaseModel
from pydantic.fields import FieldInfo

from values.chart import Pods, Service, Values

CHART = Path(__file__).parents[1] / "andon"
BEGIN, END = "<!-- values: written by `make chart` from helm/values -->", "<!-- end of values -->"
OWN = {"settings", "services", "global"}
"""Of the top: told in words above the tables, or Helm's."""
LONG = 120
Row = tuple[str, str, str]


def readme(text: str) -> str:
    """The page with fresh tables."""
    before, rest = text.split(BEGIN)
    after = rest.split(END)[1]
    return f"{before}{BEGIN}\n\n{tables()}\n{END}{after}"


def tables() -> str:
    """Services, their words, and everything else."""
    values = yaml.safe_load((CHART / "values.yaml").read_text())
    return "\n".join(
        (
            "### The services\n",
            table(("`services.` ...", "runs", "image", "replicas at first", "stores"), _services(values["services"])),
            "### Words of a service\n",
            table(("word", "default (`pods`)", "meaning"), rows(Service, values["pods"])),
            "### Everything else\n",
            table(("value", "default", "meaning"), _others(values)),
        )
    )


def table(head: tuple[str, ...], lines: Iterator[tuple[str, ...]]) -> str:
    """A table of Markdown."""
    shown = [head, tuple("---" for _ in head), *lines]
    return "".join(f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in line)} |\n" for line in shown)


def rows(model: type[BaseModel], values: dict[str, Any], above: str = "") -> Iterator[Row]:
    """A line for each value below a model, with what values.yaml says."""
    for name, field in model.model_fields.items():
        key = field.alias or name
        path, value = f"{above}{key}", (values or {}).get(key)
        inner = _model(field)
        if inner:
            yield from rows(inner, value or {}, f"{path}.")
        else:
            yield f"`{path}`", _default(value), str(field.description or "")


def _others(values: dict[str, Any]) -> Iterator[Row]:
    words = {f"`pods.{field.alias or name}`" for name, field in Pods.model_fields.items()}
    wanted = [row for row in rows(Values, values) if _top(row) not in OWN and row[0] not in words]
    yield from sorted(wanted, key=lambda row: list(values).index(_top(row)))


def _top(row: Row) -> str:
    return row[0].strip("`").partition(".")[0]


def _services(services: dict[str, Any]) -> Iterator[tuple[str, ...]]:
    for name, of in services.items():
        stores = ", ".join(f"{how}s {store}" for store, how in of.get("stores", {}).items())
        runs = f"`andon {' '.join(of['args'])}`"
        yield name if of["enabled"] else f"{name} (off)", runs, of["image"], str(of.get("replicas", 1)), stores


def _model(field: FieldInfo) -> type[BaseModel] | None:
    inner = field.annotation
    return inner if isinstance(inner, type) and issubclass(inner, BaseModel) else None


def _default(value: Any) -> str:
    if value in (None, "", [], {}):
        return ""
    text = value.strip() if isinstance(value, str) else json.dumps(value)
    return f"`{text}`" if len(text) < LONG else "see values.yaml"
