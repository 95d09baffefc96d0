"""How quickly evidence is copied out of Kafka: `python bench/evidence.py --help`.

A burst of incidents of 12 frames each, every other frame on the topic a good one, waits in Kafka. `andon evidence`
meets all of it at once, alone. Counted: from its first look to the last incident.json, and its highest memory.
"""

import json
import os
import random
import subprocess
import sys
import tempfile
import time
from base64 import b64encode
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated
from uuid import uuid4

import typer
from backlog import memory_mib
from machine import machine
from report import Table, write
from rich.console import Console

from andon.evidence import DOSSIER
from andon.ids import frame_id, sha256_hex
from andon.kafka.admin import create_topics
from andon.kafka.clients import producer
from andon.logs import set_up_logs
from andon.records import (
    Cause,
    Evidence,
    Frame,
    FramePlace,
    IncidentEvent,
    IncidentKind,
    Score,
    Severity,
    Verdict,
    frame_headers,
    write_event,
)
from andon.settings import KafkaSettings
from andon.topics import ALL, FRAMES, INCIDENTS, SCORES
from andon_demo.servers.kafka import Kafka
from andon_demo.servers.supervise import Servers

RESULTS = Path(__file__).parent / "results" / "evidence"
EPOCH = 1_772_000_000_000
STATIONS = 20
SHOWN = 12
PATIENCE_S = 600.0
HEAT = b64encode(random.Random(1).randbytes(3000)).decode()


def burst(kafka: KafkaSettings, incidents: int, size: int) -> None:
    """Writes what the line would have written."""
    client, noise, now = producer(kafka), random.Random(2), datetime.now(UTC)
    places: dict[tuple[str, str, int], FramePlace] = {}

    def put(topic: str, station: str, seq: int, value: bytes, headers: tuple[tuple[str, bytes], ...] = ()) -> None:
        def placed(_error: object, message: object) -> None:
            at = message.partition(), message.offset()  # type: ignore[attr-defined]
            places[topic, station, seq] = FramePlace(topic=topic, partition=at[0], offset=at[1])

        client.produce(topic, value, station, headers=list(headers), on_delivery=placed)
        while len(client) > 64:
            client.poll(0.1)

    wanted = [(f"press-{each % STATIONS}", each // STATIONS) for each in range(incidents)]
    for station, turn in wanted:
        for seq in range(turn * 2 * SHOWN, (turn + 1) * 2 * SHOWN):
            image = b"\xff\xd8\xff\xe0" + noise.randbytes(size)
            own = Frame(station, EPOCH, seq, frame_id(station, EPOCH, seq), now, "image/jpeg", sha256_hex(image))
            put(FRAMES, station, seq, image, frame_headers(own))
    client.flush()
    shown = {each: list(range(each[1] * 2 * SHOWN, (each[1] + 1) * 2 * SHOWN, 2)) for each in wanted}
    for (station, _), seqs in shown.items():
        for seq in seqs:
            score = Score(
                frame_id=frame_id(station, EPOCH, seq), station=station, epoch=EPOCH, seq=seq, captured_at=now,
                scored_at=now, verdict=Verdict.ANOMALOUS, score=2, threshold=1, width=640, height=480,
                frame=places[FRAMES, station, seq], heat_map=HEAT,
            )  # fmt: skip
            put(SCORES, station, seq, write_event(score))
    client.flush()
    for number, ((station, _), seqs) in enumerate(shown.items()):
        evidence = tuple(
            Evidence(
                frame_id=frame_id(station, EPOCH, seq), frame=places[FRAMES, station, seq], captured_at=now,
                scored=places[SCORES, station, seq],
            )
            for seq in seqs
        )  # fmt: skip
        event = IncidentEvent(
            event_id=uuid4(), incident_id=uuid4(), kind=IncidentKind.OPENED, station=station, at=now, opened_at=now,
            cause=Cause.DEFECT_SURGE, severity=Severity.CRITICAL, reason="bench", evidence=evidence,
        )  # fmt: skip
        put(INCIDENTS, station, number, write_event(event))
    client.flush()


def keep(kafka: KafkaSettings, folder: Path, incidents: int) -> tuple[float, float]:
    """Seconds from its first look to the last incident, and MiB at most."""
    store = folder / "evidence"
    env = os.environ | {
        "ANDON_KAFKA__BOOTSTRAP_SERVERS": kafka.bootstrap_servers,
        "ANDON_EVIDENCE__URL": str(store),
        "ANDON_STORE__FRAMES": str(folder / "frames"),
    }
    log = folder / "log"
    with log.open("wb") as err:
        process = subprocess.Popen([sys.executable, "-m", "andon", "evidence"], env=env, stderr=err)
    try:
        _wait(lambda: b'"listening"' in log.read_bytes(), log)
        began = time.monotonic()
        _wait(lambda: sum(1 for _ in _dossiers(store)) == incidents, log)
        return time.monotonic() - began, memory_mib(process.pid, "VmHWM")
    finally:
        process.terminate()
        process.wait(30)


def _dossiers(store: Path) -> Iterator[Path]:
    return store.glob(f"*/{DOSSIER}")


def _wait(asked: Callable[[], bool], log: Path) -> None:
    until = time.monotonic() + PATIENCE_S
    while not asked():
        assert time.monotonic() < until, log.read_text()[-2000:]
        time.sleep(0.05)


def main(
    incidents: Annotated[int, typer.Option(help="Incidents in the burst.")] = 200,
    kb: Annotated[int, typer.Option(help="Size of one image, in kB.")] = 100,
) -> None:
    """Measure it; writes bench/results/evidence.*."""
    set_up_logs("bench", "warning", "console")
    with Servers([Kafka()]) as servers, tempfile.TemporaryDirectory() as folder:
        kafka = KafkaSettings(bootstrap_servers=servers.kafka.bootstrap)
        create_topics(kafka, ALL, 6, 1)
        burst(kafka, incidents, kb * 1000)
        took_s, mib = keep(kafka, Path(folder), incidents)
        kept = sum(len(json.loads(each.read_bytes())["frames"]) for each in _dossiers(Path(folder) / "evidence"))
    figures = {"incidents": incidents, "image_kb": kb, "frames": kept, "took_s": took_s, "peak_mib": mib}
    rows = [[f"{incidents}", f"{kept}", f"{took_s:.1f}", f"{kept / took_s:.0f}", f"{mib:.0f}"]]
    head = ["incidents", "frames kept", "s", "frames a second", "MiB at most"]
    title = f"Evidence kept: images of {kb} kB, every second frame of 20 stations"
    remark = "With heat map and score; a local folder, each file on disk (fsync) before it counts."
    table = Table(title, head, rows, remark)
    table.show(Console())
    write(RESULTS, "How quickly evidence is kept", machine(), [table], figures)


if __name__ == "__main__":
    typer.run(main)
