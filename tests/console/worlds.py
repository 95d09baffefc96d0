"""A console's world out of real folds and a desk that writes to a list; and browsers that are signed in to it."""

import warnings
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import MISSING, dataclass, fields
from datetime import UTC, datetime
from typing import Any

from fastapi import FastAPI
from starlette.requests import Request

from andon.errors import Broken
from andon.folder import Folder
from andon.ids import sha256_hex
from andon.images.limits import ImageLimits
from andon.letters import Again
from andon.line import LineFile
from andon.records import Deed, FramePlace, read_event
from andon.settings import KafkaSettings
from andon.signing import TrustedKey
from andon.stage import Idle, Message, Record
from andon.store import BlobStore, BundleStore
from andon.topics import (
    AUDIT,
    BASELINES,
    DRIFT,
    FRAME_PATTERN,
    INCIDENTS,
    LETTERS,
    MODELS,
    REQUESTS,
    SCORES,
    SHADOW_SCORES,
    SILENCES,
    VERDICTS,
)
from andon_console.app import build_app
from andon_console.frames.bundles import Bundles
from andon_console.frames.frames import Frames
from andon_console.frames.gallery import Gallery
from andon_console.frames.kept import Kept
from andon_console.frames.readers import Readers
from andon_console.frames.stretch import Stretch
from andon_console.letters.letters import Letters
from andon_console.letters.mailroom import Mailroom
from andon_console.letters.pictures import LetterPictures
from andon_console.live.answers import Answers
from andon_console.live.deeds import Deeds
from andon_console.live.desk import Desk
from andon_console.live.findings import Findings
from andon_console.live.follow import Keeps
from andon_console.live.incidents import Incidents
from andon_console.live.reachable import Reachable
from andon_console.live.references import References
from andon_console.live.requests import Requests
from andon_console.live.serving import Models
from andon_console.live.shelved import Shelved
from andon_console.live.silences import Silences
from andon_console.live.stations import Stations
from andon_console.models.bench import Bench
from andon_console.models.heard import Log
from andon_console.models.shelf import Shelf
from andon_console.review.asking import Asking
from andon_console.review.queue import Queue
from andon_console.review.worth import worth
from andon_console.safe.door import PROOF_HEADER, Door
from andon_console.safe.people import Role
from andon_console.safe.roster import Entry, Roster
from andon_console.settings import ConsoleSettings
from andon_console.world import World

with warnings.catch_warnings():  # it would rather have httpx2; import it from here, once
    warnings.simplefilter("ignore")
    from starlette.testclient import TestClient

TOKENS = {Role.VIEWER: "v" * 43, Role.REVIEWER: "r" * 43, Role.ENGINEER: "e" * 43}
NAMES = {Role.VIEWER: "vera", Role.REVIEWER: "rosa", Role.ENGINEER: "edda"}
HERE = "http://127.0.0.1:8600"
PAGE = {"Accept": "text/html"}


class Sent:
    """A sink that keeps what it is sent; `away`: Kafka does not answer."""

    def __init__(self) -> None:
        self.messages: list[Message] = []
        self.away = False

    def send(self, messages: Sequence[Message], idle: Idle) -> None:
        if self.away:
            raise Broken("1 message undelivered after 10 s")
        self.messages += messages

    def close(self) -> None:
        """Nothing to close."""

    def on(self, topic: str) -> list[Message]:
        """What was written to a topic."""
        return [each for each in self.messages if each.topic == topic]

    def deeds(self) -> list[Deed]:
        """The audit log."""
        return [read_event(Deed, each.value) for each in self.on(AUDIT)]


