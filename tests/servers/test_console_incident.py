"""From the page to the verdict and the end, by the console, with real alerting, Kafka, Redis and Alertmanager."""

import random
import re
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest

from andon.ids import frame_id, sha256_hex
from andon.records import (
    Answer,
    FramePlace,
    IncidentEvent,
    IncidentKind,
    Score,
    Told,
    Verdict,
    read_event,
    write_event,
)
from andon.stage import Message
from andon.topics import FRAMES, INCIDENTS, SCORES, VERDICTS
from andon_console.safe.people import Role
from andon_console.safe.roster import Entry, write_roster
from andon_demo.servers.ports import HOST, free_ports
from andon_demo.servers.supervise import Servers
from andon_demo.trial import Trial

pytestmark = pytest.mark.servers
TOKENS = {"mira": "m" * 43, "bo": "b" * 43}
STATION = "weld-surge"


class Console:
    """A line with alerting and the console, and people who are signed in."""

    def __init__(self, trial: Trial, url: str) -> None:
        self.trial = trial
        self.url = url
        self._seq = 0

    def browser(self, name: str) -> httpx.Client:
        """Theirs: as the page's own scripts send things."""
        client = httpx.Client(base_url=self.url, timeout=15)
        assert client.post("/sign-in", data={"token": TOKENS[name]}).status_code == 303
        headers = re.search(r"""hx-headers='{"([^"]+)": "([^"]+)"}'""", client.get("/incidents").text)
        assert headers is not None
        client.headers.update({headers[1]: headers[2], "HX-Request": "true"})
        return client

    def bad(self, count: int) -> None:
        """So many frames that are called anomalous."""
        for _ in range(count):
            self._seq += 1
            self.trial.write(Message(SCORES, STATION.encode(), write_event(self._score())))

    def _score(self) -> Score:
        now = datetime.now(UTC)
        return Score(
            frame_id=frame_id(STATION, 1, self._seq),
            station=STATION,
            epoch=1,
            seq=self._seq,
            product="lid",
            captured_at=now,
            scored_at=now,
            verdict=Verdict.ANOMALOUS,
            score=0.2,
            threshold=0.1,
            bundle="b" * 64,
            width=640,
            height=480,
            frame=FramePlace(topic=FRAMES, partition=0, offset=self._seq),
        )

    def alert(self) -> dict[str, Any]:
        """What Alertmanager knows of the station."""
        found = httpx.get(f"{self.trial.servers.alertmanager.url}/api/v2/alerts").json()
        return next((each for each in found if each["labels"].get("station") == STATION), {})

    def turns(self, kind: IncidentKind) -> list[IncidentEvent]:
        """Those of the station's incidents."""
        found = [read_event(IncidentEvent, each.value) for each in self.trial.read(INCIDENTS)]
        return [each for each in found if (each.station, each.kind) == (STATION, kind)]

    def answers(self) -> list[Answer]:
        """What `verdicts` holds of the station."""
        found = [read_event(Answer, each.value) for each in self.trial.read(VERDICTS) if each.key == STATION.encode()]
        return sorted(found, key=lambda each: each.at)


@pytest.fixture
def console(servers: Servers, tmp_path: Path) -> Iterator[Console]:
    draw = random.SystemRandom()
    (port,) = free_ports(1, draw)
    url = f"http://{HOST}:{port}"
    write_roster(tmp_path / "people.yaml", {
        name: Entry(name, Role.REVIEWER, sha256_hex(token.encode())) for name, token in TOKENS.items()
    })  # fmt: skip
    env = {
        "ANDON_CONSOLE__PORT": str(port),
        "ANDON_CONSOLE__PEOPLE": str(tmp_path / "people.yaml"),
        "ANDON_EVIDENCE__URL": str(tmp_path / "evidence"),
        "ANDON_LINKS__CONSOLE": url + "/incidents/{incident}",
        "ANDON_ALERTMANAGER__RESEND_S": "5",
        "ANDON_WATCH_EVERY_S": "0.5",
    }
    with Trial(servers, tmp_path, env, draw) as trial:
        trial.start("alerting", "console")
        yield Console(trial, url)


def frames_of(text: str) -> list[dict[str, str]]:
    """The forms of the buttons that a page shows: their hidden fields."""
    forms = re.findall(r'<form class="answers".*?</form>', text, re.DOTALL)
    return [dict(re.findall(r'name="(\w+)" value="([^"]*)"', each.split("<fieldset")[0])) for each in forms]


def test_a_surge_is_paged_taken_on_judged_silenced_and_ended_at_the_console(console: Console):
    until = console.trial.until
    with closing(console.browser("mira")) as mira, closing(console.browser("bo")) as bo:
        console.bad(3)
        until(console.alert, "Alertmanager to know of the surge")
        links = [text for text in console.alert()["annotations"].values() if text.startswith(console.url)]
        assert links, console.alert()
        until(lambda: mira.get(links[0]).status_code == 200, "the console to know what was paged")
        address = links[0].removeprefix(console.url)
        (sentence,) = re.findall(r"<h1>(.*)</h1>", mira.get(address).text)
        assert sentence.startswith(STATION)
        assert "3 of the last" in sentence

        # taken on: alerting tells everybody who has it; whoever comes second is told, and writes nothing
        assert mira.post(f"{address}/acknowledge", data={"note": "on my way"}).status_code == 200
        assert "mira was first" in bo.post(f"{address}/acknowledge").headers["HX-Trigger-After-Settle"]
        until(lambda: "mira at" in console.alert()["annotations"].get("acknowledged_by", ""), "pages to say who has it")
        assert [each.by for each in console.turns(IncidentKind.ACKNOWLEDGED)] == ["mira"]

        # judged: the answer is in `verdicts` with what inspection said
        (fields,) = frames_of(mira.get(address).text)
        assert mira.post("/verdicts", data=fields | {"answer": "real"}).status_code == 200
        (said,) = console.answers()
        assert (said.answer, said.by, said.product, said.score, said.bundle) == (
            Told.REAL,
            "mira",
            "lid",
            0.2,
            "b" * 64,
        )
        assert said.scored is not None
        assert str(said.scored.offset) == fields["offset"]
        until(lambda: "mira said" in bo.get("/verdicts", params=fields | {"seen": "x"}).text, "bo to see mira's answer")

        # silenced: Alertmanager keeps quiet, until the silence is ended
        assert bo.post(f"{address}/silence", data={"time": "30min", "why": "lamp"}).status_code == 200
        until(lambda: console.alert()["status"]["state"] == "suppressed", "Alertmanager to be quiet")
        held = re.search(r'name="seen" value="(weld-surge@[^"]+)"', bo.get(f"{address}/now").text)
        assert held is not None
        assert bo.post(f"{address}/silence/end", data={"seen": held[1]}).status_code == 200
        until(lambda: console.alert()["status"]["state"] == "active", "Alertmanager to call again")

        # ended by a person: pages say so, and the same trouble seen anew is another incident
        assert mira.post(f"{address}/resolve", data={"note": "put back"}).status_code == 200
        until(lambda: console.alert() == {}, "Alertmanager to know that it is over")
        (ended,) = console.turns(IncidentKind.RESOLVED)
        assert (ended.by, ended.note, ended.reason) == ("mira", "put back", "by_a_person")
        console.bad(3)
        until(lambda: len(console.turns(IncidentKind.OPENED)) == 2, "another incident")
        first, second = (each.incident_id for each in console.turns(IncidentKind.OPENED))
        assert first != second
        until(lambda: f"/incidents/{first}" in mira.get(f"/incidents/{second}").text, "the page to name the one before")
