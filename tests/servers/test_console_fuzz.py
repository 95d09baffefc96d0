"""The console over real Kafka, hit with everything its own description allows, and with texts that would be scripts."""

import socket
import sys
import time
import traceback
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import urljoin, urlsplit
from uuid import uuid4

import httpx
import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis.specs.openapi.schemas import OpenApiSchema

from andon.asgi import serving
from andon.ids import derived_id, frame_id, sha256_hex
from andon.kafka import KafkaSink
from andon.kafka.admin import create_topics
from andon.line import LineFile
from andon.records import (
    Answer,
    Assignment,
    Cause,
    Deed,
    Did,
    Event,
    Evidence,
    Frame,
    FramePlace,
    IncidentEvent,
    IncidentKind,
    Region,
    Score,
    Severity,
    Silence,
    Told,
    Verdict,
    frame_headers,
    write_event,
)
from andon.records.assignment import EVERY
from andon.settings import KafkaSettings, RedisSettings
from andon.stage import Message
from andon.testing import hostile
from andon.topics import ALL, AUDIT, FRAMES, INCIDENTS, MODELS, SCORES, SILENCES, VERDICTS
from andon_console.app import build_app
from andon_console.opening import open_world
from andon_console.safe.door import PROOF_HEADER
from andon_console.safe.people import Role
from andon_console.safe.roster import Entry, Roster
from andon_console.safe.streams import Streams
from andon_console.settings import ConsoleSettings, EvidenceStore
from andon_console.world import World
from andon_demo.servers.supervise import Servers

pytestmark = pytest.mark.servers
TOKEN = "e" * 43
SCRIPT = "\"'><img src=x data-evil=1 onerror=alert(1)></script><script data-evil>alert(2)</script>{{7*7}}"
LINK = "javascript:alert(3)//"
STATION = "weld-07"
NOW = datetime.now(UTC)
BUNDLE = "4be1" * 16
WITHIN_S = 15.0
ANSWER_S = 30.0
EXAMPLES = 12
STREAMS = "/live"
ENDS_THE_SESSION = "/sign-out"
SENT = ("method", "url", "params", "headers", "data", "json", "files")
PLACE = FramePlace(topic=FRAMES, partition=0, offset=0)


IMAGE = hostile.jpeg(hostile.photo())
FRAME = Frame(
    station=STATION,
    epoch=1,
    seq=0,
    frame_id=frame_id(STATION, 1, 0),
    captured_at=NOW,
    content_type="text/html",
    sha256=sha256_hex(IMAGE),
)
"""Its image says that it is a page."""
THERE = {
    "incident": str(derived_id(frame_id(STATION, 1, 3), STATION, Cause.DEFECT_SURGE)),
    "name": STATION,
    "station": STATION,
    "topic": FRAMES,
    "partition": 0,
    "offset": 0,
    "frame_id": str(frame_id(STATION, 1, 0)),
    "outlines": "",
}
PLACED = ("frame_id", "partition", "offset", "outlines")


@dataclass(frozen=True)
class Console:
    """The console in this process: its address, and an engineer who is signed in to it."""

    url: str
    world: World
    engineer: httpx.Client
    schema: OpenApiSchema
    streams: Streams

    @property
    def headers(self) -> dict[str, str]:
        """What the engineer's requests carry."""
        cookies = "; ".join(f"{name}={value}" for name, value in self.engineer.cookies.items())
        return {"Cookie": cookies, PROOF_HEADER: self.engineer.headers[PROOF_HEADER]}


@pytest.fixture(scope="module")
def console(servers: Servers, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Console]:
    folder = tmp_path_factory.mktemp("console")
    kafka = KafkaSettings(bootstrap_servers=servers.kafka.bootstrap)
    create_topics(kafka, ALL, 4, 1)
    tell(kafka)
    given = ConsoleSettings(kafka=kafka, redis=RedisSettings(url=servers.redis.url), evidence=evidence(folder))
    roster = Roster(None, {"edda": Entry("edda", Role.ENGINEER, sha256_hex(TOKEN.encode()))})
    with ExitStack() as closing:
        world = open_world(given, LineFile(None), closing)
        closing.callback(world.end)
        app = build_app(world, roster)
        url = f"http://127.0.0.1:{closing.enter_context(serving('console', app, '127.0.0.1', 0))}"
        engineer = closing.enter_context(httpx.Client(base_url=url, timeout=30))
        engineer.post("/sign-in", data={"token": TOKEN})
        page = engineer.get("/", headers={"Accept": "text/html"}).text
        engineer.headers[PROOF_HEADER] = page.split(f'"{PROOF_HEADER}": "')[1].split('"')[0]
        wait_for(world)
        yield Console(url, world, engineer, schemathesis.openapi.from_dict(app.openapi()), app.state.streams)
        world.end()
    wake(kafka)


