"""values.schema.json: the chart's own values, and the settings of every service within them."""

import json
from typing import Any

from values.chart import Service, Values
from values.services import CLASSES, OTHERS, model
from values.settings_schema import closed, tree, union

Json = dict[str, Any]
DIALECT = "https://json-schema.org/draft/2020-12/schema"


def schema() -> Json:
    """The whole schema."""
    whole = _plain(Values.model_json_schema())
    definitions = whole["$defs"]
    shared = Groups(definitions)
    whole["properties"]["settings"] |= shared.of(union(model(name) for name in (*CLASSES, *OTHERS)))
    whole["properties"]["services"] = closed({name: _service(name, shared) for name in CLASSES})
    definitions["Service"] = _plain(Service.model_json_schema())
    return {"$schema": DIALECT, "title": "Values of the chart andon", **whole}


def _service(name: str, shared: "Groups") -> Json:
    settings = {"description": f"settings of {name} (docs/settings.md)", **shared.of(tree(model(name)))}
    return {"$ref": "#/$defs/Service", "properties": {"settings": settings}}


class Groups:
    """Puts each group of settings into the definitions, once, however many services have it."""

    def __init__(self, definitions: Json) -> None:
        self._definitions = definitions
        self._names: dict[str, str] = {}

    def of(self, settings: Json) -> Json:
        """The same schema, with references in the place of groups."""
        named = {name: self._one(name, each) for name, each in settings["properties"].items()}
        return {**settings, "properties": named}

    def _one(self, name: str, group: Json) -> Json:
        if "properties" not in group:
            return group
        text = json.dumps(group, sort_keys=True)
        if text not in self._names:
            alike = sum(each.startswith(f"settings.{name}.") for each in self._definitions)
            self._names[text] = f"settings.{name}.{alike + 1}"
            self._definitions[self._names[text]] = group
        return {"$ref": f"#/$defs/{self._names[text]}"}


def _plain(part: Any) -> Any:
    """Without what says nothing here: titles, and `required` (what is left out stands in values.yaml)."""
    if isinstance(part, list):
        return [_plain(each) for each in part]
    if not isinstance(part, dict):
        return part
    return {name: _plain(each) for name, each in part.items() if not _says_nothing(name, each)}


def _says_nothing(name: str, value: Any) -> bool:
    return (name == "title" and isinstance(value, str)) or (name == "required" and isinstance(value, list))