@dataclass(frozen=True)
class House:
    """A console: its app, its world, what it wrote, and who may come in."""

    app: FastAPI
    world: World
    sent: Sent
    roster: Roster

    @property
    def door(self) -> Door:
        """Its door."""
        door: Door = self.app.state.door
        return door

    def browser(self, **given: Any) -> TestClient:
        """A browser that is not signed in, and follows no redirect by itself."""
        return TestClient(self.app, **{"base_url": HERE, "follow_redirects": False} | given)

    def signed_in(self, role: Role, **given: Any) -> TestClient:
        """A browser that is, and whose every request carries the proof, as those of our pages do."""
        browser = self.browser(**given)
        answer = browser.post("/sign-in", data={"token": TOKENS[role]})
        assert answer.status_code == 303, answer.text
        browser.headers[PROOF_HEADER] = self.proof(browser)
        self.sent.messages.clear()
        return browser

    def proof(self, browser: TestClient) -> str:
        """What the forms of somebody who is signed in carry."""
        cookies = "; ".join(f"{name}={value}" for name, value in browser.cookies.items())
        scope = {"type": "http", "headers": [(b"cookie", cookies.encode())], "client": ("127.0.0.1", 1)}
        person = self.door.who(Request(scope))
        assert person is not None
        return self.door.proof(person)


def everybody() -> dict[str, Entry]:
    """One person of each role."""
    return {NAMES[role]: Entry(NAMES[role], role, sha256_hex(token.encode())) for role, token in TOKENS.items()}


class Lying:
    """Records as they lie in Kafka, by place; `away`: it does not answer. It is a reader, and the log of scores."""

    def __init__(self, topic: str = SCORES) -> None:
        self.topic = topic
        self.records: dict[tuple[str, int, int], Record] = {}
        self.away = False
        self.asked = 0

    def add(self, *records: Record) -> None:
        """Something was written."""
        self.records |= {(each.topic, each.partition, each.offset): each for each in records}

    def forget(self, record: Record) -> None:
        """It has expired."""
        del self.records[record.topic, record.partition, record.offset]

    def __call__(self, topic: str, partition: int, offset: int) -> Record | None:
        self._answer()
        return self.records.get((topic, partition, offset))

    def oldest(self, topic: str, partition: int) -> Record | None:
        self._answer()
        there = (each for place, each in self.records.items() if place[:2] == (topic, partition))
        return min(there, key=lambda each: each.offset, default=None)

    def ends(self, topic: str, partition: int) -> tuple[int, int] | None:
        self._answer()
        there = [offset for one, part, offset in self.records if (one, part) == (topic, partition)]
        return (min(there), max(there) + 1) if there else None

    def write(self, records: Sequence[Again]) -> list[FramePlace]:
        """As a producer: each at the end of its partition."""
        return [self._append(each) for each in records]

    def _append(self, again: Again) -> FramePlace:
        _, end = self.ends(again.topic, again.partition) or (0, 0)
        self.add(Record(again.topic, again.partition, end, again.key, again.value, again.headers, 0))
        return FramePlace(topic=again.topic, partition=again.partition, offset=end)

    def stretch(self, begin: datetime, end: datetime, partitions: Sequence[int] = ()) -> Stretch:
        self._answer()
        parts = {
            part for topic, part, _ in self.records if topic == self.topic and (not partitions or part in partitions)
        }
        return Stretch(*({part: self._since(part, at) for part in parts} for at in (begin, end)))

    def read(self, stretch: Stretch) -> Iterator[Record]:
        self._answer()
        for part, start in stretch.starts.items():
            offsets = range(start, stretch.stops[part])
            yield from (self.records[self.topic, part, at] for at in offsets if (self.topic, part, at) in self.records)

    def home(self, _station: str) -> int:
        """All that a test writes lies in one partition."""
        return 0

    def close(self) -> None:
        """Nothing to close."""

    def _since(self, part: int, at: datetime) -> int:
        there = sorted((each.offset, each.timestamp_ms) for (topic, one, _), each in self.records.items()
                       if (topic, one) == (self.topic, part))  # fmt: skip
        later = (offset for offset, stamp in there if stamp >= at.timestamp() * 1000)
        return next(later, there[-1][0] + 1 if there else 0)

    def _answer(self) -> None:
        self.asked += 1
        if self.away:
            raise Broken("cannot reach Kafka: timed out")