def evidence(folder: Path) -> EvidenceStore:
    (folder / "evidence").mkdir()
    return EvidenceStore(url=str(folder / "evidence"))


def wait_for(world: World) -> None:
    deadline = time.monotonic() + 30
    while not (world.caught_up and world.stations.get(STATION)) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert world.caught_up


def tell(kafka: KafkaSettings) -> None:
    """A line where everybody who can write anything wrote a script."""
    sink = KafkaSink(kafka)
    sink.send([Message(FRAMES, STATION.encode(), IMAGE, frame_headers(FRAME))], lambda: None)
    told = [*((SCORES, each) for each in scores()), *others()]
    sink.send([Message(topic, key_of(topic, each), write_event(each)) for topic, each in told], lambda: None)
    sink.close()


def wake(kafka: KafkaSettings) -> None:
    """Other tests of this Kafka want to be called."""
    sink = KafkaSink(kafka)
    over = Silence(target=EVERY, since=NOW, until=NOW)
    sink.send([Message(SILENCES, over.key, write_event(over))], lambda: None)
    sink.close()


def key_of(topic: str, event: Event) -> bytes:
    if isinstance(event, Silence):
        return event.target.encode()
    return event.key if isinstance(event, Assignment) else str(getattr(event, "station", topic)).encode()


def scores() -> Iterator[Score]:
    for seq, ratio in enumerate((0.5, 0.4, 2.0, 3.0)):
        yield Score(
            frame_id=frame_id(STATION, 1, seq),
            station=STATION,
            epoch=1,
            seq=seq,
            product=SCRIPT,
            part=SCRIPT,
            subject=SCRIPT,
            captured_at=NOW - timedelta(seconds=10 - seq),
            scored_at=NOW,
            verdict=Verdict.ANOMALOUS if ratio > 1 else Verdict.OK,
            score=ratio,
            threshold=1.0,
            bundle=BUNDLE,
            regions=(Region(x=64, y=96, width=128, height=80, peak=ratio),),
            width=640,
            height=480,
            frame=PLACE,
            dataref=LINK + SCRIPT,
        )


def others() -> Iterator[tuple[str, Event]]:
    shown = Evidence(
        frame_id=frame_id(STATION, 1, 3), frame=PLACE, captured_at=NOW, score=3.0, threshold=1.0, bundle=BUNDLE
    )
    for station in (STATION, SCRIPT):
        opened = IncidentEvent(
            event_id=uuid4(),
            incident_id=derived_id(shown.frame_id, station, Cause.DEFECT_SURGE),
            kind=IncidentKind.OPENED,
            station=station,
            cause=Cause.DEFECT_SURGE,
            severity=Severity.CRITICAL,
            reason=SCRIPT,
            at=NOW,
            opened_at=NOW,
            count=3,
            product=SCRIPT,
            line=SCRIPT,
            area=SCRIPT,
            site=SCRIPT,
            stations=(station, SCRIPT),
            route=SCRIPT,
            bundle=BUNDLE,
            summary=SCRIPT,
            first_action=SCRIPT,
            evidence=(shown,),
        )
        taken = {"event_id": uuid4(), "kind": IncidentKind.ACKNOWLEDGED, "by": SCRIPT, "note": SCRIPT, "reason": SCRIPT}
        yield INCIDENTS, opened
        yield INCIDENTS, opened.model_copy(update=taken | {"at": NOW + timedelta(seconds=1)})
        yield (
            AUDIT,
            Deed(deed_id=uuid4(), at=NOW, did=Did.SILENCED, by=SCRIPT, station=station, subject=SCRIPT, detail=SCRIPT),
        )
        yield SILENCES, Silence(target=station, since=NOW, until=NOW + timedelta(hours=1), why=SCRIPT, by=SCRIPT)
    yield SILENCES, Silence(target=EVERY, since=NOW, until=NOW + timedelta(hours=1), why=SCRIPT, by=SCRIPT)
    for seq, answer in enumerate((Told.REAL, Told.GOOD, Told.FALSE_CALL)):
        yield (
            VERDICTS,
            Answer(
                frame_id=frame_id(STATION, 1, seq + 1),
                station=STATION,
                answer=answer,
                defect=SCRIPT,
                by=SCRIPT,
                at=NOW,
                note=SCRIPT,
                product=SCRIPT,
                captured_at=NOW,
                score=2.0,
                threshold=1.0,
                bundle=BUNDLE,
                frame=PLACE,
            ),
        )
    for product in (None, SCRIPT[:60]):
        yield MODELS, Assignment(station=STATION, product=product, bundle=BUNDLE, by=SCRIPT, why=SCRIPT, at=NOW)


