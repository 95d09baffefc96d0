"""The reference pages tell the truth: they are what the code says today, and what they promise is so."""

import ast
import json
import re
import sys
from collections.abc import Iterator
from enum import StrEnum
from pathlib import Path
from types import ModuleType

import jsonschema
import pytest
from cloudevents.core.bindings.kafka import KafkaMessage, from_kafka
from cloudevents.core.formats.json import JSONFormat
from prometheus_client import CollectorRegistry

from andon import topics
from andon.metrics import Metrics
from andon.reasons import Reason
from andon.records import Event, frame_headers, prepared_headers, write_event
from andon.stage import Headers

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
SERVICES = ("ingest", "preprocess", "scoring", "alerting", "drift", "machines", "console")


@pytest.fixture(scope="module", autouse=True)
def generator() -> Iterator[None]:
    """docs/ on the path, as for `python docs/generate.py`."""
    sys.path.insert(0, str(DOCS))
    yield
    sys.path.remove(str(DOCS))


@pytest.fixture(scope="module")
def pages() -> dict[str, str]:
    import generate

    made: dict[str, str] = generate.pages()
    return made


@pytest.fixture(scope="module")
def examples() -> ModuleType:
    from generator import examples

    return examples


def test_every_generated_page_is_current(pages: dict[str, str]):
    import generate

    old = [name for name, text in pages.items() if not (DOCS / name).is_file() or (DOCS / name).read_text() != text]
    assert old + generate.stale() == [], "run: make docs"


def test_the_same_code_gives_the_same_pages(pages: dict[str, str]):
    import generate

    assert generate.pages() == pages


def test_every_topic_is_documented_with_who_writes_and_reads_it(pages: dict[str, str]):
    for topic in topics.ALL:
        assert f"| `{topic.name}` | {topic.key} | {topic.holds} |" in pages["topics.md"]


def imported_topics(folder: Path) -> set[str]:
    """The names of topics that the modules of `folder` import from andon.topics."""
    found: set[str] = set()
    for path in folder.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.ImportFrom) and node.module == "andon.topics":
                found |= {str(getattr(topics, alias.name)) for alias in node.names}
    return found & set(topics.BY_NAME)


@pytest.mark.parametrize("service", SERVICES)
def test_a_service_uses_the_topics_that_the_page_says(service: str):
    from generator.topics import FLOW

    said = {name for name, flow in FLOW.items() if service in (*flow.writers, *flow.readers)}
    by_the_shared_library = {topics.DEAD_LETTERS, topics.LEDGER, topics.MODELS}
    by_pattern = {topics.FRAMES} if service == "preprocess" else set()
    used = imported_topics(ROOT / "services" / service)
    assert said - by_the_shared_library - by_pattern == used - by_the_shared_library


@pytest.mark.parametrize("service", SERVICES)
def test_every_setting_is_documented_with_its_meaning(service: str, pages: dict[str, str]):
    from generator.settings import of_service

    for name, field in of_service(service).items():
        assert f"| `{name}` |" in pages["settings.md"]
        assert field.description, f"{name} needs a description"


def test_every_secret_is_marked(pages: dict[str, str]):
    lines = [line for line in pages["settings.md"].splitlines() if re.search(r"_(PASSWORD|TOKEN|KEY)` \|", line)]
    assert len(lines) >= 5
    assert [line for line in lines if "**Secret.**" not in line] == []


def test_every_andon_variable_that_the_code_or_deployment_names_is_documented(pages: dict[str, str]):
    files = [*ROOT.glob("s*/**/*.py"), *ROOT.glob("deploy/**/*.y*ml"), ROOT / "Dockerfile", *ROOT.glob("docs/**/*.md")]
    named = {name for file in files for name in re.findall(r"\bANDON_[A-Z0-9_]*[A-Z0-9]\b", file.read_text())}
    assert len(named) > 50
    assert {
        name for name in named if not name.startswith("ANDON_TEST") and f"`{name}`" not in pages["settings.md"]
    } == set()


