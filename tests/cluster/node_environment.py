"""What a container's process is told: its environment and its command line."""

import re
from collections.abc import Mapping, Sequence

from node_api import Json
from node_volumes import Volumes, field, optional

ANYWHERE = "0.0.0.0"
WITHIN = "127.0.0.1"
LISTENS = "__HOST"  # how settings end that say where to listen
REFERENCE = re.compile(r"\$(\$|\(([^)]+)\))")


def environment(container: Json, pod: Json, volumes: Volumes) -> dict[str, str]:
    """The variables that a container's manifest names. LookupError when what it refers to is missing."""
    found: dict[str, str] = {}
    for source in container.get("envFrom", ()):
        found |= _all_of(source, volumes)
    for each in container.get("env", ()):
        value = _value(each, pod, volumes)
        if value is not None:
            found[each["name"]] = expand(value, found)
    return found


def _all_of(source: Json, volumes: Volumes) -> dict[str, str]:
    kind, told = (
        ("configmaps", source["configMapRef"]) if "configMapRef" in source else ("secrets", source["secretRef"])
    )
    files = volumes.keys(kind, told["name"], optional(told))
    return {source.get("prefix", "") + key: value.decode() for key, value in files.items()}


def _value(each: Json, pod: Json, volumes: Volumes) -> str | None:
    source = each.get("valueFrom")
    if source is None:
        return str(each.get("value", ""))
    if told := source.get("fieldRef"):
        return field(pod, told["fieldPath"])
    kind, told = (
        ("configmaps", source["configMapKeyRef"])
        if "configMapKeyRef" in source
        else ("secrets", source["secretKeyRef"])
    )
    files = volumes.keys(kind, told["name"], optional(told))
    if told["key"] not in files and not optional(told):
        raise LookupError(f"{kind} {told['name']} has no key {told['key']}")
    return files[told["key"]].decode() if told["key"] in files else None


def expand(text: str, known: Mapping[str, str]) -> str:
    """$(NAME) as Kubernetes reads it: the variable's value where there is one; $$ is a dollar."""
    return REFERENCE.sub(lambda found: "$" if found[1] == "$" else known.get(found[2], found[0]), text)


def command(container: Json, entrypoint: Sequence[str], env: Mapping[str, str]) -> list[str]:
    """The command line: the manifest's command, or the image's, and the arguments."""
    words = [*(container.get("command") or entrypoint), *container.get("args", ())]
    return [expand(word, env) for word in words]


def at_home(words: Sequence[str], address: str) -> list[str]:
    """All pods share the machine's network: who listens everywhere, or within the pod, has an address of its own."""
    return [_settled(word, address) for word in words]


def _settled(word: str, address: str) -> str:
    name, equals, value = word.rpartition("=")
    if name.endswith(LISTENS) and value in (ANYWHERE, WITHIN):
        return f"{name}{equals}{address}"
    return address if word == ANYWHERE else word