def looking(
    lying: Lying, incidents: Incidents, answers: Answers, evidence: str = "memory://no-evidence",
    bundles: str = "memory://no-bundles", blobs: str = "memory://no-frames",
) -> dict[str, Any]:  # fmt: skip
    """The fields of a world that show frames, over records in memory."""
    kept = Kept(Folder(evidence), incidents, answers.of)
    frames = Frames(Readers(lambda: lying), BlobStore(blobs), kept, FRAME_PATTERN)
    known = Bundles(BundleStore(bundles))
    return {"frames": frames, "gallery": Gallery(frames, known.crop, ImageLimits()), "bundles": known, "log": lying}


def make_world(settings: ConsoleSettings | None = None, sent: Sent | None = None, **other: Any) -> World:
    """A world of empty folds; `other` are fields of it that a test brings itself."""
    given = settings or ConsoleSettings()
    folds: dict[str, Any] = {"stations": Stations(), "incidents": Incidents(), "answers": Answers(), "models": Models()}
    folds |= {
        "silences": Silences(),
        "deeds": Deeds(),
        "findings": Findings(),
        "requests": Requests(),
        "references": References(),
        "letters": Letters(),
    } | {name: other.pop(name) for name in [*other] if name in FOLDS}
    keeps: Mapping[str, Keeps] = {topic: folds[name] for name, topic in FOLDS.items() if topic != SCORES}
    lying = other.pop("lying", None) or Lying()
    desk = Desk(sent or Sent(), keeps, lambda: datetime.now(UTC))
    mailroom = Mailroom(Readers(lambda: lying), lambda: lying, desk, lambda: False)
    made: dict[str, Any] = {
        "settings": given,
        "line": LineFile(None),
        "reachable": Reachable(KafkaSettings()),
        "desk": desk,
        "mailroom": mailroom,
        "letter_pictures": LetterPictures(mailroom.at, BlobStore("memory://no-frames").get, ImageLimits()),
        "follows": (),
        "review": asking(folds["incidents"], folds["answers"], given.console.audit_per_1000 / 1000),
        "bench": benched(other.pop("store", "memory://no-bundles"), other.pop("logs", None) or {}),
        "shelved": Shelved(Folder(given.evidence.url)),
        **looking(lying, folds["incidents"], folds["answers"], **other.pop("stores", {})),
        **folds,
        **other,
    }
    absent = {each.name: Absent(each.name) for each in fields(World) if each.default_factory is each.default is MISSING}
    return World(**absent | made)


def asking(incidents: Incidents, answers: Answers, share: float) -> Asking:
    """A review queue in memory, which hears of no answer but asks whether there is one."""
    return Asking(Queue(worth, lambda frame: answers.of(frame) is not None, share), incidents, answers, share)


def benched(store: str, logs: Mapping[str, Log], trusted: tuple[TrustedKey, ...] | None = None) -> Bench:
    """The bench of the pages about models, over the bundle store at that URL."""
    shelf = Shelf(BundleStore(store), lambda: BundleStore(store, None, trusted))
    return Bench(shelf, {topic: Lying(topic) for topic in (SCORES, SHADOW_SCORES)} | dict(logs))


class Absent:
    """What a test did not bring."""

    def __init__(self, name: str) -> None:
        self._name = name

    def __getattr__(self, wanted: str) -> Any:
        raise AssertionError(f"this test's world has no {self._name}, of which {wanted} was asked")


FOLDS = {
    "stations": SCORES,
    "incidents": INCIDENTS,
    "answers": VERDICTS,
    "models": MODELS,
    "silences": SILENCES,
    "deeds": AUDIT,
    "findings": DRIFT,
    "requests": REQUESTS,
    "references": BASELINES,
    "letters": LETTERS,
}


def house(roster: Roster | None = None, console: Mapping[str, Any] | None = None, **other: Any) -> House:
    """A console over an empty world; `console` are settings of it."""
    sent = Sent()
    world = make_world(ConsoleSettings(console=dict(console or {})), sent, **other)
    who = roster or Roster(None, everybody())
    return House(build_app(world, who), world, sent, who)
