"""`andon servers`: real Kafka, Redis, Alertmanager and Prometheus on this machine."""

import time
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from andon_demo.servers import tools
from andon_demo.servers.alertmanager import Alertmanager
from andon_demo.servers.fetch import EVERY, STANDARD, Machine, Told
from andon_demo.servers.fetch import fetch as fetch_servers
from andon_demo.servers.kafka import Kafka
from andon_demo.servers.prometheus import Prometheus
from andon_demo.servers.redis import Redis
from andon_demo.servers.server import Kind
from andon_demo.servers.supervise import Servers

app = typer.Typer(
    no_args_is_help=True,
    help="Real Kafka, Redis, Alertmanager and Prometheus on this machine, without Docker: to try things and to test.",
)


@app.command()
def fetch(
    names: Annotated[list[str] | None, typer.Argument(help=f"Which of: {', '.join(EVERY)}.")] = None,
) -> None:
    """Get what the servers need and this machine lacks. Quick when everything is there.

    Kafka's jars come by Maven, as pinned in deploy/kafka/pom.xml, and are kept in .cache/andon (or ANDON_CACHE).
    The others are Debian packages: installed when run as root, otherwise you are told what to install.
    chromium, podman and debootstrap are no servers: tests look at pages with the one, build images with the others.
    Without names: kafka, redis and alertmanager.
    """
    get(names or STANDARD)


def get(names: list[str] | tuple[str, ...]) -> None:
    """Fetch with progress on the terminal's error stream."""
    screen = Console(stderr=True, highlight=False)
    with screen.status("looking at this machine") as status:
        told = Told(say=screen.print, note=lambda line: status.update(line[-screen.width + 4 :]))
        fetch_servers(names, told, deploy=tools.deploy_folder(), cache=tools.cache_folder(), machine=Machine())


@app.command()
def run(
    state: Annotated[Path | None, typer.Option(help="Keep data and logs here; a later run goes on with them.")] = None,
    port_kafka: Annotated[int | None, typer.Option(help="Kafka's port; a free one by default.")] = None,
    port_redis: Annotated[int | None, typer.Option(help="Redis' port.")] = None,
    port_alertmanager: Annotated[int | None, typer.Option(help="Alertmanager's port.")] = None,
    port_prometheus: Annotated[int | None, typer.Option(help="Prometheus' port; implies --prometheus.")] = None,
    prometheus: Annotated[bool, typer.Option("--prometheus", help="Run Prometheus too.")] = False,
    webhook: Annotated[str | None, typer.Option(help="The URL Alertmanager posts notifications to.")] = None,
) -> None:
    """Start the servers, print their addresses as environment variables, stop them at Ctrl-C.

    The lines on standard output are what Andon's services read, so another terminal can use them:

        andon servers run > servers.env &
        set -a; source servers.env; set +a; andon topics create
    """
    asked = {"kafka": port_kafka, "redis": port_redis, "alertmanager": port_alertmanager, "prometheus": port_prometheus}
    ports = {name: port for name, port in asked.items() if port is not None}
    kinds: list[Kind] = [Kafka(), Redis(), Alertmanager(webhook=webhook)]
    if prometheus or port_prometheus is not None:
        kinds.append(Prometheus())
    get([kind.name for kind in kinds])
    serve(Servers(kinds, state=state, ports=ports))


def serve(servers: Servers) -> None:
    """Run them until Ctrl-C or SIGTERM. DidNotStart when one of them ends by itself."""
    screen = Console(stderr=True, highlight=False)
    try:
        with servers:
            for name, value in servers.env().items():
                typer.echo(f"{name}={value}")
            screen.print(f"running; data and logs in {servers.folder}; Ctrl-C stops them")
            while True:
                servers.check()
                time.sleep(0.5)
    except KeyboardInterrupt:
        screen.print("stopped")
