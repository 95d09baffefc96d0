"""What Redis, Alertmanager, the webhook, stores and our own settings are like."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from andon_alerting.doctor.facts.door import Door


@dataclass(frozen=True, slots=True)
class RedisDoor:
    """Whether Redis answers."""

    door: Door
    version: str = ""


@dataclass(frozen=True, slots=True)
class Redis:
    """What INFO says."""

    address: str
    info: Mapping[str, Any]
    prefix: str


@dataclass(frozen=True, slots=True)
class RedisRights:
    """What our user may not do there: commands with what Redis said. `tried` is how many."""

    address: str
    user: str
    denied: Mapping[str, str]
    tried: int
    prefix: str


@dataclass(frozen=True, slots=True)
class AlertmanagerDoor:
    """Whether Alertmanager answers."""

    door: Door
    version: str = ""


@dataclass(frozen=True, slots=True)
class Alertmanager:
    """What Alertmanager says (API v2): its configuration as a tree, its receivers' names, whether the watchdog is
    active, and its active silences."""

    address: str
    config: Mapping[str, Any]
    cluster: str
    receivers: tuple[str, ...]
    watchdog: bool
    watchdog_wanted: bool
    silences: tuple[Mapping[str, Any], ...]


@dataclass(frozen=True, slots=True)
class Webhook:
    """The webhook's host, and whether its name resolves; it is not called."""

    door: Door


@dataclass(frozen=True, slots=True)
class Store:
    """One store. `missing`: there is no such folder yet. `unreadable` and `unwritable` say why; `unwritable` is None
    where it was not tried. `room` and `inodes` are free and all, in bytes and in files, for folders."""

    name: str
    variable: str
    url: str
    missing: bool = False
    unreadable: str = ""
    unwritable: str | None = ""
    room: tuple[int, int] | None = None
    inodes: tuple[int, int] | None = None


@dataclass(frozen=True, slots=True)
class Stores:
    """All of them."""

    stores: tuple[Store, ...]


@dataclass(frozen=True, slots=True)
class Environment:
    """Our own settings: ANDON_ variables nobody reads with the nearest that is read, what travels in the open (what,
    where), secrets in files that everybody may read (path, mode), and how partitions are shared out."""

    unknown: Mapping[str, str | None]
    known: int
    in_the_open: tuple[tuple[str, str], ...]
    open_files: tuple[tuple[str, int], ...]
    secret_files: int
    strategy: str = "range"


@dataclass(frozen=True, slots=True)
class LineFile:
    """The line file: its stations and patterns, or every mistake in it."""

    path: str
    names: tuple[str, ...] = ()
    mistakes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Heard:
    """When each station was last heard of, from what alerting remembers and from the newest records."""

    now: datetime
    stations: Mapping[str, datetime]
    line: LineFile | None = None
