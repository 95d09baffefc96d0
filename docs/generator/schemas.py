"""docs/schemas: the JSON Schema of everything that is JSON, from the models that read and write it."""

import json
import re
from importlib import import_module
from inspect import isclass

from pydantic import BaseModel

from andon import records
from andon.manifest import BundleManifest, DriftReference
from andon.preparation import Preparation

DIALECT = "https://json-schema.org/draft/2020-12/schema"


def event_models() -> list[type[records.Event]]:
    """Every JSON record of `andon.records`, in order of name."""
    found = [each for each in vars(records).values() if isclass(each) and issubclass(each, records.Event)]
    return sorted((each for each in found if each is not records.Event), key=lambda each: each.__name__)


def models() -> list[type[BaseModel]]:
    """Every model that has a schema: records, what stands in a bundle, and what a webhook and machines are sent."""
    page: type[BaseModel] = import_module("andon_alerting.page").Page
    pages: type[BaseModel] = import_module("andon_alerting.pages").Pages
    result: type[BaseModel] = import_module("andon_machines.result").PartResult
    incident: type[BaseModel] = import_module("andon_machines.incident").StationIncident
    return [*event_models(), Preparation, BundleManifest, DriftReference, page, pages, result, incident]


def file_name(model: type[BaseModel]) -> str:
    """incident-event.json for IncidentEvent."""
    return re.sub(r"(?<=[a-z])(?=[A-Z])", "-", model.__name__).lower() + ".json"


def schema(model: type[BaseModel]) -> dict[str, object]:
    """What a reader accepts, and so what a writer may send."""
    return {"$schema": DIALECT, **model.model_json_schema()}


def schemas() -> dict[str, str]:
    """Each file's name and text."""
    return {file_name(model): json.dumps(schema(model), indent=2, ensure_ascii=False) + "\n" for model in models()}
