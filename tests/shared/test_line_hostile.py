"""No text makes a line file raise anything but Mistake, take long, or take much memory."""

import re
import time

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from andon.errors import Mistake
from andon.line import read as reading
from andon.line.parse import parse
from andon.line.read import MAX_BYTES

MIB = 1024 * 1024
WORDS = ["stations", "defaults", "policy", "open", "severity", "maintenance", "camera", "products", "weld-*", "weld-07"]
SIGNS = [
    ": ",
    ":\n",
    "\n",
    "\n  ",
    "\n    ",
    "- ",
    "{",
    "}",
    "[",
    "]",
    ", ",
    "'",
    '"',
    "&a ",
    "*a",
    "!!x ",
    "|\n",
    "<<",
    "# ",
]
ESCAPED = ['"\\ud83c"', '"\\x1b[2J"', '"\\0"', '"\\z"']
VALUES = [
    "3 of 5 frames",
    "never",
    "2 per 1000",
    "Sundays 06:00 to 10:00",
    "\t",
    "\u00e4",
    "\ud83c\udf09",
    "\x85",
    "0x1F",
    "~",
]
like_yaml = st.lists(st.sampled_from([*WORDS, *SIGNS, *VALUES, *ESCAPED]), max_size=40).map("".join)
names = st.sampled_from([*WORDS, "time zone", "burst", "line", "open at once", "drift", "kind", "from", "budget"])
trees = st.recursive(
    st.none() | st.text(max_size=20) | st.sampled_from([*VALUES, "UTC", "rtsp", "info"]) | st.integers(),
    lambda below: st.lists(below, max_size=3) | st.dictionaries(names | st.text(max_size=8), below, max_size=5),
    max_leaves=20,
)


def mistaken(data: bytes) -> str | None:
    """What is told of the file; None where it is right."""
    try:
        parse(data, "line.yaml").of("weld-07")
    except Mistake as mistake:
        return str(mistake)
    return None


@given(data=st.binary(max_size=200) | st.text(max_size=200).map(lambda text: text.encode("utf-8", "surrogatepass")))
def test_no_bytes_raise_anything_but_a_mistake(data: bytes) -> None:
    mistaken(data)


@settings(max_examples=300)
@given(text=like_yaml)
def test_no_text_that_is_like_a_line_file_raises_anything_but_a_mistake(text: str) -> None:
    mistaken(text.encode("utf-8", "surrogatepass"))


@settings(max_examples=300, suppress_health_check=[HealthCheck.too_slow])
@given(tree=trees)
def test_no_tree_of_names_and_values_raises_anything_but_a_mistake(tree: object) -> None:
    mistaken(yaml.safe_dump(tree, allow_unicode=True).encode())


@settings(max_examples=100)
@given(text=like_yaml)
def test_without_the_fast_parser_the_same_is_right_and_the_same_is_wrong(text: str) -> None:
    data, fast = text.encode("utf-8", "surrogatepass"), reading.LOADER
    here = mistaken(data)
    reading.LOADER = yaml.SafeLoader
    try:
        assert (mistaken(data) is None) == (here is None)
    finally:
        reading.LOADER = fast


BOMB = "a: &a [x, x]\n" + "".join(f"b{n}: &b{n} [*a, *a]\n" for n in range(30))
HOSTILE = {
    "a bomb of aliases": BOMB.encode(),
    "10 MB": b"a: b\n" * (2 * MIB),
    "deep in brackets": b"[" * MAX_BYTES,
    "deep in braces": b"{a: " * (MAX_BYTES // 4),
    "deep in lists": b"- " * (MAX_BYTES // 2),
    "deep by indentation": b"".join(b" " * n + b"a:\n" for n in range(1000)),
    "tabs": b"\t\n" * (MAX_BYTES // 2),
    "one long text": b"line: " + b"a" * (MAX_BYTES - 10),
    "one long name": b"? " + b"a" * (MAX_BYTES - 10) + b"\n: b",
    "colons": b"line: 'x://" + b":" * 900 + b"'",
    "a list of much": b"stations: [" + b"a," * 100_000 + b"]",
    "patterns": b"stations:\n" + b"".join(b" a%d*:\n" % n for n in range(20_000)),
    "patterns that match slowly": b"stations:\n" + b"".join(b" '*a*a*a*a*a*a*a*a*a*a*%d':\n" % n for n in range(501)),
    "names that are none": b"".join(b"k%d: 1\n" % n for n in range(20_000)),
    "bytes": bytes(range(256)) * 100,
    "two bytes a character": "line: a".encode("utf-16"),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_files_are_refused_within_seconds_and_in_clear_lines(name: str) -> None:
    began = time.process_time()
    found = mistaken(HOSTILE[name])
    assert time.process_time() - began < 10
    assert found is not None
    for each in found.splitlines():
        assert re.match(r"line\.yaml:(\d+:\d+:)? ", each)
        assert len(each) < 400
