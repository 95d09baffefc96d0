"""`andon console`: what happens -> people; what they do -> verdicts, incidents, models. Wiring only."""

import getpass
import sys
from contextlib import ExitStack
from typing import Annotated

import structlog
import typer

from andon.asgi import serving
from andon.line import LineFile
from andon.run import Service, serve, utc_now
from andon_console.app import build_app
from andon_console.opening import open_world
from andon_console.safe.commands import people
from andon_console.safe.roster import Roster
from andon_console.settings import ConsoleGroup, ConsoleSettings
from andon_console.world import World

TURN_S = 0.5

app = typer.Typer(invoke_without_command=True)
app.add_typer(people, name="people")


@app.callback()
def console(
    context: typer.Context,
    host: Annotated[str | None, typer.Option(help="Address to bind; else ANDON_CONSOLE__HOST.")] = None,
    port: Annotated[int | None, typer.Option(help="Port; else ANDON_CONSOLE__PORT, or 8600.")] = None,
) -> None:
    """Show people the line, live: the andon board, incidents with their evidence, the models; and take their answers.

    Without ANDON_CONSOLE__PEOPLE or a proxy in front it is for you alone: it binds to this machine and prints a link
    that signs you in (ANDON_CONSOLE__LINK). `andon console people add NAME --role reviewer` lets somebody in by a token
    of their own; with oauth2-proxy or its like in front, ANDON_CONSOLE__PROXY__TRUSTED says whose headers are believed.

    Example: andon console

    Example: ANDON_CONSOLE__PEOPLE=people.yaml andon console --host 0.0.0.0
    """
    if context.invoked_subcommand is None:
        given = {name: value for name, value in (("host", host), ("port", port)) if value is not None}
        serve("console", ConsoleSettings, wire, **({"console": given} if given else {}))


def wire(service: Service, settings: ConsoleSettings) -> None:
    """Builds the world and serves it until told to stop."""
    line = LineFile(settings.line, metrics=service.metrics)
    where = settings.console
    with ExitStack() as closing:
        world = open_world(settings, line, closing, service.metrics)
        roster, token = _roster(settings)
        port = closing.enter_context(serving("console", build_app(world, roster), where.host, where.port))
        _tell(where, port, token)
        _watch(service, world, line)
        world.end()


def _watch(service: Service, world: World, line: LineFile) -> None:
    """Until told to stop. The heart beats while every thread runs."""
    while not service.stop.wait(TURN_S):
        line.refresh(utc_now())
        if world.alive:
            service.heart.beat()
        service.heart.ready = world.caught_up


def _roster(settings: ConsoleSettings) -> tuple[Roster, str]:
    """The people; and the token of whoever started it, where it is for them alone."""
    if settings.console.has_link:
        return Roster.alone(_user())
    return Roster(settings.console.people), ""


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a container may run as a number that has no name
        return "engineer"


def _tell(where: ConsoleGroup, port: int, token: str) -> None:
    """Where it is: in the log; the link that lets somebody in stands on the screen alone."""
    address = where.public_url or f"http://{_named(where.host)}:{port}"
    structlog.get_logger().info("console", open=address)
    if token:
        sys.stdout.write(f"Andon's console, for you alone until it ends: {address}/sign-in#{token}\n")
        sys.stdout.flush()


def _named(host: str) -> str:
    """`host` as it stands in an address; where it means every network, the one that this machine reaches itself by."""
    name = "localhost" if host in ("0.0.0.0", "::") else host  # noqa: S104  compared, not bound
    return f"[{name}]" if ":" in name else name
