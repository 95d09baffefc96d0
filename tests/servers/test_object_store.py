"""Stores on S3: bundles, large frames and evidence over a real S3 server, and what is said when it is away."""

import json
import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from random import SystemRandom
from typing import Any
from uuid import UUID, uuid4

import boto3
import cv2
import httpx
import numpy as np
import pytest
import s3fs.core
from confluent_kafka import TopicPartition
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

import andon.s3
from andon.bundle import SUFFIX, BundleError, bundle_bytes
from andon.errors import Broken
from andon.evidence import Dossier
from andon.folder import Folder
from andon.ids import sha256_hex
from andon.kafka import KafkaSink, TopicReader
from andon.kafka.admin import create_topics
from andon.kafka.clients import consumer, consumer_config
from andon.records import (
    Assignment,
    Cause,
    Evidence,
    FramePlace,
    IncidentEvent,
    IncidentKind,
    Score,
    Severity,
    Verdict,
    read_event,
    write_event,
)
from andon.settings import HttpSettings, KafkaSettings
from andon.signing import DOMAIN, TrustedKey
from andon.stage import Message
from andon.store import BlobStore, BundleStore
from andon.testing.models import proven_bundle, tiny_model
from andon.topics import ALL, FRAMES, INCIDENTS, MAX_INLINE_BYTES, MODELS, PREPARED, SCORES, VERDICTS
from andon_console.frames.kept import Kept
from andon_demo.servers.ports import free_ports

pytestmark = pytest.mark.servers

PARTITIONS = 4  # as the other tests of this Kafka make its topics


def eventually(ask: Callable[[], Any], within_s: float = 25.0) -> Any:
    deadline = time.monotonic() + within_s
    while not (answer := ask()) and time.monotonic() < deadline:
        time.sleep(0.05)
    return answer


