"""`andon machines try`: the connections put to the test, for one station."""

import sys
from collections.abc import Callable
from datetime import datetime
from uuid import uuid4

import typer

from andon.errors import Invalid, Mistake
from andon.ids import station_id
from andon.line import LineFile, Plan
from andon.records import FramePlace, Score, Verdict
from andon.run import utc_now
from andon_machines.away import Unreachable
from andon_machines.link import Link
from andon_machines.mqtt import levels
from andon_machines.names import topic
from andon_machines.nodes import places, values
from andon_machines.result import Action, PartResult, part_result, sent, write_result
from andon_machines.session import Session
from andon_machines.settings import MachinesSettings


def try_out(settings: MachinesSettings, station: str) -> int:
    """Tries what has an address. The exit status: 1 where something does not work, which is told in a sentence."""
    try:
        station_id(station)
    except Invalid as invalid:
        raise Mistake(f"--station: {invalid.detail}") from None
    result = a_test(LineFile(settings.line).of(station), utc_now())
    tries: list[Callable[[], None]] = []
    if settings.mqtt.url:
        tries.append(lambda: try_mqtt(settings, result))
    if settings.opcua.url:
        tries.append(lambda: try_opcua(settings, result))
    return max([tell(each) for each in tries])


def tell(trial: Callable[[], None]) -> int:
    """Runs one trial; tells why it failed."""
    try:
        trial()
    except (Mistake, Unreachable) as error:
        sys.stderr.write(f"it does not work: {error}\n")
        return 1
    return 0


def a_test(plan: Plan, now: datetime) -> PartResult:
    """A verdict that no part belongs to, and nobody is to act on."""
    score = Score(
        frame_id=uuid4(),
        station=plan.station,
        epoch=0,
        seq=0,
        captured_at=now,
        scored_at=now,
        verdict=Verdict.OK,
        width=0,
        height=0,
        frame=FramePlace(topic="test", partition=0, offset=0),
    )
    marked = {"test": True, "is_simulated": True, "action": Action.NONE}
    return part_result(score, plan, "reject").model_copy(update=marked)


def try_mqtt(settings: MachinesSettings, result: PartResult) -> None:
    """Sends the test as a verdict is sent. Raises Mistake or Unreachable."""
    mqtt, where = settings.mqtt, topic(settings.mqtt.verdict_topic, levels(result))
    client_id = f"{mqtt.client_id[:48]}-try-{result.result_id.hex[:8]}"  # the service may be at work meanwhile
    link = Link(mqtt.model_copy(update={"client_id": client_id}), None)
    try:
        payload = write_result(sent(result, utc_now(), settings.machines.max_age_ms))
        link.publish(where, payload)
        if link.news(mqtt.timeout_s) is None:
            raise Unreachable(f"{mqtt.url}: no acknowledgement within {mqtt.timeout_s:g} s")
    finally:
        link.close()
    typer.echo(f"mqtt: {mqtt.url} accepted a test verdict in {where}:")
    typer.echo(payload.decode())


def try_opcua(settings: MachinesSettings, result: PartResult) -> None:
    """Reads the station's nodes, and says what would be written. Raises Mistake or Unreachable."""
    opcua, station = settings.opcua, result.station
    if station not in opcua.station_names:
        raise Mistake(f"opcua: {station} is not in ANDON_OPCUA__STATIONS ({opcua.stations}): its verdicts go nowhere")
    every = list(places(opcua.nodes, (station,)).values())
    session = Session(opcua, no_matter)
    try:
        types = session.types(every, no_matter)
        now = session.read(every, no_matter)
    finally:
        session.close()
    typer.echo(f"opcua: {opcua.url} has every node of {station}, and lets us write it. Nothing was written:")
    told = values(result) | {"incident_open": False, "incident_cause": "", "heartbeat": 1}
    for place, there in zip(every, now, strict=True):
        typer.echo(f"  {place.text} ({types[place].name}) holds {there!r}, would hold {told[place.field]!r}")


def no_matter() -> None:
    """Nobody keeps a place here."""
