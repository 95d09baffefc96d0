"""The version before, by its own code, reads what this one writes, and this one what it wrote: every record once."""

import json
import os
import subprocess
import sys
from pathlib import Path
from runpy import run_path
from typing import Any

import pytest
from version_before import code_before, path_of

from andon import records
from andon.errors import Invalid
from andon.records import frame_headers, prepared_headers, read_event, read_frame, read_prepared, write_event
from andon.stage import Record

PREVIOUS = Path(__file__).parent / "previous"
DOCS = Path(__file__).parents[2] / "docs"
TWICE = """
import json, sys
sys.path.insert(0, sys.argv[2])
from generator import examples
from andon import records
from andon.errors import Invalid
from andon.records import frame_headers, prepared_headers, read_event, read_frame, read_prepared, write_event
from andon.stage import Record

def frame(headers):
    pairs = tuple((name, text.encode()) for name, text in headers)
    return Record("camera.frames", 3, 77, b"weld-07", bytes(256 * 256 * 3), pairs, 1_700_000_001_500)

refused = []
for name, value in json.load(sys.stdin):
    try:
        if name in ("frame", "prepared"):
            {"frame": read_frame, "prepared": read_prepared}[name](frame(value))
        elif hasattr(records, name):
            read_event(getattr(records, name), value.encode())
    except Invalid as error:
        refused.append([name, error.reason, error.detail])
wrote = [[type(each).__name__, write_event(each).decode()] for each in examples.EVENTS]
for name, headers in (("frame", frame_headers(examples.FRAME)), ("prepared", prepared_headers(examples.PREPARED))):
    wrote.append([name, [[each, value.decode()] for each, value in headers]])
json.dump({"refused": refused, "wrote": wrote, "code": records.__file__}, sys.stdout)
"""


def written() -> list[Any]:
    """A record of each kind, as this version writes it: its kind, and its JSON or its headers."""
    sys.path.insert(0, str(DOCS))
    try:
        from generator import examples
    finally:
        sys.path.remove(str(DOCS))
    frames = {"frame": frame_headers(examples.FRAME), "prepared": prepared_headers(examples.PREPARED)}
    texts = [[kind, [[name, value.decode()] for name, value in headers]] for kind, headers in frames.items()]
    return [[type(each).__name__, write_event(each).decode()] for each in examples.EVENTS] + texts


def read(kind: str, value: Any) -> object:
    """What this version makes of it. Raises Invalid."""
    if kind not in ("frame", "prepared"):
        return read_event(getattr(records, kind), value.encode())
    headers = tuple((name, text.encode()) for name, text in value)
    record = Record("camera.frames", 3, 77, b"weld-07", bytes(256 * 256 * 3), headers, 1_700_000_001_500)
    return read_frame(record) if kind == "frame" else read_prepared(record)


@pytest.fixture(scope="module")
def code(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Its sources."""
    return code_before(tmp_path_factory.mktemp("before"))


@pytest.fixture(scope="module")
def before(code: Path) -> Any:
    """What the version before says of our records, and the records that it writes."""
    done = subprocess.run(
        [sys.executable, "-c", TWICE, "-", str(code / "docs")],
        input=json.dumps(written()),
        env=os.environ | {"PYTHONPATH": path_of(code)},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert Path(told["code"]).is_relative_to(code)  # or it would be our own
    return told


def test_the_version_before_reads_every_record_of_this_one(before: Any):
    assert before["refused"] == []


def test_this_version_reads_every_record_of_the_one_before(before: Any):
    assert {kind for kind, _ in before["wrote"]} >= {"frame", "prepared", "Score", "IncidentEvent", "Assignment"}
    refused = []
    for kind, value in before["wrote"]:
        try:
            read(kind, value)
        except Invalid as error:
            refused.append((kind, error.detail))
    assert refused == []


def test_the_schemas_that_are_kept_are_those_of_the_version_before(code: Path):
    bare = run_path(str(PREVIOUS / "take"))["bare"]
    theirs = {path.stem: bare(json.loads(path.read_text())) for path in (code / "docs" / "schemas").glob("*.json")}
    assert json.loads((PREVIOUS / "schemas.json").read_text()) == theirs, "run: tests/shared/previous/take COMMIT"
