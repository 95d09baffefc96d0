"""Names made from templates: MQTT topics and OPC UA node ids."""

import re
from collections.abc import Mapping
from string import Formatter

LEVELS = ("site", "area", "line", "station", "cause")
UNSAFE = re.compile(r"[/+#\x00-\x1f]+|^\$+")


def checked(template: str, allowed: tuple[str, ...]) -> str:
    """`template`, if it names nothing but `allowed` in its braces. Raises ValueError, saying what it may name."""
    try:
        named = [(name, how) for _, name, *how in Formatter().parse(template) if name is not None]
    except ValueError as error:
        raise ValueError(f"{template!r}: {error}") from None
    if any(name not in allowed or any(how) for name, how in named):
        raise ValueError(f"{template!r}: in braces stand only {', '.join(f'{{{name}}}' for name in allowed)}")
    return template


def checked_topic(template: str, allowed: tuple[str, ...]) -> str:
    """As `checked`; a topic that is published to holds no wildcards."""
    if not template or "+" in template or "#" in template or template.startswith(("$", "/")):
        raise ValueError(f"{template!r}: a topic to publish to holds no + or #, and begins with neither / nor $")
    return checked(template, allowed)


def topic(template: str, levels: Mapping[str, str]) -> str:
    """The MQTT topic. A level that comes out empty is left out; what would part levels or be a wildcard becomes '-'."""
    filled = template.format_map({name: UNSAFE.sub("-", levels.get(name, "")) for name in LEVELS})
    return "/".join(level for level in filled.split("/") if level)
