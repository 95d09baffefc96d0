"""The whole line, from its images, as a cluster runs them: no root, nothing to write but /tmp and the stores."""

import json
import os
import random
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import cv2
import httpx
import pytest
from image_containers import Images, Podman, Running, env_flags

from andon.kafka import TopicReader
from andon.records import Cause, IncidentEvent, IncidentKind, Score, Verdict, read_event
from andon.settings import KafkaSettings
from andon.topics import INCIDENTS, SCORES
from andon_demo.servers.ports import free_ports
from andon_demo.servers.supervise import Servers

pytestmark = [pytest.mark.images, pytest.mark.timeout(1200)]
Read = TypeVar("Read", Score, IncidentEvent)
STATION = "press-4"
VOLUMES = ("bundles", "frames", "evidence", "parts")
LINE: Sequence[tuple[str, ...]] = (
    ("ingest", "ingest", "ingest", "http"),
    ("preprocess", "preprocess", "preprocess"),
    ("scoring", "scoring", "scoring"),
    ("drift", "drift", "drift"),
    ("alerting", "alerting", "alerting"),
    ("alerting", "evidence", "evidence"),
    ("alerting", "ledger-watch", "ledger-watch"),
    ("console", "console", "console"),
    ("training", "trainer", "trainer"),
)
"""Image, name, and the command that it runs."""
WRITES = {
    "ingest": ("frames",),
    "preprocess": ("frames",),
    "evidence": ("evidence",),
    "trainer": ("bundles",),
    "draw": ("parts",),
    "fit": ("bundles",),
}
"""The folders that a command may write. It reads the others."""