@dataclass
class S3:
    """A server of one's own, and a bucket in it."""

    url: str
    folder: Path
    bucket: str = field(default_factory=lambda: f"plant-{uuid4().hex[:8]}")

    def __post_init__(self) -> None:
        self.client = boto3.client(
            "s3",
            endpoint_url=self.url,
            aws_access_key_id="looker",
            aws_secret_access_key="looks",
            region_name="eu-west-1",
        )
        self.client.create_bucket(Bucket=self.bucket, CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})

    def env(self) -> dict[str, str]:
        """What an operator sets: credentials lie in a file alone."""
        file = self.folder / "credentials"
        file.write_text("[default]\naws_access_key_id = of-the-file\naws_secret_access_key = kept-there\n")
        return {
            "AWS_ENDPOINT_URL_S3": self.url,
            "AWS_DEFAULT_REGION": "eu-west-1",
            "AWS_SHARED_CREDENTIALS_FILE": str(file),
            "AWS_EC2_METADATA_DISABLED": "true",
        }

    def at(self, name: str) -> str:
        return f"s3://{self.bucket}/{name}"

    def keys(self, below: str = "") -> list[str]:
        found = self.client.list_objects_v2(Bucket=self.bucket, Prefix=below).get("Contents", [])
        return [each["Key"] for each in found]

    def put(self, key: str, data: bytes) -> None:
        """What somebody else does."""
        self.client.put_object(Bucket=self.bucket, Key=key, Body=data)

    @contextmanager
    def denying(self) -> Iterator[None]:
        """While inside, nobody is known to it."""
        self._told_to("reset-auth", b"0")
        try:
            yield
        finally:
            self._told_to("reset-auth", b"inf")

    def _told_to(self, what: str, data: bytes) -> None:
        httpx.post(f"{self.url}/moto-api/{what}", content=data).raise_for_status()


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    """The address of an S3 server, a process."""
    (port,) = free_ports(1, SystemRandom())
    command = [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        assert eventually(lambda: answers(port)), "no S3 server"
        yield f"http://localhost:{port}"
    finally:
        process.kill()
        process.wait()


def answers(port: int) -> bool:
    with closing(socket.socket()) as client:
        return client.connect_ex(("127.0.0.1", port)) == 0


@pytest.fixture
def s3(server: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[S3]:
    """This process is told of it as services are."""
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        monkeypatch.delenv(name)
    made = S3(server, tmp_path)
    for name, value in made.env().items():
        monkeypatch.setenv(name, value)
    s3fs.S3FileSystem.clear_instance_cache()
    yield made
    s3fs.S3FileSystem.clear_instance_cache()


def test_a_bundle_is_kept_found_signed_listed_and_removed(s3: S3, tmp_path: Path):
    bundle, key = proven_bundle(), Ed25519PrivateKey.generate()
    store = BundleStore(s3.at("bundles"), tmp_path / "cache", (TrustedKey("ann.pem", key.public_key()),))
    assert store.put(bundle) == store.put(bundle) == bundle.digest
    with pytest.raises(BundleError, match="is not signed"):
        store.get(bundle.digest)
    store.add_signature(bundle.digest, key.sign(DOMAIN + bytes.fromhex(bundle.digest)))
    assert store.get(bundle.digest) == bundle
    assert store.find(bundle.digest[:6]) == bundle.digest
    (found,) = store.stored()
    assert (found.digest, found.size) == (bundle.digest, len(bundle_bytes(bundle)))
    assert found.at is not None
    assert abs((datetime.now(UTC) - found.at).total_seconds()) < 60
    assert [card.digest for card in store.cards([bundle.digest])] == [bundle.digest]
    assert (tmp_path / "cache" / f"{bundle.digest}{SUFFIX}").exists()
    store.remove(bundle.digest)
    assert s3.keys() == []
    assert store.get(bundle.digest) == bundle  # from the cache
    with pytest.raises(BundleError, match="does not hold it"):
        BundleStore(s3.at("bundles")).get(bundle.digest)


def test_a_large_frame_is_kept_and_kept_again_and_one_that_is_not_there_is_told(s3: S3):
    store, data = BlobStore(s3.at("frames")), b"\xff\xd8 large"
    assert store.put(sha256_hex(data), data) == store.put(sha256_hex(data), data)
    assert s3.keys() == [f"frames/{sha256_hex(data)[:2]}/{sha256_hex(data)}"]
    assert BlobStore(s3.at("frames")).get(store.put(sha256_hex(data), data)) == data


def test_what_others_write_is_seen_at_once(s3: S3):
    folder = Folder(s3.at("evidence"))
    s3.put("evidence/one/incident.json", b"before")
    assert [each.name for each in folder.listed("one")] == ["incident.json"]
    assert folder.folders() == ["one"]
    s3.put("evidence/one/incident.json", b"after, and longer")
    s3.put("evidence/one/frame.jpg", b"new")
    assert folder.read("one/incident.json", 99) == b"after, and longer"
    assert folder.holds("one/frame.jpg")
    assert {each.name: each.size for each in folder.listed("one")} == {"incident.json": 17, "frame.jpg": 3}


def test_what_is_replaced_while_it_is_read_is_read_again(s3: S3, monkeypatch: pytest.MonkeyPatch):
    s3.put("evidence/incident.json", b"before")
    fetch, turns = s3fs.core._fetch_range, iter([b"between"])

    def slow(*args: Any, **kwargs: Any) -> Any:
        for data in turns:
            s3.put("evidence/incident.json", data)
        return fetch(*args, **kwargs)

    monkeypatch.setattr(s3fs.core, "_fetch_range", slow)
    assert Folder(s3.at("evidence")).read("incident.json", 99) == b"between"


def test_to_read_what_a_bundle_says_of_itself_fetches_little_of_it(s3: S3, monkeypatch: pytest.MonkeyPatch):
    image = np.random.default_rng(1).integers(0, 256, (2000, 2000, 3), np.uint8)
    large = proven_bundle(model=tiny_model((8, 8, 1)) + unknown_field(image.tobytes()))
    store, fetched, fetch = BundleStore(s3.at("bundles")), [], s3fs.core._fetch_range

    def counted(*args: Any, **kwargs: Any) -> Any:
        fetched.append(fetch(*args, **kwargs))
        return fetched[-1]

    monkeypatch.setattr(s3fs.core, "_fetch_range", counted)
    digest = store.put(large)
    assert store.manifest(digest) == large.manifest
    assert sum(map(len, fetched)) < 1024**2 < 10 * 1024**2 < len(bundle_bytes(large))
    assert len(fetched) <= 3
    fetched.clear()
    assert store.get(digest) == large
    assert len(fetched) == 1


def unknown_field(data: bytes) -> bytes:
    """A field of a protobuf message that readers pass over: 15, as long as it is."""
    size, length = len(data), b""
    while size:
        size, low = size >> 7, size & 127
        length += bytes([low | (128 if size else 0)])
    return bytes([15 << 3 | 2]) + length + data


def test_a_bucket_that_is_missing_is_no_empty_store(s3: S3):
    folder = Folder("s3://nobody-made-this/bundles")
    for ask in (folder.listed, lambda: folder.read("a", 9), lambda: folder.write("a", b"")):
        with pytest.raises(Broken, match="there is no such bucket; make it"):
            ask()


def test_credentials_that_are_refused_or_missing_are_told_with_what_to_do(s3: S3, monkeypatch: pytest.MonkeyPatch):
    folder = Folder(s3.at("bundles"))
    folder.write("a", b"a")
    with s3.denying():
        for ask in (folder.listed, lambda: folder.read("a", 9), lambda: folder.write("a", b"")):
            with pytest.raises(Broken, match=r"AWS_SHARED_CREDENTIALS_FILE.*s3:ListBucket"):
                ask()
    assert folder.read("a", 9) == b"a"
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(s3.folder / "missing"))
    s3fs.S3FileSystem.clear_instance_cache()
    with pytest.raises(Broken, match=r"Unable to locate credentials; name a credentials file"):
        Folder(s3.at("bundles")).read("a", 9)


def test_a_server_that_is_silent_is_given_up_after_so_many_tries(s3: S3, monkeypatch: pytest.MonkeyPatch):
    at_most_s = andon.s3.ATTEMPTS * andon.s3.TRIES * andon.s3.READ_S
    assert at_most_s < HttpSettings().stalled_after_s
    monkeypatch.setattr(andon.s3, "READ_S", 0.1)
    monkeypatch.setattr(andon.s3, "ATTEMPTS", 2)
    with silent() as (url, taken):
        monkeypatch.setenv("AWS_ENDPOINT_URL_S3", url)
        s3fs.S3FileSystem.clear_instance_cache()
        with pytest.raises(Broken, match="a cannot be read: Read timeout"):
            Folder(s3.at("bundles")).read("a", 9)
    assert len(taken) == 2 * andon.s3.TRIES


def test_what_an_operator_says_to_fsspec_holds(s3: S3, monkeypatch: pytest.MonkeyPatch):
    with silent() as (url, taken):
        monkeypatch.setenv("AWS_ENDPOINT_URL_S3", "http://localhost:1")
        told = {"endpoint_url": url, "config_kwargs": {"read_timeout": 0.1, "retries": {"total_max_attempts": 1}}}
        monkeypatch.setitem(s3fs.core.fsspec.config.conf, "s3", told)
        s3fs.S3FileSystem.clear_instance_cache()
        with pytest.raises(Broken, match=f'Read timeout on endpoint URL: "{url}'):
            Folder(s3.at("bundles")).read("a", 9)
    assert len(taken) == andon.s3.TRIES


@contextmanager
def silent() -> Iterator[tuple[str, list[socket.socket]]]:
    """A server that takes connections and says nothing; its address, and what it took."""
    with socket.create_server(("127.0.0.1", 0)) as listening, ExitStack() as stack:
        taken: list[socket.socket] = []

        def take() -> None:
            with suppress(OSError):
                while True:
                    taken.append(stack.enter_context(listening.accept()[0]))

        thread = threading.Thread(target=take, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{listening.getsockname()[1]}", taken
        listening.shutdown(socket.SHUT_RDWR)
        thread.join(5)


@dataclass
class Line:
    """The services of a line, with every store in a bucket. What they are told of it is their environment."""

    kafka: KafkaSettings
    s3: S3
    folder: Path
    station: str = field(default_factory=lambda: f"weld-{uuid4().hex[:8]}")

    def __post_init__(self) -> None:
        create_topics(self.kafka, ALL, PARTITIONS, 1)
        self.kafka = self.kafka.model_copy(update={"group_prefix": f"test-{self.station}"})
        for group, topic in (
            ("preprocess", FRAMES),
            ("scoring", PREPARED),
            ("evidence", INCIDENTS),
            ("evidence", VERDICTS),
        ):
            self._skip(group, topic)  # what other tests wrote is no concern of ours

    def _skip(self, group: str, topic: str) -> None:
        with closing(consumer(consumer_config(self.kafka, f"{self.kafka.group_prefix}.{group}"))) as client:
            parts = [TopicPartition(topic, each) for each in range(PARTITIONS)]
            for part in parts:
                part.offset = client.get_watermark_offsets(part, timeout=10)[1]
            client.commit(offsets=parts, asynchronous=False)

    def env(self) -> dict[str, str]:
        kept = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
        return kept | self.s3.env() | {
            "ANDON_KAFKA__BOOTSTRAP_SERVERS": self.kafka.bootstrap_servers,
            "ANDON_KAFKA__GROUP_PREFIX": self.kafka.group_prefix,
            "ANDON_STORE__BUNDLES": self.s3.at("bundles"),
            "ANDON_STORE__FRAMES": self.s3.at("frames"),
            "ANDON_EVIDENCE__URL": self.s3.at("evidence"),
            "ANDON_FRAMES": FRAMES,
            "XDG_CACHE_HOME": str(self.folder / "cache"),
            "OMP_NUM_THREADS": "1",
        }  # fmt: skip

    def write(self, topic: str, key: bytes, value: bytes) -> None:
        with closing(KafkaSink(self.kafka)) as sink:
            sink.send([Message(topic, key, value)], lambda: None)

    def assign(self) -> str:
        """A bundle, by what the store keeps alone."""
        digest = BundleStore(self.s3.at("bundles")).put(proven_bundle())
        given = Assignment(station=self.station, bundle=digest, by="mira", at=datetime.now(UTC))
        self.write(MODELS, given.key, write_event(given))
        return digest

    def andon(self, *arguments: str) -> str:
        """A command that ends; what it printed."""
        command = [sys.executable, "-m", "andon", *arguments]
        done = subprocess.run(command, env=self.env(), capture_output=True, text=True, timeout=60)
        assert done.returncode == 0, done.stderr[-2000:]
        return done.stdout

    @contextmanager
    def running(self, *names: str) -> Iterator[None]:
        """Services, stopped at the end."""
        with ExitStack() as stack:
            for name in names:
                log = stack.enter_context((self.folder / f"{name}.log").open("wb"))
                service = subprocess.Popen([sys.executable, "-m", "andon", name], env=self.env(), stderr=log)
                stack.callback(service.wait, 30)
                stack.callback(service.terminate)
            yield

    def scores(self) -> list[tuple[Score, FramePlace]]:
        """Those of the station, and where they lie."""
        with closing(TopicReader(self.kafka, SCORES)) as reader:
            own = [each for each in reader.read_to_end() if each.key == self.station.encode()]
        return [
            (read_event(Score, each.value), FramePlace(topic=each.topic, partition=each.partition, offset=each.offset))
            for each in own
        ]

    def tell(self, scored: list[tuple[Score, FramePlace]]) -> UUID:
        """An incident that shows these frames."""
        shown = [
            Evidence(
                frame_id=each.frame_id, frame=each.frame, scored=at, captured_at=each.captured_at, dataref=each.dataref
            )
            for each, at in scored
        ]
        now, incident = datetime.now(UTC), uuid4()
        event = IncidentEvent(
            event_id=uuid4(), incident_id=incident, kind=IncidentKind.OPENED, station=self.station,
            cause=Cause.DEFECT_SURGE, severity=Severity.CRITICAL, reason="test", at=now, opened_at=now,
            summary=f"{self.station}: opened", evidence=tuple(shown),
        )  # fmt: skip
        self.write(INCIDENTS, self.station.encode(), write_event(event))
        return incident

    def tails(self) -> str:
        return "\n".join(each.read_text()[-1500:] for each in self.folder.glob("*.log"))


@dataclass
class Shows:
    """One incident shows every frame."""

    incident: UUID

    def showing(self, _frame: UUID) -> list[UUID]:
        return [self.incident]


def test_the_whole_line_keeps_what_is_large_what_serves_and_what_is_evidence_in_a_bucket(
    s3: S3, kafka: KafkaSettings, tmp_path: Path
):
    line, images = Line(kafka, s3, tmp_path), tmp_path / "images"
    images.mkdir()
    cv2.imwrite(str(images / "a-large.png"), np.random.default_rng(1).integers(0, 256, (1300, 1300, 3), np.uint8))
    cv2.imwrite(str(images / "b-small.png"), np.full((8, 8), 10, np.uint8))
    large, small = (path.read_bytes() for path in sorted(images.iterdir()))
    assert len(small) < MAX_INLINE_BYTES < len(large)

    digest = line.assign()
    with line.running("preprocess", "scoring"):
        line.andon("ingest", "folder", str(images), "--station", line.station)
        scored = eventually(lambda: len(found := line.scores()) == 2 and found, 40)
        assert scored, line.tails()
    first, second = (score for score, _ in scored)
    assert first.dataref == s3.at(f"frames/{sha256_hex(large)[:2]}/{sha256_hex(large)}")
    assert second.dataref is None
    assert {score.bundle for score, _ in scored} == {digest}
    assert Verdict.UNSCORABLE not in {score.verdict for score, _ in scored}
    assert [each.name for each in tmp_path.glob("cache/andon/bundles/*.andon")] == [f"{digest}{SUFFIX}"]

    incident = line.tell(scored)
    said = json.loads(line.andon("evidence", "--once", "--json").splitlines()[-1])
    assert (said["kept"], said["lost"], said["store"]) == (2, {}, s3.at("evidence"))
    dossier = read_event(Dossier, Folder(s3.at("evidence")).read(f"{incident}/incident.json", 99_999))
    assert {each.frame_id for each in dossier.frames} == {first.frame_id, second.frame_id}
    shown = Kept(Folder(s3.at("evidence")), Shows(incident), lambda _: None)
    assert [shown.image(each.frame_id) for each in (first, second)] == [large, small]
    assert shown.score(first.frame_id) == first
