"""`andon demo`: the whole line on real servers, on one machine. Wiring only."""

import json
import random
import sys
import time
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from andon.errors import AndonError, Mistake
from andon.kafka.admin import create_topics
from andon.logs import set_up_logs
from andon.settings import KafkaSettings
from andon.topics import ALL
from andon_demo.console import ConsolePlace
from andon_demo.follow import Follower
from andon_demo.line import Line, ServiceProcess, run_to_end
from andon_demo.monitoring import monitoring, scraped
from andon_demo.servers.alertmanager import Alertmanager
from andon_demo.servers.kafka import Kafka
from andon_demo.servers.main import get
from andon_demo.servers.ports import free_ports
from andon_demo.servers.redis import Redis
from andon_demo.servers.server import Kind
from andon_demo.servers.supervise import Servers
from andon_demo.stations import DECIDED, Station, assign_all, fit_all, stations_of
from andon_demo.tally import Tally
from andon_demo.watch import Watch

PARTITIONS = 6
LATER = ("heartbeat", "evidence", "ledger-watch", "trainer")
"""What the line can do without until frames come."""


@dataclass(frozen=True)
class Wish:
    """What was asked for on the command line."""

    images: list[Path]
    stations: int
    rate: float
    count: int | None
    budget: str
    ends: bool
    as_json: bool


def demo(
    images: Annotated[
        list[Path] | None,
        typer.Option(help="A folder in MVTec AD layout: learns from train/good, streams test/*. Repeat for more."),
    ] = None,
    stations: Annotated[int, typer.Option(min=1, max=64, help="Without --images: how many stations are drawn.")] = 3,
    rate: Annotated[
        float, typer.Option(min=0, help="Frames a second from each station; 0: as fast as the line takes them.")
    ] = 5.0,
    count: Annotated[int | None, typer.Option(min=1, help="End after so many frames of each station.")] = None,
    budget: Annotated[str, typer.Option(help="Good parts that may be called anomalous.")] = "1 per 100",
    ends: Annotated[bool, typer.Option("--exit", help="End when everything streamed has its verdict.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the figures as one JSON object at the end.")] = False,
    state: Annotated[Path | None, typer.Option(help="Keep data, logs and bundles here.")] = None,
) -> None:
    """Run the whole line on this machine: real Kafka, Redis and Alertmanager, and every service as its own process.
    Prometheus watches it with the rules of deploy/prometheus, where it is installed or can be.

    Learns each station from good frames, then streams good parts, then defective ones, and shows what the people on
    call would get; the link on the screen opens the console, where they see it and answer. Without --images the parts
    are drawn. Ctrl-C stops everything; nothing is left behind.

    Example: andon demo

    Example: andon demo --images data/bottle --images data/screw --rate 10 --exit --json
    """
    wish = Wish(images or [], stations, rate, count, budget, ends or bool(count), as_json)
    screen = Console(stderr=True, highlight=False)
    began = time.monotonic()
    set_up_logs("demo", "warning", "console")
    try:
        figures = _run(wish, state, screen, began)
    except KeyboardInterrupt:
        screen.print("stopped")
        sys.exit(130)
    except AndonError as error:
        screen.print(str(error), style="red", markup=False, soft_wrap=True)
        sys.exit(2 if isinstance(error, Mistake) else 1)
    if as_json:
        sys.stdout.write(json.dumps(figures) + "\n")
    else:
        screen.print_json(json.dumps(figures))
    sys.exit(0 if figures["balanced"] else 1)


def _run(wish: Wish, state: Path | None, screen: Console, began: float) -> dict[str, object]:
    draw = random.SystemRandom()
    with ExitStack() as stack:
        told = _Steps(screen, began)
        given = stations_of(wish.images)
        get(("kafka", "redis", "alertmanager"))
        kinds: list[Kind] = [Kafka(), Redis(), Alertmanager(), *monitoring(get, told)]
        told(f"starting {', '.join(kind.name for kind in kinds)}")
        servers = stack.enter_context(Servers(kinds, state=state, draw=draw))
        folder = servers.folder
        assert folder is not None  # noqa: S101  entered
        env = servers.env() | {
            "ANDON_STORE__BUNDLES": str(folder / "bundles"),
            "ANDON_STORE__FRAMES": str(folder / "frames"),
            "ANDON_EVIDENCE__URL": str(folder / "evidence"),
            "ANDON_HEARTBEAT__EVERY_S": "30",
        }
        console = ConsolePlace.of(folder, draw)
        env |= console.env()
        kafka = KafkaSettings(bootstrap_servers=servers.kafka.bootstrap)
        create_topics(kafka, ALL, PARTITIONS, 1)
        wanted = given or _drawn(wish, folder, env, told)
        told(f"learning {len(wanted)} station{'s' * (len(wanted) > 1)} from good frames")
        assign_all(kafka, fit_all(wanted, wish.budget, folder, env, () if given else DECIDED))
        told("starting preprocess, scoring, drift and alerting")
        line = Line(folder / "logs", env, draw)
        ingest = ServiceProcess("ingest", _ingest(wish, wanted), folder / "logs", env, free_ports(1, draw)[0])
        where = f"logs {folder / 'logs'}   evidence {folder / 'evidence'}   Alertmanager {servers.alertmanager.url}"
        if prometheus := servers.get("prometheus"):
            later = [line.on_request[name] for name in ("console", *LATER)]
            scraped(prometheus.folder, [ingest, *line.services.values(), *later])
            where += f"   Prometheus {prometheus.url}/alerts"
            told(f"Prometheus, which watches the line by its rules: {prometheus.url}/alerts")
        stack.callback(line.stop)
        line.start()
        link = console.link(env)
        line.add("console")
        told(f"the console, which shows all this to people: {link}")
        tally = Tally()
        follower = Follower(kafka, tally)
        stack.callback(follower.close)
        told("streaming")
        stack.callback(ingest.process.stop, grace_s=25)
        ingest.process.start()
        for name in LATER:
            line.add(name)
        watch = Watch(line, ingest, follower, tally, screen, began=began, ends=wish.ends, where=where, link=link)
        return watch.until_done()


def _drawn(wish: Wish, folder: Path, env: dict[str, str], told: "_Steps") -> list[Station]:
    told(f"drawing good parts for {wish.stations} stations")
    drawn = folder / "drawn"
    run_to_end("draw", ["ingest", "draw", str(drawn), "--stations", str(wish.stations)], folder / "logs", env, 300)
    return stations_of(sorted(path for path in drawn.iterdir() if path.is_dir()))


def _ingest(wish: Wish, stations: list[Station]) -> list[str]:
    count = ["--count", str(wish.count)] if wish.count else []
    common = ["--rate", str(wish.rate), "--json", *count]
    if wish.images:
        folders = [part for each in stations for part in ("--from", f"{each.name}={each.folder}")]
        return ["ingest", "folder", *folders, "--only", "test/good/*", "--only", "test/*", *common]
    if wish.ends and not wish.count:
        common += ["--count", "120"]
    broken = ["--good-first", "25", "--defects", "0.2", "--run", "8"]
    return ["ingest", "generate", "--stations", str(len(stations)), *broken, *common]


class _Steps:
    """Tells each step and how long it has been."""

    def __init__(self, screen: Console, began: float) -> None:
        self._screen = screen
        self._began = began

    def __call__(self, text: str) -> None:
        self._screen.print(f"[dim]{time.monotonic() - self._began:5.1f} s[/dim]  {text}", soft_wrap=True)