def test_every_metric_is_documented(pages: dict[str, str]):
    for family in Metrics(CollectorRegistry()).registry.collect():
        assert re.search(rf"\| `{family.name}(_total)?` \| {family.type} \|", pages["metrics.md"]), family.name


def test_every_metric_is_touched_by_something():
    sources = "".join(path.read_text() for path in ROOT.glob("s*/**/andon*/**/*.py") if path.name != "metrics.py")
    made = {name for name, value in vars(Metrics(CollectorRegistry())).items() if hasattr(value, "describe")}
    assert {name for name in made - {"registry"} if not re.search(rf"metrics\.{name}\b", sources)} == set()


def test_every_reason_has_a_meaning(pages: dict[str, str]):
    from generator.reasons import meanings

    from andon.records import Cause, Did, IncidentKind, RequestState, Severity, Unscorable, Verdict, Wish
    from andon_alerting.alerting import Telling
    from andon_alerting.correlate import Why as Correlated
    from andon_alerting.false_calls import Why as Overruled
    from andon_alerting.policy import Why
    from andon_drift.detect import Why as Found
    from andon_ingest.capture import Skip

    kinds: tuple[type[StrEnum], ...] = (
        *(Reason, Skip, Verdict, Unscorable, Cause, IncidentKind, Severity, Why, Telling, Found, Correlated, Overruled),
        *(Did, RequestState, Wish),
    )
    for kind in kinds:
        assert [each.value for each in kind if not meanings(kind).get(each.value)] == [], (
            f"{kind.__name__}: say so beside it"
        )
        assert all(f"| `{each.value}` | {meanings(kind)[each.value]} |" in pages["reasons.md"] for each in kind)


def test_every_json_record_has_a_schema_that_what_is_written_fulfils(pages: dict[str, str], examples: ModuleType):
    from generator.schemas import event_models, file_name

    events: tuple[Event, ...] = examples.EVENTS
    assert {type(event) for event in events} == set(event_models()), "docs/generator/examples.py needs one of each"
    for event in events:
        schema = json.loads(pages[f"schemas/{file_name(type(event))}"])
        validator = jsonschema.Draft202012Validator(schema, format_checker=jsonschema.FormatChecker())
        validator.check_schema(schema)
        written = json.loads(write_event(event))
        validator.validate(written)
        with pytest.raises(jsonschema.ValidationError):
            validator.validate(written | {next(iter(schema.get("required", schema["properties"]))): None})


def test_every_schema_is_a_valid_schema(pages: dict[str, str]):
    schemas = [json.loads(text) for name, text in pages.items() if name.startswith("schemas/")]
    assert len(schemas) >= 7
    for schema in schemas:
        jsonschema.Draft202012Validator.check_schema(schema)


def test_a_bundle_fulfils_the_schemas_of_its_manifest_preparation_and_reference(pages: dict[str, str]):
    from andon.bundle import MANIFEST, REFERENCE
    from andon.testing.models import proven_bundle

    bundle = proven_bundle()
    manifest = json.loads(bundle.members[MANIFEST])
    jsonschema.validate(manifest, json.loads(pages["schemas/bundle-manifest.json"]))
    jsonschema.validate(manifest["preparation"], json.loads(pages["schemas/preparation.json"]))
    jsonschema.validate(json.loads(bundle.members[REFERENCE]), json.loads(pages["schemas/drift-reference.json"]))


def test_a_page_fulfils_the_schema_that_a_webhook_is_given(pages: dict[str, str], examples: ModuleType):
    from andon_alerting.page import page as page_of
    from andon_alerting.pages import together

    one = page_of(examples.EVENTS[-1])
    jsonschema.validate(json.loads(one.model_dump_json(exclude_none=True)), json.loads(pages["schemas/page.json"]))
    body = json.loads(together([one]).model_dump_json(exclude_none=True))
    jsonschema.validate(body, json.loads(pages["schemas/pages.json"]))


