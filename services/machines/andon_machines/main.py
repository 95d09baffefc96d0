"""machines: scores and incidents -> MQTT and OPC UA."""

from typing import Annotated

import typer

from andon.errors import Mistake
from andon.run import Service, serve
from andon.settings import load
from andon_machines.settings import MachinesSettings

HELP = """Tell machines what inspection says: verdicts and incidents for a PLC or MES, by MQTT and OPC UA.

Off until told where: ANDON_MQTT__URL, ANDON_OPCUA__URL, or both. By MQTT each verdict is one JSON message, and each
incident a retained one. By OPC UA each verdict is one Write to the nodes of its station, on your server: Reject says
what a gate is to do, and Seq, written last, that something new is there.

A verdict older than ANDON_MACHINES__MAX_AGE_MS (2000) is told as late and never sets Reject: its part is gone. Golden
frames and drills reach no machine. A part that could not be inspected is rejected, unless ANDON_MACHINES__UNSCORABLE
says pass or hold. Heartbeat goes up every second; a PLC whose heartbeat stands still is on its own.

A broker or server that is away holds up nobody else. Incidents wait in Kafka and are told later; verdicts then late.

Example: ANDON_MQTT__URL=mqtt://broker:1883 andon machines

Example: ANDON_OPCUA__URL=opc.tcp://plc:4840 ANDON_OPCUA__STATIONS=weld-07,press-1 andon machines

Before that, without writing to the PLC: andon machines try --station weld-07
"""

app = typer.Typer(help=HELP, invoke_without_command=True)


@app.callback()
def machines(context: typer.Context) -> None:
    """Runs the service, unless a sub-command is asked for."""
    if context.invoked_subcommand is None:
        serve("machines", MachinesSettings, wire)


@app.command("try")
def try_(
    station: Annotated[str, typer.Option("--station", "-s", help="Whose topics and nodes.")],
) -> None:
    """Try the connections: a test verdict to MQTT, marked test, without an action; OPC UA nodes are read, not written.

    Prints what was sent and what would be written. Exit status 1 where a connection or a node does not work.

    Example: ANDON_OPCUA__URL=opc.tcp://plc:4840 ANDON_OPCUA__STATIONS=weld-07 andon machines try --station weld-07
    """
    from andon_machines.trying import try_out

    settings = load(MachinesSettings)
    something(settings)
    raise typer.Exit(try_out(settings, station))


def wire(service: Service, settings: MachinesSettings) -> None:
    """Builds an arm for each sink that has an address, and runs them."""
    from andon_machines.wiring import wire_up

    something(settings)
    wire_up(service, settings)


def something(settings: MachinesSettings) -> None:
    """Raises Mistake where nobody is to be told anything."""
    if not (settings.mqtt.url or settings.opcua.url):
        raise Mistake("nobody is told anything: set ANDON_MQTT__URL, ANDON_OPCUA__URL, or both (docs/machines.md)")
