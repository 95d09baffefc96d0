"""What values may say: every setting there is, nothing else, and a refusal names the place and what to do."""

import json
from typing import Any

import pytest
import yaml
from guarded import CHART, Refused, render
from jsonschema import Draft202012Validator

from values.chart import Service, Values
from values.schema import schema
from values.services import CLASSES, model, paths
from values.settings_schema import OURS, is_secret, tree

SCHEMA: dict[str, Any] = json.loads((CHART / "values.schema.json").read_text())
DEFAULTS: dict[str, Any] = yaml.safe_load((CHART / "values.yaml").read_text())


def refusal(values: dict[str, Any]) -> str:
    """What helm says to these values."""
    with pytest.raises(Refused) as refused:
        render(values)
    return str(refused.value)


def resolved(node: dict[str, Any]) -> dict[str, Any]:
    """A schema, with what it refers to in its place."""
    reference = node.get("$ref")
    return SCHEMA["$defs"][reference.rpartition("/")[2]] if reference else node


def found(node: dict[str, Any], path: str) -> dict[str, Any]:
    """The schema of a setting by its path."""
    for name in path.split("."):
        node = resolved(node)["properties"][name]
    return resolved(node)


@pytest.mark.parametrize("name", CLASSES)
def test_every_setting_of_every_service_is_there_with_its_meaning(name: str):
    settings = SCHEMA["properties"]["services"]["properties"][name]["properties"]["settings"]
    fields = {path: _field(name, path) for path in paths(model(name))}
    assert len(fields) > 15
    for path, field in fields.items():
        leaf, shared = found(settings, path), found(SCHEMA["properties"]["settings"], path)
        assert shared.keys() - {"default"} == leaf.keys() - {"default"}, path
        if is_secret(field) or path in OURS:
            assert leaf.keys() == {"const"}, path
        else:
            assert leaf["description"] == field.description, path
            assert leaf.keys() & {"type", "enum", "anyOf", "const"}, path


def test_no_object_of_settings_takes_what_it_does_not_know():
    for name in CLASSES:
        _closed(tree(model(name)))
    _closed(SCHEMA["properties"]["settings"])


def test_values_yaml_says_each_of_the_chart_s_own_values_and_no_other():
    Draft202012Validator.check_schema(SCHEMA)
    Draft202012Validator(SCHEMA).validate(DEFAULTS)
    own = {field.alias for field in Values.model_fields.values()}
    assert own == {*DEFAULTS, "global"}
    _all_said(DEFAULTS, Values)


@pytest.mark.parametrize("name", CLASSES)
def test_a_service_in_values_yaml_says_only_words_that_there_are(name: str):
    words = {field.alias for field in Service.model_fields.values()}
    assert set(DEFAULTS["services"][name]) <= words
    assert {"enabled", "image", "args"} <= set(DEFAULTS["services"][name])


def test_the_services_are_those_of_the_map():
    assert set(SCHEMA["properties"]["services"]["properties"]) == set(DEFAULTS["services"]) == set(CLASSES)


def test_the_schema_is_made_of_the_models_of_today():
    assert schema() == SCHEMA


@pytest.mark.parametrize(
    ("values", "words"),
    [
        (
            {"services": {"scoring": {"settings": {"modles": {"device": "cpu"}}}}},
            "- at '/services/scoring/settings': additional properties 'modles' not allowed",
        ),
        (
            {"services": {"scoring": {"settings": {"models": {"devise": "cpu"}}}}},
            "- at '/services/scoring/settings/models': additional properties 'devise' not allowed",
        ),
        ({"settings": {"kafka": {"bootstrapServers": "x"}}}, "- at '/settings/kafka': additional properties"),
        ({"services": {"scorng": {}}}, "- at '/services': additional properties 'scorng' not allowed"),
        ({"services": {"scoring": {"replica": 2}}}, "- at '/services/scoring': additional properties 'replica'"),
        ({"seting": {}}, "- at '': additional properties 'seting' not allowed"),
        ({"stores": {"bundles": {"uri": "x"}}}, "- at '/stores/bundles': additional properties 'uri' not allowed"),
        ({"settings": {"policy": {"k": "three"}}}, "- at '/settings/policy/k': got string, want integer"),
        ({"settings": {"policy": {"k": 0}}}, "- at '/settings/policy/k': "),
        (
            {"settings": {"log_level": "loud"}},
            "- at '/settings/log_level': value must be one of 'debug', 'info', 'warning', 'error'",
        ),
        ({"line": {"stations": {}}}, "- at '/line': got object, want string"),
    ],
)
def test_what_is_not_known_is_refused_at_its_place(values: dict[str, Any], words: str):
    assert words in refusal(values)


def test_a_secret_is_refused_unseen_and_its_place_is_told():
    told = refusal({"settings": {"kafka": {"sasl_password": "hunter2"}}})
    assert "Put it into a Secret as ANDON_KAFKA__SASL_PASSWORD, and name that Secret in `secrets`" in told
    assert "hunter2" not in told


@pytest.mark.parametrize(
    ("path", "words"),
    [
        ("store.bundles", "see stores.bundles.url"),
        ("evidence.url", "see stores.evidence.url"),
        ("line", "see line and lineConfigMap"),
        ("console.people", "see people.secret"),
        ("http.port", "set by the chart"),
    ],
)
def test_what_the_chart_says_itself_is_told_where_it_belongs(path: str, words: str):
    values: Any = "x"
    for name in reversed(path.split(".")):
        values = {name: values}
    assert words in refusal({"settings": values})


def test_a_setting_that_may_be_nothing_can_be_said_to_be_nothing():
    for nothing in ("none", None):
        render({"settings": {"policy": {"multiple": nothing}, "alertmanager": {"url": nothing}}})


def _field(name: str, path: str) -> Any:
    of: Any = model(name)
    *groups, last = path.split(".")
    for group in groups:
        of = of.model_fields[group].annotation
    return of.model_fields[last]


def _closed(node: dict[str, Any]) -> None:
    node = resolved(node)
    if "properties" in node:
        assert node["additionalProperties"] is False
        for each in node["properties"].values():
            _closed(each)


def _all_said(values: dict[str, Any], of: Any) -> None:
    for name, field in of.model_fields.items():
        key, inner = field.alias or name, field.annotation
        if key == "global":
            continue
        assert key in values, f"{of.__name__}: {key}"
        if hasattr(inner, "model_fields"):
            _all_said(values[key], inner)