@dataclass
class FromImages:
    """A line of containers on this machine's own network, and the folders that they share."""

    podman: Podman
    servers: Servers
    folder: Path
    stack: ExitStack
    containers: dict[str, Running] = field(default_factory=dict)
    ports: dict[str, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        names = ["ingest for people", "console for people", *(name for _, name, *_ in LINE)]
        self.ports = dict(zip(names, free_ports(len(names), random.SystemRandom()), strict=True))
        for name in VOLUMES:
            (self.folder / name).mkdir()
            os.chown(self.folder / name, 10001, 10001)

    def options(self, name: str) -> list[str]:
        """Where the servers and the stores are, and where this one answers."""
        env = self.servers.env() | {
            "ANDON_STORE__BUNDLES": "/data/bundles",
            "ANDON_STORE__FRAMES": "/data/frames",
            "ANDON_EVIDENCE__URL": "/data/evidence",
            "ANDON_MODELS__THREADS": "1",
            "ANDON_HTTP__HOST": "127.0.0.1",
            "ANDON_HTTP__PORT": str(self.ports.get(name, 0)),
            "OMP_NUM_THREADS": "1",
        }
        own = {"ingest": "ANDON_PUSH__PORT", "console": "ANDON_CONSOLE__PORT"}
        env |= {own[name]: str(self.ports[f"{name} for people"])} if name in own else {}
        writes = WRITES.get(name, ())
        volumes = [f"{self.folder / each}:/data/{each}{'' if each in writes else ':ro'}" for each in VOLUMES]
        return [*env_flags(env), *(part for each in volumes for part in ("--volume", each))]

    def once(self, image: str, *arguments: str, name: str = "") -> str:
        """Run a command to its end; what it printed."""
        return self.podman.run(image, *arguments, options=self.options(name)).stdout

    def start(self, image: str, name: str, *arguments: str) -> None:
        """Run a service until it is told to stop."""
        log = self.folder / f"{name}.log"
        given = self.podman.running(image, *arguments, log=log, options=self.options(name))
        self.containers[name] = self.stack.enter_context(given)

    def ready(self, name: str) -> bool:
        """Whether it answers that it is ready."""
        container = self.containers[name]
        assert container.process.poll() is None, f"{name} ended: {container.said()}"
        try:
            return httpx.get(f"http://127.0.0.1:{self.ports[name]}/readyz").status_code == 200
        except httpx.TransportError:
            return False

    def push(self, image: bytes) -> None:
        """One frame of the station, over HTTP."""
        answer = httpx.post(
            f"http://127.0.0.1:{self.ports['ingest for people']}/stations/{STATION}/frames",
            content=image,
            headers={"Content-Type": "image/jpeg"},
        )
        assert answer.status_code == 202, answer.text

    def read(self, topic: str, kind: type[Read]) -> list[Read]:
        """All that a topic holds of the station."""
        reader = TopicReader(KafkaSettings(bootstrap_servers=self.servers.kafka.bootstrap), topic)
        try:
            return [read_event(kind, record.value) for record in reader.read_to_end() if record.value]
        finally:
            reader.close()


def eventually(ask: Callable[[], Any], within_s: float = 60) -> Any:
    """What it answers once that is something, or its last answer."""
    deadline = time.monotonic() + within_s
    while not (answer := ask()) and time.monotonic() < deadline:
        time.sleep(0.1)
    return answer


@pytest.fixture(scope="module")
def line(images: Images, tmp_path_factory: pytest.TempPathFactory) -> Iterator[FromImages]:
    """Topics made, a bundle fitted and assigned by what is in the images, every service ready."""
    folder = tmp_path_factory.mktemp("line")
    folder.chmod(0o755)
    for parent in list(folder.parents)[:2]:
        parent.chmod(0o755)
    with Servers() as servers, ExitStack() as stack:
        line = FromImages(images.podman, servers, folder, stack)
        line.once("ingest", "topics", "create", "--partitions", "2")
        line.once("ingest", "ingest", "draw", "/data/parts", "--good", "40", "--defective", "1", name="draw")
        for image, name, *arguments in LINE:
            line.start(image, name, *arguments)
        chosen = [
            "--size",
            "256",
            "--colour",
            "--as-it-lies",
            "--lighting",
            "as-is",
            "--method",
            "gaussian-per-position",
        ]
        out = ["--store", "/data/bundles", "--out", "/tmp/bundle.andon", "--json"]  # noqa: S108 - the container's own
        fitted = line.once("training", "fit", "/data/parts/station-1", *chosen, *out, name="fit")
        digest = json.loads(fitted.splitlines()[-1])["digest"]
        for name in line.containers:
            assert eventually(partial(line.ready, name)), line.containers[name].said()
        line.once("training", "assign", STATION, digest, "--wait", "60", "--why", "the first bundle")
        yield line


def good_part(line: FromImages, number: int) -> bytes:
    """A part that the bundle was fitted from."""
    return sorted((line.folder / "parts/station-1/train/good").iterdir())[number].read_bytes()


def spoilt_part(line: FromImages, number: int) -> bytes:
    """The same, half of it painted over."""
    image = cv2.imread(str(sorted((line.folder / "parts/station-1/train/good").iterdir())[number]))
    assert image is not None
    image[:, : image.shape[1] // 2] = (0, 0, 255)
    return bytes(cv2.imencode(".jpg", image)[1])


def test_a_frame_pushed_to_the_line_is_judged_and_a_run_of_bad_ones_becomes_an_incident(line: FromImages) -> None:
    for number in range(5):
        line.push(good_part(line, number))
    for number in range(5):
        line.push(spoilt_part(line, number))

    def scores() -> list[Score]:
        found = line.read(SCORES, Score)
        return found if len(found) == 10 else []

    verdicts = [each.verdict for each in sorted(eventually(scores), key=lambda each: (each.epoch, each.seq))]
    assert verdicts == [Verdict.OK] * 5 + [Verdict.ANOMALOUS] * 5
    opened = eventually(lambda: [each for each in line.read(INCIDENTS, IncidentEvent) if is_defect(each)])
    assert {each.station for each in opened} == {STATION}
    assert len({each.cause for each in opened}) == len(opened)
    assert eventually(lambda: list((line.folder / "evidence").rglob(f"*{opened[0].incident_id}*")))
    told = eventually(lambda: ledger(line))
    assert (told["captured"], told["scored"]) == (10, 10)


def is_defect(event: IncidentEvent) -> bool:
    """Whether an incident begins because parts are bad."""
    return event.kind is IncidentKind.OPENED and event.cause in {Cause.DEFECT_SURGE, Cause.SEVERE_DEFECT}


def ledger(line: FromImages) -> dict[str, Any]:
    """What `andon ledger` says of the station; nothing before it balances."""
    command = [*line.podman.command("alerting", *line.options("ledger")), "ledger", STATION, "--json"]
    done = subprocess.run(command, capture_output=True, text=True)
    found: list[dict[str, Any]] = json.loads(done.stdout)["stations"] if done.returncode == 0 else []
    return found[0] if found and found[0]["captured"] == 10 else {}


def test_each_service_ends_at_sigterm_with_status_0_within_25_seconds(line: FromImages) -> None:
    containers = dict(line.containers)
    for container in containers.values():
        container.process.terminate()
    ended = {name: container.process.wait(25) for name, container in containers.items()}
    assert ended == dict.fromkeys(containers, 0), {
        name: containers[name].said()[-2000:] for name, status in ended.items() if status
    }