def assert_sound(answer: httpx.Response, what: str) -> None:
    """No crash, no traceback, and the walls of every answer."""
    assert answer.status_code != 500, f"{what}: {answer.text[:500]}"
    assert answer.headers["content-security-policy"], what
    assert answer.headers["x-content-type-options"] == "nosniff", what
    if "text" in answer.headers.get("content-type", ""):
        assert "Traceback" not in answer.text, what


def test_nothing_that_its_description_allows_breaks_it(console: Console):
    operations = [each.ok() for each in console.schema.get_all_operations()]
    chosen = [each for each in operations if not each.path.startswith(STREAMS) and each.path != ENDS_THE_SESSION]
    assert len(chosen) >= 5
    until, tried = time.monotonic() + WITHIN_S, dict.fromkeys((each.label for each in chosen), 0)
    for examples in (3, EXAMPLES):  # all of them a little, then a lot for as long as there is time
        for operation in chosen:
            try_out(console, operation, examples, until, tried)
    assert [label for label, count in tried.items() if not count] == []


def unanswered(what: str) -> str:
    """What was asked, and what every thread of the console, which runs in this process, is at."""
    stacks = ("".join(traceback.format_stack(frame)[-6:]) for frame in sys._current_frames().values())
    return f"no answer within {ANSWER_S:.0f} s: {what}\n" + "\n".join(each for each in stacks if "andon" in each)


def try_out(
    console: Console, operation: schemathesis.APIOperation, examples: int, until: float, tried: dict[str, int]
) -> None:
    @settings(
        max_examples=examples,
        derandomize=True,
        database=None,
        deadline=None,
        phases=(Phase.generate,),
        suppress_health_check=list(HealthCheck),
    )
    @given(case=operation.as_strategy())
    def run(case: schemathesis.Case) -> None:
        if time.monotonic() > until and tried[operation.label]:
            return
        tried[operation.label] += 1
        if tried[operation.label] % 2:
            lead_somewhere(case)
        sent = case.as_transport_kwargs(base_url=console.url, headers=console.headers)
        sent = {name: value for name, value in sent.items() if name in SENT}
        what = f"{case.method} {case.formatted_path} {sent}"
        try:
            answer = httpx.request(**sent, timeout=ANSWER_S)
        except httpx.TimeoutException:
            raise AssertionError(unanswered(what)) from None
        assert_sound(answer, what)

    run()


def lead_somewhere(case: schemathesis.Case) -> None:
    """Made-up ids lead nowhere: every other time they are those of what is there."""
    for part in (case.path_parameters, case.query, case.body):
        if isinstance(part, dict):
            named = PLACED if "frame_id" in part else part
            part.update({name: value for name, value in THERE.items() if name in named})


class Look(HTMLParser):
    """What a browser would make of a page: links, and whatever came to life that is not ours."""

    def __init__(self) -> None:
        super().__init__()
        self.links: set[str] = set()
        self.alive: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        said = {name: value or "" for name, value in attrs}
        wrong = [name for name in said if name.startswith("on") or name in ("data-evil", "style", "srcdoc")]
        if tag == "script" and not said.get("src", "").startswith("/static/"):
            wrong.append("a script of its own")
        for name in ("href", "src", "action", "hx-get", "hx-post", "formaction"):
            if name in said:
                self._follow(name, said[name])
        self.alive += [f"<{tag}> {name}" for name in wrong]

    def _follow(self, name: str, value: str) -> None:
        if urlsplit(value).scheme not in ("", "http", "https") or value.startswith("//"):
            self.alive.append(f"{name}={value}")
        elif name in ("href", "hx-get", "src"):
            self.links.add(value)


