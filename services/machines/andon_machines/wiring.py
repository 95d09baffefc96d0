"""The service, put together: an arm for MQTT, an arm for OPC UA."""

from collections.abc import Sequence
from contextlib import ExitStack
from functools import partial

from andon.kafka import KafkaDeadLetters, TopicReader
from andon.kafka.clients import SMALL_FETCH_BYTES
from andon.kafka.source import KafkaSource, Subscription
from andon.line import LineFile
from andon.run import Service, andon_version, utc_now
from andon.stage import Handler, Idle, Message, Sink, Stage
from andon.topics import INCIDENTS, SCORES
from andon_machines.apart import Arm, run
from andon_machines.away import Away
from andon_machines.gate import Gate
from andon_machines.mqtt import Broker
from andon_machines.nodes import places
from andon_machines.observe import counted
from andon_machines.open_now import FollowedIncidents
from andon_machines.reachable import Reachable, scores_have_leaders
from andon_machines.session import Session
from andon_machines.settings import MachinesSettings
from andon_machines.telling import Verdicts, incidents


def wire_up(service: Service, settings: MachinesSettings) -> None:
    """Builds what has an address, and runs it. Raises Mistake at once for what only a person can mend."""
    with ExitStack() as closing:
        arms = []
        if settings.mqtt.url:
            arms.append(mqtt_arm(service, settings))
        if settings.opcua.url:
            arms.append(opcua_arm(service, settings, closing))
        run(service, arms)


def mqtt_arm(service: Service, settings: MachinesSettings) -> Arm:
    """Verdicts, and between them incidents, to the broker."""
    kafka, plans = settings.kafka, LineFile(settings.line, metrics=service.metrics)
    told = counted(service.metrics, "mqtt")
    broker = Broker(settings.mqtt, settings.machines, plans, utc_now, away(service, settings, "mqtt"), told)
    broker.tend()
    group = f"{kafka.group_prefix}.machines-mqtt"
    scores = service.kafka_source(kafka, verdicts_for(group))
    events = service.kafka_source(
        kafka, Subscription((INCIDENTS,), f"{group}-incidents", fetch_bytes=SMALL_FETCH_BYTES), poll_s=0
    )
    verdicts = Verdicts(plans, settings.machines.unscorable)
    return Arm(
        "mqtt",
        [
            stage("machines-mqtt", scores, verdicts, Beside(broker, events), service, settings),
            stage("machines-mqtt-incidents", events, incidents, Beside(broker, scores), service, settings),
        ],
        [scores, events],
        [broker.tend, lambda: plans.refresh(utc_now())],
    )


def opcua_arm(service: Service, settings: MachinesSettings, closing: ExitStack) -> Arm:
    """Verdicts, open incidents and a heartbeat to the server's nodes."""
    kafka, opcua, stations = settings.kafka, settings.opcua, frozenset(settings.opcua.station_names)
    plans = LineFile(settings.line, metrics=service.metrics)
    scores = service.kafka_source(kafka, verdicts_for(f"{kafka.group_prefix}.machines-opcua"))
    open_now = FollowedIncidents(TopicReader(kafka, INCIDENTS))
    closing.callback(open_now.close)
    gate = Gate(
        opcua,
        settings.machines,
        places(opcua.nodes, opcua.station_names),
        partial(Session, opcua),
        utc_now,
        away(service, settings, "opcua"),
        counted(service.metrics, "opcua"),
        open_now.table.causes,
        closing.enter_context(Reachable(scores_have_leaders(kafka)).watching()),
    )
    gate.tend(nothing)
    verdicts = Verdicts(plans, settings.machines.unscorable, stations.__contains__)
    return Arm(
        "opcua",
        [stage("machines-opcua", scores, verdicts, gate, service, settings)],
        [scores],
        [
            open_now.refresh,
            lambda: gate.tend(scores.idle),
            lambda: plans.refresh(utc_now()),
        ],
    )


def verdicts_for(group: str) -> Subscription:
    """A sink that was never there before begins with what comes now: nobody can act on yesterday's verdicts."""
    return Subscription((SCORES,), group, first_start="latest", fetch_bytes=SMALL_FETCH_BYTES)


def away(service: Service, settings: MachinesSettings, sink: str) -> Away:
    """How long this sink may be away."""
    connected = service.metrics.machine_connected.labels(sink).set
    return Away(sink, settings.machines.give_up_after_s, lambda: service.stop, connected=connected)


def stage(
    name: str, source: KafkaSource, handle: Handler, sink: Sink, service: Service, settings: MachinesSettings
) -> Stage:
    """One stage of an arm."""
    dead_letters = KafkaDeadLetters(settings.kafka, settings.dead_letters, service.name, andon_version())
    return Stage(name, source, handle, sink, dead_letters)


class Beside:
    """A sink that two stages share: while one of them waits for it, the other's source keeps its place too."""

    def __init__(self, sink: Sink, other: KafkaSource) -> None:
        self._sink = sink
        self._other = other

    def send(self, messages: Sequence[Message], idle: Idle) -> None:
        """As the sink."""

        def both() -> None:
            idle()
            self._other.idle()

        self._sink.send(messages, both)

    def close(self) -> None:
        """As the sink, which may be closed twice."""
        self._sink.close()


def nothing() -> None:
    """At the start nobody keeps a place yet."""
