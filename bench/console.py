"""How quickly the andon board shows what happens, and what that costs: `python bench/console.py --help`.

Scores of 500 stations at one a second are written straight into `scores`, and a frame now and then is there to be
looked at. A browser has the board open. Counted: until something is painted; how old the frame is that a tile shows
when it is painted; from an incident until the lamp is red; and the CPU time of the console, as a share of one core,
while one or five have the board open.
"""

import json
import os
import random
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from multiprocessing import get_context
from pathlib import Path
from threading import Event, Thread
from typing import Annotated, Any
from uuid import uuid4

import cv2
import httpx
import numpy as np
import psutil
import typer
from machine import machine
from playwright.sync_api import Browser, Page, sync_playwright
from report import Floor, Table, floors_table, write
from rich.console import Console

from andon.ids import frame_id, sha256_hex
from andon.kafka.admin import create_topics
from andon.kafka.clients import producer
from andon.logs import set_up_logs
from andon.records import (
    Cause,
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
from andon.stage import Record
from andon.topics import ALL, FRAMES, INCIDENTS, SCORES
from andon_console.live.stations import Stations
from andon_demo.servers.kafka import Kafka
from andon_demo.servers.redis import Redis
from andon_demo.servers.supervise import Servers

RESULTS = Path(__file__).parent / "results" / "console"
EPOCH = 1_772_000_000_000
PICTURES = 17  # of each station; tiles ask for one of every tenth frame, so that it takes long until one comes again
HISTORY_S = 60
WARM_UP_S = 10
LINE = "site: north\nstations:\n"

Places = dict[tuple[str, int], FramePlace]

AGES = """
window.ages = [];
window.reds = {};
const pending = [];
new MutationObserver((changes) => {
  for (const { target, attributeName } of changes) {
    if (attributeName === "data-at" && target.dataset.at) pending.push(Number(target.dataset.at));
    if (attributeName === "class" && target.className === "red") window.reds[target.dataset.station] ??= Date.now();
  }
  if (pending.length) requestAnimationFrame(() => {
    const now = Date.now();
    for (const at of pending.splice(0)) window.ages.push(now - at);
  });
}).observe(document, { subtree: true, attributes: true, attributeFilter: ["data-at", "class"] });
"""


def names(stations: int) -> list[str]:
    """Of so many stations."""
    return [f"press-{each:03d}" for each in range(stations)]


def score(station: str, seq: int, at: datetime, places: Places, draw: random.Random) -> bytes:
    """One that is well below its threshold, and one in fifty above it."""
    high = draw.random() < 0.02
    picture = seq % PICTURES
    said = Score(
        frame_id=frame_id(station, EPOCH, picture), station=station, epoch=EPOCH, seq=seq, captured_at=at, scored_at=at,
        verdict=Verdict.ANOMALOUS if high else Verdict.OK, score=draw.gauss(1.4 if high else 0.5, 0.05), threshold=1.0,
        bundle="ab" * 32, product="gear", runtime="onnxruntime 1.31.1 cpu", width=1280, height=960,
        frame=places[station, picture], sha256="cd" * 32, heat_map="A" * 4000 if high else None,
    )  # fmt: skip
    return write_event(said)


def pictures(kafka: KafkaSettings, stations: Sequence[str]) -> Places:
    """Frames that tiles may show."""
    client, noise, places, now = producer(kafka), np.random.default_rng(1), Places(), datetime.now(UTC)
    for number in range(PICTURES):
        coarse = noise.integers(40, 216, (60, 80, 3), np.uint8)
        image = cv2.imencode(".jpg", cv2.resize(coarse, (1280, 960), interpolation=cv2.INTER_CUBIC))[1].tobytes()
        for station in stations:
            own = Frame(station, EPOCH, number, frame_id(station, EPOCH, number), now, "image/jpeg", sha256_hex(image))

            def placed(_error: object, message: Any, key: tuple[str, int] = (station, number)) -> None:
                places[key] = FramePlace(topic=FRAMES, partition=message.partition(), offset=message.offset())

            client.produce(FRAMES, image, station, headers=list(frame_headers(own)), on_delivery=placed)
            while len(client) > 64:
                client.poll(0.1)
    client.flush()
    return places


def feed(bootstrap: str, stations: Sequence[str], places: Places, since: float) -> None:
    """Writes one score a station and second until it is ended: first those of the time before, at once."""
    client, draw = producer(KafkaSettings(bootstrap_servers=bootstrap)), random.Random(3)
    step, number = 1.0 / len(stations), 0
    while True:
        due = since + number * step
        while due <= (now := time.time()):
            station, seq = stations[number % len(stations)], number // len(stations)
            at = datetime.fromtimestamp(due if now - due > 1 else now, UTC)
            client.produce(SCORES, score(station, seq, at, places, draw), station)
            number += 1
            due = since + number * step
            while len(client) > 2000:
                client.poll(0.1)
        client.poll(0)
        time.sleep(0.01)


@contextmanager
def fed(kafka: KafkaSettings, stations: Sequence[str], places: Places) -> Iterator[None]:
    """In a process of its own."""
    since = time.time() - HISTORY_S
    process = get_context("spawn").Process(
        target=feed, args=(kafka.bootstrap_servers, stations, places, since), daemon=True
    )
    process.start()
    try:
        yield
    finally:
        process.terminate()
        process.join()


@contextmanager
def console(servers: Servers, folder: Path) -> Iterator[tuple[str, psutil.Process]]:
    """The console, and the link that signs in."""
    line = folder / "line.yaml"
    rows = [f"  press-{each}*: {{area: hall {each}, line: line {each}}}\n" for each in range(5)]
    line.write_text(LINE + "".join(rows))
    env = os.environ | servers.env() | {"ANDON_LINE": str(line), "ANDON_EVIDENCE__URL": str(folder / "evidence")}
    log = folder / "console.log"
    with log.open("wb") as out:
        command = [sys.executable, "-m", "andon", "console", "--port", "0"]
        process = subprocess.Popen(command, env=env, stdout=out, stderr=out)
    try:
        until = time.monotonic() + 60
        while not (found := re.search(r"http://\S+/sign-in#\S+?(?=[\"\s])", log.read_text())):
            assert time.monotonic() < until, log.read_text()[-2000:]
            time.sleep(0.1)
        yield found.group(0), psutil.Process(process.pid)
    finally:
        process.terminate()
        process.wait(30)


def signed_in(browser: Browser, link: str) -> Page:
    """A page of somebody who came by the link."""
    page = browser.new_context(viewport={"width": 1440, "height": 900}).new_page()
    page.goto(link)
    page.click("form[data-token-form] button")
    page.wait_for_selector("#board")
    page.add_init_script(AGES)
    return page


def first_paint(page: Page, address: str, times: int) -> dict[str, float]:
    """Milliseconds from asking for the page until its first content is painted, and until it is whole."""
    paints, whole = [], []
    for _ in range(times):
        page.goto(address, wait_until="load")
        page.wait_for_function("performance.getEntriesByName('first-contentful-paint').length > 0")
        paints.append(page.evaluate("performance.getEntriesByName('first-contentful-paint')[0].startTime"))
        whole.append(page.evaluate("performance.getEntriesByType('navigation')[0].domContentLoadedEventEnd"))
    size = page.evaluate("performance.getEntriesByType('navigation')[0].encodedBodySize")
    return {
        "paint_p50_ms": float(np.median(paints)),
        "paint_max_ms": max(paints),
        "whole_p50_ms": float(np.median(whole)),
        "kb": size / 1000,
    }


def watch(page: Page, process: psutil.Process, seconds: float) -> dict[str, float]:
    """How old frames are when they are painted, and the console's CPU meanwhile."""
    page.wait_for_timeout(WARM_UP_S * 1000)
    page.evaluate("window.ages.length = 0")
    before, began = process.cpu_times(), time.monotonic()
    page.wait_for_timeout(seconds * 1000)
    after, took = process.cpu_times(), time.monotonic() - began
    ages = page.evaluate("window.ages")
    return {
        "updates_per_s": len(ages) / took,
        "age_p50_ms": float(np.percentile(ages, 50)),
        "age_p99_ms": float(np.percentile(ages, 99)),
        "age_max_ms": float(max(ages)),
        "cores": (after.user + after.system - before.user - before.system) / took,
    }


def reds(page: Page, kafka: KafkaSettings, stations: Sequence[str]) -> list[float]:
    """Milliseconds from writing an incident until its station's lamp is red."""
    client, found = producer(kafka), []
    for station in stations:
        now = datetime.now(UTC)
        event = IncidentEvent(
            event_id=uuid4(), incident_id=uuid4(), kind=IncidentKind.OPENED, station=station, at=now, opened_at=now,
            cause=Cause.DEFECT_SURGE, severity=Severity.CRITICAL, reason="bench",
        )  # fmt: skip
        written = time.time()
        client.produce(INCIDENTS, write_event(event), station)
        client.flush()
        page.wait_for_function("(name) => window.reds[name]", arg=station, timeout=15_000)
        found.append(page.evaluate("(name) => window.reds[name]", station) - written * 1000)
        page.wait_for_timeout(random.Random(station).uniform(200, 900))
    return found


@contextmanager
def others(page: Page, address: str, count: int) -> Iterator[None]:
    """As many more who have the board open: they ask for the page, and read its stream."""
    cookies = {each["name"]: each["value"] for each in page.context.cookies()}
    over = Event()

    def look() -> None:
        with httpx.Client(base_url=address, cookies=cookies, timeout=30) as client:
            found = re.search(r'data-live="([^"]+)"', client.get("/", headers={"Accept": "text/html"}).text)
            assert found
            with client.stream("GET", found.group(1)) as told:
                for _ in told.iter_raw():
                    if over.is_set():
                        return

    threads = [Thread(target=look, daemon=True) for _ in range(count)]
    for each in threads:
        each.start()
    try:
        yield
    finally:
        over.set()
        for each in threads:
            each.join(10)


def measure(servers: Servers, folder: Path, stations: int, seconds: float) -> dict[str, Any]:
    """All of it."""
    kafka = KafkaSettings(bootstrap_servers=servers.kafka.bootstrap)
    create_topics(kafka, ALL, 6, 1)
    wanted = names(stations)
    places = pictures(kafka, wanted)
    figures: dict[str, Any] = {"stations": stations, "seconds": seconds, "take_us": take_us(wanted)}
    with ExitStack() as open_:
        open_.enter_context(fed(kafka, wanted, places))
        time.sleep(15)
        link, process = open_.enter_context(console(servers, folder))
        address = link.split("/sign-in", maxsplit=1)[0]
        browser = open_.enter_context(sync_playwright()).chromium.launch(
            executable_path=os.environ.get("ANDON_CHROMIUM", "/usr/bin/chromium"), args=["--no-sandbox"]
        )
        page = signed_in(browser, link)
        page.wait_for_timeout(5000)
        figures["first_paint"] = {
            "board": first_paint(page, f"{address}/", 10),
            "wall": first_paint(page, f"{address}/?wall=1", 10),
        }
        page.goto(f"{address}/")
        figures["board, 1 client"] = watch(page, process, seconds)
        figures["red_ms"] = reds(page, kafka, wanted[:20])
        with others(page, address, 4):
            figures["board, 5 clients"] = watch(page, process, seconds)
        page.goto(f"{address}/?wall=1")
        figures["wall, 1 client"] = watch(page, process, seconds)
        page.screenshot(path=str(folder / "wall.png"))
        page.goto("about:blank")
        page.wait_for_timeout(3000)
        before, began = process.cpu_times(), time.monotonic()
        time.sleep(seconds / 2)
        after = process.cpu_times()
        used = after.user + after.system - before.user - before.system
        figures["nobody"] = {"cores": used / (time.monotonic() - began)}
        figures["memory_mib"] = process.memory_info().rss / 2**20
        browser.close()
    return figures


def take_us(stations: Sequence[str], rounds: int = 20) -> float:
    """CPU time of one score in the fold of stations."""
    draw, fold, now = random.Random(5), Stations(), datetime.now(UTC)
    nowhere = {(name, n): FramePlace(topic=FRAMES, partition=0, offset=n) for name in stations for n in range(PICTURES)}
    records = [
        Record(SCORES, 0, 0, name.encode(), score(name, seq, now, nowhere, draw))
        for seq in range(rounds)
        for name in stations
    ]
    began = time.process_time()
    fold.take(records)
    return (time.process_time() - began) / len(records) * 1e6


def tables(figures: dict[str, Any]) -> list[Table]:
    """For people."""
    watched = ("board, 1 client", "board, 5 clients", "wall, 1 client")
    red = float(np.percentile(figures["red_ms"], 95))
    floors = [
        *(
            Floor(f"first paint, {name}", each["paint_max_ms"] / 1000, 1.0, "s, the slowest of 10")
            for name, each in figures["first_paint"].items()
        ),
        *(Floor(f"age of updates, {name}", figures[name]["age_p99_ms"] / 1000, 1.0, "s, p99") for name in watched),
        Floor("incident to red lamp", red / 1000, 1.0, "s, p95"),
        *(Floor(f"CPU, {name}", figures[name]["cores"], 0.5, "cores") for name in watched),
    ]
    paints = [
        [name, *(f"{each[key]:.0f}" for key in ("paint_p50_ms", "paint_max_ms", "whole_p50_ms", "kb"))]
        for name, each in figures["first_paint"].items()
    ]
    keys = ("updates_per_s", "age_p50_ms", "age_p99_ms", "age_max_ms")
    rows = [[name, *(f"{figures[name][key]:.0f}" for key in keys), f"{figures[name]['cores']:.2f}"] for name in watched]
    rows.append(["nobody looks", "-", "-", "-", "-", f"{figures['nobody']['cores']:.2f}"])
    return [
        floors_table(floors),
        Table("First paint, ms", ["", "p50", "slowest of 10", "page whole, p50", "kB on the wire"], paints),
        Table(
            f"{figures['stations']} stations at one frame a second",
            ["", "tiles painted a second", "age p50 ms", "age p99 ms", "age max ms", "console, cores"],
            rows,
            "Age: of the frame that a tile shows, from its capture until the browser paints it; only tiles in view are"
            " painted, on the wall all of them. Of five clients one is a browser, four read the stream. Kafka, what"
            f" writes and the browser share the machine. Memory of the console: {figures['memory_mib']:.0f} MiB."
            f" Taking in one score: {figures['take_us']:.0f} us.",
        ),
        Table(
            "From an incident in Kafka to the red lamp, ms",
            ["times", "p50", "p95", "slowest"],
            [[f"{len(figures['red_ms'])}", *(f"{np.percentile(figures['red_ms'], p):.0f}" for p in (50, 95, 100))]],
        ),
    ]


def main(
    stations: Annotated[int, typer.Option(help="So many, one frame a second each.")] = 500,
    seconds: Annotated[float, typer.Option(help="For how long each is watched.")] = 60.0,
    keep: Annotated[Path | None, typer.Option(help="Folder for the console's log and a picture of the wall.")] = None,
) -> None:
    """Measure it; writes bench/results/console.*. Needs Chromium (ANDON_CHROMIUM names it)."""
    set_up_logs("bench", "warning", "console")
    with Servers([Kafka(), Redis()]) as servers, tempfile.TemporaryDirectory() as folder:
        figures = measure(servers, keep or Path(folder), stations, seconds)
    found = tables(figures)
    for table in found:
        table.show(Console())
    write(RESULTS, "How quickly the board shows what happens", machine(), found, figures)
    print(json.dumps(figures["first_paint"]))


if __name__ == "__main__":
    typer.run(main)
