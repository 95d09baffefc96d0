"""The models page over real Kafka: promoted there, proven by scoring, and swapped at the next frame."""

import re
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from random import SystemRandom
from typing import Any

import httpx
import pytest

from andon.ids import frame_id, sha256_hex
from andon.kafka.admin import create_topics
from andon.records import Assignment, Frame, frame_headers, write_event
from andon.stage import Message
from andon.testing.hostile import png
from andon.testing.models import proven_bundle
from andon.topics import MAX_RECORD_BYTES, MODELS, Topic
from andon_console.safe.people import Role
from andon_console.safe.roster import Entry, write_roster
from andon_demo.servers.ports import HOST, free_ports
from andon_demo.servers.supervise import Servers
from andon_demo.trial import Trial

pytestmark = pytest.mark.servers
STATION = "weld-swapped"
OWN = f"camera.frames.{STATION}"
TOKEN = "e" * 43
HX = {"HX-Request": "true"}


@pytest.fixture
def line(servers: Servers, tmp_path: Path) -> Iterator[tuple[Trial, str]]:
    draw = SystemRandom()
    (port,) = free_ports(1, draw)
    people = tmp_path / "people.yaml"
    write_roster(people, {"edda": Entry("edda", Role.ENGINEER, sha256_hex(TOKEN.encode()))})
    said = {
        "ANDON_CONSOLE__PORT": str(port),
        "ANDON_CONSOLE__PEOPLE": str(people),
        "ANDON_EVIDENCE__URL": str(tmp_path / "evidence"),
        "ANDON_FRAMES": OWN,
    }
    with Trial(servers, tmp_path, said, draw) as trial:
        create_topics(trial.kafka, [Topic(OWN, "station", "test", None, None, MAX_RECORD_BYTES)], 1, 1)
        yield trial, f"http://{HOST}:{port}"


def eventually(ask: Callable[[], Any], within_s: float = 30.0) -> Any:
    deadline = time.monotonic() + within_s
    while not (found := ask()) and time.monotonic() < deadline:
        time.sleep(0.1)
    return found


def frame(trial: Trial, seq: int) -> None:
    import numpy as np

    data = png(np.full((8, 8, 1), 60, np.uint8))
    given = Frame(
        station=STATION,
        epoch=1,
        seq=seq,
        frame_id=frame_id(STATION, 1, seq),
        captured_at=datetime.now(UTC),
        content_type="image/png",
        sha256=sha256_hex(data),
    )
    trial.write(Message(OWN, STATION.encode(), data, frame_headers(given)))


def test_a_shadow_is_promoted_on_the_page_proven_by_scoring_and_swapped_at_the_next_frame(line: tuple[Trial, str]):
    trial, url = line
    old, new = proven_bundle(), proven_bundle(threshold=100.0)
    for each in (old, new):
        trial.bundles.put(each)
    given = Assignment(station=STATION, bundle=old.digest, shadows=(new.digest,), by="trial", at=datetime.now(UTC))
    trial.write(Message(MODELS, given.key, write_event(given)))
    trial.start("console", "preprocess", "scoring")
    frame(trial, 0)
    with httpx.Client(base_url=url, headers={"Accept": "text/html", "Origin": url}, timeout=20) as browser:
        assert browser.post("/sign-in", data={"token": TOKEN}).status_code == 303

        def page() -> str:
            return browser.get(f"/models/at/{STATION}").text

        assert eventually(lambda: "badge green" in page() and "Last swap" in page())
        sheet = browser.get(f"/models/at/{STATION}/promote", params={"bundle": new.digest}, headers=HX).text
        data = dict(re.findall(r'name="(\w+)" value="([^"]*)"', sheet)) | {"why": "it sees more"}
        assert data["bundle"] == new.digest
        answer = browser.post(f"/models/at/{STATION}/promote", data=data, headers=HX)
        assert answer.status_code == 200, answer.text
        assert new.digest[:12] in answer.text
        assert eventually(lambda: "badge green" in page() and "Served before" in page())
        frame(trial, 1)
        swap = re.compile(rf"Last swap.*?{new.digest[:12]}.*?after.*?{old.digest[:12]}", re.DOTALL)
        assert eventually(lambda: swap.search(page()))
        again = browser.post(f"/models/at/{STATION}/promote", data=data)
        assert again.status_code == 409
        assert "you have changed it" in again.text
        text = eventually(lambda: _when_read(browser, old.digest, new.digest))
        assert "No frame was scored by both" in text


def _when_read(browser: httpx.Client, first: str, second: str) -> str:
    asked = {"station": STATION, "hours": "1", "first": first, "second": second}
    text = browser.get("/models/compare", params=asked, headers=HX).text
    return "" if "Reading scores" in text or "Others come first" in text else text
