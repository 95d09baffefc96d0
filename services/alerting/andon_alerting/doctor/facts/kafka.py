"""What Kafka says of itself: servers, brokers, topics, settings, groups."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from andon_alerting.doctor.facts.door import Door

Place = tuple[str, int]


@dataclass(frozen=True, slots=True)
class Servers:
    """Every bootstrap server by itself. `protocol` is what we speak to them."""

    doors: tuple[Door, ...]
    protocol: str = "PLAINTEXT"


@dataclass(frozen=True, slots=True)
class Broker:
    """One broker as the cluster names it; `door` says whether it is reached from here by that name."""

    id: int
    door: Door


@dataclass(frozen=True, slots=True)
class Partition:
    """Who leads a partition (-1: nobody), which brokers hold copies, and which of these are up to date."""

    leader: int
    replicas: tuple[int, ...]
    in_sync: tuple[int, ...]


Topics = Mapping[str, Mapping[int, Partition]]


@dataclass(frozen=True, slots=True)
class Cluster:
    """The brokers, who controls them (None: nobody says), and every topic. `address` is what a command is told."""

    address: str
    brokers: tuple[Broker, ...]
    controller: int | None
    topics: Topics
    frames: str  # a name, or a pattern that begins with '^'


@dataclass(frozen=True, slots=True)
class Configs:
    """The settings of brokers and of our topics, as Kafka names them, in effect. `group_protocol` is ours."""

    address: str
    brokers: Mapping[int, Mapping[str, str]]
    topics: Mapping[str, Mapping[str, str]]
    copies: Mapping[str, int]  # of each topic's partitions, the fewest
    group_protocol: str = "classic"


@dataclass(frozen=True, slots=True)
class Standing:
    """Where a group stands in a partition: `committed` (None: never), and what Kafka holds, `low` to `high`.
    `minute` and `ten_minutes` are the first offsets whose records are younger than that."""

    committed: int | None
    low: int
    high: int
    minute: int
    ten_minutes: int


@dataclass(frozen=True, slots=True)
class Group:
    """One consumer group. `places` are the partitions of the topics it is to read."""

    name: str
    state: str
    members: int
    hosts: tuple[str, ...]
    places: Mapping[Place, Standing]


@dataclass(frozen=True, slots=True)
class Groups:
    """Our groups by the name of their reader; one that Kafka has never heard of is not among them. `holding` are the
    topics that hold any record, `prefix` how our groups begin."""

    address: str
    prefix: str
    found: Mapping[str, Group]
    holding: frozenset[str]


@dataclass(frozen=True, slots=True)
class FrameTopics:
    """Every topic of frames, with when its newest record was written (None: it holds none)."""

    now: datetime
    newest: Mapping[str, datetime | None] = field(default_factory=dict)