def cloud_event(headers: Headers, value: bytes):
    return from_kafka(KafkaMessage(dict(headers), b"weld-07", value), JSONFormat())


def test_a_written_frame_is_a_cloud_event_for_others(examples: ModuleType):
    image = b"\xff\xd8\xff\xe0 an image"
    event = cloud_event(frame_headers(examples.FRAME), image)
    assert event.get_specversion() == "1.0"
    assert (event.get_id(), event.get_source()) == (str(examples.ID), "/andon/weld-07")
    assert (event.get_type(), event.get_time()) == ("andon.frame.captured.v1", examples.CAPTURED)
    assert (event.get_datacontenttype(), event.get_data()) == ("image/jpeg", image)
    assert (event.get_extension("station"), event.get_extension("seq")) == ("weld-07", "412")


def test_a_written_prepared_frame_is_a_cloud_event_for_others(examples: ModuleType):
    event = cloud_event(prepared_headers(examples.PREPARED), bytes(256 * 256 * 3))
    assert event.get_type() == "andon.frame.prepared.v1"
    assert event.get_extension("shape") == "256,256,3"


def test_the_asyncapi_document_names_every_topic_and_every_record(pages: dict[str, str]):
    document = json.loads(pages["asyncapi.json"])
    assert document["asyncapi"] == "3.1.0"
    assert set(document["channels"]) == set(topics.BY_NAME)
    assert {"Frame", "PreparedFrame", "Score", "Assignment", "IncidentEvent"} <= set(document["components"]["messages"])


def test_every_reference_inside_the_asyncapi_document_leads_somewhere(pages: dict[str, str]):
    document = json.loads(pages["asyncapi.json"])
    references = set(re.findall(r'"\$ref": "#/([^"]+)"', pages["asyncapi.json"]))
    assert len(references) > 20
    for reference in references:
        place = document
        for part in reference.split("/"):
            place = place[part]


PAGES = sorted(str(path.relative_to(ROOT)) for path in [*ROOT.glob("*.md"), *DOCS.rglob("*.md")])


@pytest.mark.parametrize("page", PAGES)
def test_every_link_to_a_file_leads_somewhere(page: str):
    links = re.findall(r"\]\((?!https?:|#)([^)#]+)", (ROOT / page).read_text())
    assert [link for link in links if not ((ROOT / page).parent / link).exists()] == []


@pytest.mark.parametrize("page", [each for each in PAGES if "add-a-stage" not in each])
def test_every_file_that_a_page_names_is_there(page: str):
    named = re.findall(r"`((?:shared|services|tests|docs|deploy|requirements)/[\w./-]+)`", (ROOT / page).read_text())
    assert [name for name in named if not (ROOT / name).exists()] == []


def test_every_client_setting_stands_on_the_page_that_gives_its_reason():
    from andon.kafka.clients import connect, consumer_config, producer_config
    from andon.settings import KafkaSettings

    page, kafka = (DOCS / "decisions" / "0003-client-settings.md").read_text(), KafkaSettings()
    chosen = producer_config(kafka, "none").keys() | consumer_config(kafka, "andon.test").keys()
    told_by_the_operator = {"bootstrap.servers", "security.protocol", "group.id", "error_cb", "logger"}
    assert {name for name in connect(kafka).keys() | chosen if f"`{name}`" not in page} - told_by_the_operator == set()


@pytest.mark.parametrize("page", sorted(path.name for path in (DOCS / "decisions").glob("0*.md")))
def test_every_decision_says_what_why_at_what_cost_and_from_where(page: str):
    text = (DOCS / "decisions" / page).read_text()
    assert [word for word in ("What", "Why", "What it costs", "Sources") if f"**{word}.**" not in text] == []
    assert f"({page})" in (DOCS / "decisions" / "README.md").read_text()
    assert len(text.splitlines()) <= 40
