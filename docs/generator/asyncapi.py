"""docs/asyncapi.json: the topics as an AsyncAPI 3.1 document (https://www.asyncapi.com/docs/reference/specification)."""

import json
from typing import Any

from pydantic.json_schema import models_json_schema

from andon.records import frame_headers, prepared_headers, write_event
from andon.run import andon_version
from andon.topics import ALL, DEAD_LETTERS, FRAMES, PREPARED, SHADOW_PREPARED, Topic
from generator.examples import EVENTS, FRAME
from generator.examples import PREPARED as PREPARED_FRAME
from generator.schemas import event_models
from generator.topics import DEAD_LETTER_HEADERS, FLOW, FRAME_HEADERS, OPTIONAL, PREPARED_HEADERS

Json = dict[str, Any]
BINDING = "0.5.0"


def asyncapi() -> str:
    """The document."""
    document = {
        "asyncapi": "3.1.0",
        "info": {
            "title": "Andon",
            "version": andon_version(),
            "description": "Camera frames in, verdicts and incidents out. Generated from the code by `make docs`.",
            "license": {"name": "Apache-2.0"},
        },
        "defaultContentType": "application/json",
        "channels": {topic.name: _channel(topic) for topic in ALL},
        "operations": _operations(),
        "components": {"messages": _messages(), "schemas": _schemas()},
    }
    return json.dumps(document, indent=2, ensure_ascii=False) + "\n"


def _channel(topic: Topic) -> Json:
    config = topic.config()
    told: Json = {name: int(config[name]) for name in ("retention.ms", "retention.bytes", "max.message.bytes")}
    kafka = {"topic": topic.name, "topicConfiguration": {"cleanup.policy": [topic.cleanup], **told}}
    name = _message_of(topic.name)
    return {
        "address": topic.name,
        "description": f"Key: {topic.key}. Holds {topic.holds}.",
        "messages": {name: _ref("messages", name)} if name else {},
        "bindings": {"kafka": {**kafka, "bindingVersion": BINDING}},
    }


def _message_of(topic: str) -> str | None:
    """What lies in a topic: a frame, a prepared frame, a dead letter, or the event that its description names."""
    known = {FRAMES: "Frame", PREPARED: "PreparedFrame", SHADOW_PREPARED: "PreparedFrame", DEAD_LETTERS: "DeadLetter"}
    holds = next(each.holds for each in ALL if each.name == topic)
    named = next(
        (each.__name__ for each in event_models() if holds.startswith((f"{each.__name__},", f"{each.__name__} "))), None
    )
    return known.get(topic, named)


def _operations() -> Json:
    found: Json = {}
    for topic, flow in FLOW.items():
        for action, services in (("send", flow.writers), ("receive", flow.readers)):
            for service in services:
                name = f"{service}-{action}s-{topic.replace('.', '-')}"
                found[name] = {"action": action, "channel": {"$ref": f"#/channels/{topic}"}}
    return found


def _messages() -> Json:
    frame, prepared = frame_headers(FRAME), prepared_headers(PREPARED_FRAME)
    return {
        "Frame": _binary("an encoded image", "image/*", FRAME_HEADERS, {n: v.decode() for n, v in frame}),
        "PreparedFrame": _binary(
            "a uint8 tensor, height x width x channels",
            "application/octet-stream",
            FRAME_HEADERS | PREPARED_HEADERS,
            {n: v.decode() for n, v in prepared},
        ),
        "DeadLetter": _binary("the rejected record's value", "application/octet-stream", DEAD_LETTER_HEADERS, None),
        **{type(event).__name__: _event(type(event).__name__, write_event(event)) for event in EVENTS},
    }


def _event(name: str, example: bytes) -> Json:
    return {"payload": _ref("schemas", name), "examples": [{"payload": json.loads(example)}], **_keyed()}


def _binary(summary: str, content_type: str, headers: dict[str, str], example: Json | None) -> Json:
    properties = {name: {"type": "string", "description": text} for name, text in headers.items()}
    needed = [name for name in headers if name not in OPTIONAL]
    told: Json = {
        "summary": summary,
        "contentType": content_type,
        "headers": {"type": "object", "required": needed, "properties": properties},
        "payload": {"type": "string", "format": "binary"},
    }
    return told | ({"examples": [{"headers": example}]} if example else {}) | _keyed()


def _keyed() -> Json:
    return {"bindings": {"kafka": {"key": {"type": "string"}, "bindingVersion": BINDING}}}


def _schemas() -> Json:
    _, made = models_json_schema(
        [(model, "validation") for model in event_models()], ref_template="#/components/schemas/{model}"
    )
    return dict(made["$defs"])


def _ref(kind: str, name: str) -> Json:
    return {"$ref": f"#/components/{kind}/{name}"}
