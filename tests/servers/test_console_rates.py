"""An answer given at the console moves the gauges within a second, over what real alerting counts."""

import random
import re
import time
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families

from andon.ids import frame_id, sha256_hex
from andon.rates import is_audited
from andon.records import FramePlace, Score, Verdict, write_event
from andon.stage import Message, Record
from andon.topics import FRAMES, SCORES
from andon_console.safe.people import Role
from andon_console.safe.roster import Entry, write_roster
from andon_demo.servers.ports import HOST, free_ports
from andon_demo.servers.supervise import Servers
from andon_demo.trial import Trial

pytestmark = pytest.mark.servers
TOKEN = "r" * 43
STATION = "weld-rates"
SHARE = 0.05
AUDITED = [seq for seq in range(1000) if is_audited(frame_id(STATION, 1, seq), SHARE)][:3]
PLAIN = [seq for seq in range(1000) if not is_audited(frame_id(STATION, 1, seq), SHARE)]
CALLS, OKS = PLAIN[:4], PLAIN[4:97]
WITHIN_S = 1.0


def score(seq: int, verdict: Verdict) -> Score:
    now = datetime.now(UTC)
    return Score(
        frame_id=frame_id(STATION, 1, seq), station=STATION, epoch=1, seq=seq, captured_at=now, scored_at=now,
        verdict=verdict, score=2.0 if verdict is Verdict.ANOMALOUS else 0.5, threshold=1.0, bundle="b" * 64,
        width=64, height=48, frame=FramePlace(topic=FRAMES, partition=0, offset=seq),
    )  # fmt: skip


class Line:
    """A line with alerting and the console, and a reviewer."""

    def __init__(self, trial: Trial, url: str) -> None:
        self.trial = trial
        self.rosa = httpx.Client(base_url=url, timeout=15)
        assert self.rosa.post("/sign-in", data={"token": TOKEN}).status_code == 303
        headers = re.search(r"""hx-headers='{"([^"]+)": "([^"]+)"}'""", self.rosa.get("/rates").text)
        assert headers is not None
        self.rosa.headers.update({headers[1]: headers[2], "HX-Request": "true"})

    def gauge(self, name: str) -> float | None:
        """Of the last 24 hours."""
        text = httpx.get(f"http://{HOST}:{self.trial.service('console').port}/metrics").text
        wanted = {"station": STATION, "product": "", "shift": "24h"}
        samples = (each for family in text_string_to_metric_families(text) for each in family.samples)
        return next((each.value for each in samples if (each.name, each.labels) == (name, wanted)), None)

    def places(self) -> dict[int, Record]:
        """Where the scores lie, by seq."""
        found = [each for each in self.trial.read(SCORES) if each.key == STATION.encode()]
        return dict(zip(sorted([*CALLS, *OKS, *AUDITED]), found, strict=True))

    def answer(self, seq: int, lies: Record, said: str, *, audit: bool = False) -> None:
        form = {"frame_id": str(frame_id(STATION, 1, seq)), "partition": lies.partition, "offset": lies.offset}
        given = form | {"answer": said} | ({"audit": "true"} if audit else {})
        assert self.rosa.post("/verdicts", data=given).status_code == 200

    def within_a_second(self, name: str, value: float) -> None:
        """The gauge is that, soon."""
        begun = time.monotonic()
        while (found := self.gauge(name)) != pytest.approx(value):
            assert time.monotonic() - begun < WITHIN_S, (name, found, value)
            time.sleep(0.02)


@pytest.fixture
def line(servers: Servers, tmp_path: Path) -> Iterator[Line]:
    draw = random.SystemRandom()
    (port,) = free_ports(1, draw)
    write_roster(tmp_path / "people.yaml", {"rosa": Entry("rosa", Role.REVIEWER, sha256_hex(TOKEN.encode()))})
    env = {
        "ANDON_CONSOLE__PORT": str(port),
        "ANDON_CONSOLE__PEOPLE": str(tmp_path / "people.yaml"),
        "ANDON_CONSOLE__AUDIT_PER_1000": str(SHARE * 1000),
        "ANDON_EVIDENCE__URL": str(tmp_path / "evidence"),
    }
    with Trial(servers, tmp_path, env, draw) as trial:
        trial.start("alerting", "console")
        found = Line(trial, f"http://{HOST}:{port}")
        with closing(found.rosa):
            yield found


def test_an_answer_moves_the_gauges_within_a_second(line: Line):
    seqs = sorted([*CALLS, *OKS, *AUDITED])
    verdicts = {seq: Verdict.ANOMALOUS if seq in CALLS else Verdict.OK for seq in seqs}
    line.trial.write(*(Message(SCORES, STATION.encode(), write_event(score(*each))) for each in verdicts.items()))
    line.trial.until(lambda: (line.gauge("andon_false_call_rate_high") or 1) < 0.11, "what was counted to be told")
    assert line.gauge("andon_false_call_rate") is None  # nobody has answered
    assert line.gauge("andon_escape_rate") is None
    places = line.places()

    line.answer(CALLS[0], places[CALLS[0]], "false_call")
    line.within_a_second("andon_false_call_rate", 4 / 100)
    line.answer(CALLS[1], places[CALLS[1]], "real")
    line.within_a_second("andon_false_call_rate", 2 / 100)
    line.answer(AUDITED[0], places[AUDITED[0]], "good", audit=True)
    line.within_a_second("andon_escape_rate", 0.0)
    line.answer(AUDITED[1], places[AUDITED[1]], "missed", audit=True)
    line.within_a_second("andon_escape_rate", 1 / 2)
    line.answer(OKS[0], places[OKS[0]], "missed", audit=True)  # not drawn, whatever the form says
    time.sleep(0.5)
    assert line.gauge("andon_escape_rate") == pytest.approx(1 / 2)

    found = line.rosa.get(f"/rates.json?q={STATION}", headers={"HX-Request": "false"}).json()
    day = next(each for each in found["rates"] if each["shift"] == "24h")
    assert (day["scored"], day["called"], day["real"], day["false_calls"]) == (100, 4, 1, 1)
    assert (day["audits"], day["missed_in_audits"], day["missed_elsewhere"]) == (2, 1, 1)