def walk(console: Console, most: int = 250, within_s: float = 40.0) -> dict[str, httpx.Response]:
    """Every page that can be reached by links, forms left alone."""
    until, found, ahead = time.monotonic() + within_s, dict[str, httpx.Response](), ["/", "/audit?since=all"]
    while ahead and len(found) < most and time.monotonic() < until:
        path = ahead.pop(0)
        try:
            answer = console.engineer.get(path, headers={"Accept": "text/html"}, follow_redirects=True)
        except httpx.TimeoutException:
            raise AssertionError(unanswered(path)) from None
        found[path] = answer
        assert_sound(answer, path)
        if answer.headers.get("content-type", "").startswith("text/html"):
            look = Look()
            look.feed(answer.text)
            assert look.alive == [], path
            links = sorted(urljoin(path, link).partition("#")[0] for link in look.links)
            ahead += [link for link in links if is_new(link, [*found, *ahead])]
    return found


def is_new(link: str, known: list[str]) -> bool:
    """Whether it is a page of ours that was not asked for, nor too many that differ only behind '?'."""
    path = urlsplit(link).path
    alike = sum(urlsplit(each).path == path for each in known)
    return link.startswith("/") and not path.startswith(("/live", "/static")) and link not in known and alike < 3


def test_what_people_and_cameras_wrote_is_text_on_every_page_that_shows_it(console: Console):
    found = walk(console)
    pages = {path: each.text for path, each in found.items() if "text/html" in each.headers.get("content-type", "")}
    assert {"/", "/audit?since=all"} <= pages.keys()
    assert [path for path, text in pages.items() if "<img src=x" in text or "<script data-evil" in text] == []
    assert [path for path, text in pages.items() if SCRIPT.replace("{{7*7}}", "49") in text] == []
    assert "&lt;img src=x data-evil=1" in pages["/audit?since=all"]
    assert {path for path in pages if path.startswith("/stations/")}
    assert {each.status_code for path, each in found.items() if path in ("/", "/audit?since=all")} == {200}


def test_what_is_no_page_is_never_taken_for_one(console: Console):
    for path in ("/audit.json?since=all", "/audit.csv?since=all", "/openapi.json", "/nowhere"):
        answer = console.engineer.get(path)
        assert not answer.headers["content-type"].startswith("text/html")
        assert_sound(answer, path)


@pytest.mark.parametrize(
    "head",
    [
        b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nHost: elsewhere.example\r\n\r\n",
        b"GET / HTTP/1.1\r\n\r\n",
        b"GET http://elsewhere.example/ HTTP/1.1\r\nHost: elsewhere.example\r\n\r\n",
        b"POST /sign-in HTTP/1.1\r\nHost: ::1\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        b"POST /sign-in HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: -1\r\n\r\n",
        b"POST /sign-in HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 99999999999999999999999\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nCookie: " + b"a" * 100_000 + b"\r\n\r\n",
        b"GET /" + b"a" * 100_000 + b" HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
    ],
)
def test_what_is_no_proper_request_gets_no_page(head: bytes, console: Console):
    parts = urlsplit(console.url)
    with socket.create_connection((parts.hostname, parts.port), timeout=10) as line:
        line.sendall(head)
        line.shutdown(socket.SHUT_WR)
        answer = line.recv(65536)
    assert not answer.startswith((b"HTTP/1.1 200", b"HTTP/1.1 500")), answer[:200]


def test_a_stream_that_its_reader_left_is_soon_counted_no_more(console: Console):
    with console.engineer.stream("GET", "/live") as answer:
        assert answer.status_code == 200
        lines = answer.iter_lines()  # kept: where it is collected, the stream is closed
        assert next(lines)
        assert console.streams.of("edda") == 1
    deadline = time.monotonic() + 10
    while console.streams.of("edda") and time.monotonic() < deadline:
        time.sleep(0.05)
    assert console.streams.of("edda") == 0
