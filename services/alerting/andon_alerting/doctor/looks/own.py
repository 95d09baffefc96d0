"""Looking at our own settings, the line file, clocks, and who was heard."""

import os
import re
import stat
from collections.abc import Iterator, Mapping
from contextlib import suppress
from datetime import UTC, datetime
from difflib import get_close_matches
from importlib.resources import files
from pathlib import Path
from urllib.parse import urlsplit

from andon.errors import Mistake
from andon.line.found import LineMistake
from andon.line.parse import bytes_of, parse
from andon.settings import PREFIX, SECRETS_DIR
from andon_alerting.doctor.ask import Ask
from andon_alerting.doctor.facts.records import AlertmanagerClock, Clock, Clocks, Newest, RecordClock, RedisClock
from andon_alerting.doctor.facts.world import Environment, Heard, LineFile
from andon_alerting.doctor.finding import NotKnown, NotSetUp
from andon_alerting.doctor.looks import redis
from andon_alerting.doctor.looks.door import host_port, is_local
from andon_alerting.doctor.settings import DoctorSettings

LINK = re.compile(r"_SERVICE_(HOST|PORT(_[A-Z0-9_]+)?)$|_PORT_\d+_(TCP|UDP|SCTP)(_(PROTO|PORT|ADDR))?$")


def environment(settings: DoctorSettings, given: Mapping[str, str]) -> Environment:
    """What is set here. `given` is the environment."""
    known = variables()
    ours = [name for name, value in given.items() if name.startswith(PREFIX) and not _of_kubernetes(name, value)]
    unknown = {name: _near(name, known) for name in ours if name not in known and not name.startswith("ANDON_TEST_")}
    secret = [path for path in _secret_files(settings, given) if path.is_file()]
    return Environment(
        unknown=unknown,
        known=len(ours) - len(unknown),
        in_the_open=tuple(_in_the_open(settings)),
        open_files=tuple((str(path), mode) for path in secret if (mode := _mode(path)) & stat.S_IROTH),
        secret_files=len(secret),
        strategy=settings.kafka.assignment_strategy,
    )


def variables() -> frozenset[str]:
    """Every variable of every service; `make docs` writes the list."""
    return frozenset(files("andon_alerting.doctor").joinpath("variables.txt").read_text().split())


def _of_kubernetes(name: str, value: str) -> bool:
    """Whether it is one that Kubernetes sets in every pod for a service called andon-..."""
    return LINK.search(name) is not None or (name.endswith("_PORT") and "://" in value)


def _near(name: str, known: frozenset[str]) -> str | None:
    return next(iter(get_close_matches(name, sorted(known), n=1, cutoff=0.8)), None)


def _mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def _secret_files(settings: DoctorSettings, given: Mapping[str, str]) -> Iterator[Path]:
    if settings.kafka.ssl_key_location:
        yield settings.kafka.ssl_key_location
    folder = Path(given.get(SECRETS_DIR) or os.devnull)
    if folder.is_dir():
        yield from sorted(each for each in folder.iterdir() if each.name.upper().startswith(PREFIX))


def _in_the_open(settings: DoctorSettings) -> Iterator[tuple[str, str]]:
    if settings.kafka.security_protocol in ("PLAINTEXT", "SASL_PLAINTEXT"):
        for address in settings.kafka.bootstrap_servers.split(","):
            if not is_local(host_port(address.strip())[0]):
                yield "Kafka", address.strip()
    urls = {"Redis": settings.redis.url, "Alertmanager": settings.alertmanager.url, "webhook": settings.webhook.url}
    for what, url in urls.items():
        parts = urlsplit(url or "")
        if parts.scheme in ("redis", "http") and not is_local(parts.hostname or "localhost"):
            yield what, f"{parts.hostname}:{parts.port}" if parts.port else str(parts.hostname)


def line_file(settings: DoctorSettings) -> LineFile:
    """The line file, read as `andon check` reads it. Raises NotSetUp."""
    path = settings.line
    if path is None:
        raise NotSetUp("ANDON_LINE is not set: every station has the defaults")
    try:
        line = parse(bytes_of(path), str(path), settings.policy)
    except LineMistake as mistake:
        return LineFile(str(path), mistakes=tuple(mistake.lines))
    except Mistake as mistake:
        return LineFile(str(path), mistakes=(str(mistake),))
    return LineFile(str(path), line.names)


def heard(ask: Ask) -> Heard:
    """When each station was last heard of: by what alerting remembers, or by the newest records alone."""
    seen = ask(Newest)
    found: dict[str, datetime] = {}
    with suppress(NotKnown):  # the newest records tell of some
        found |= ask(redis.Remembered).stations
    for name, at in [(each.station, each.written_at) for each in seen.records]:
        found[name] = max(at, found.get(name, at))
    return Heard(datetime.now(UTC), found, _line(ask))


def _line(ask: Ask) -> LineFile | None:
    try:
        return ask(LineFile)
    except NotSetUp:
        return None


def clocks(ask: Ask) -> Clocks:
    """The clocks of whoever tells the time."""
    found: list[Clock] = []
    unseen: dict[str, str] = {}
    kinds: dict[str, type[Clock]] = {"Redis": RedisClock, "Alertmanager": AlertmanagerClock, "Kafka": RecordClock}
    for kind in kinds.values():
        ask.begin(kind)
    for name, kind in kinds.items():
        try:
            found.append(ask(kind))
        except (NotKnown, NotSetUp) as why:
            unseen[name] = str(why)
    return Clocks(tuple(found), unseen)


def newest_record(ask: Ask) -> RecordClock:
    """The newest record's time: whoever wrote it is at least as far ahead of us."""
    seen = ask(Newest)
    if not seen.records:
        raise NotKnown("it holds no records")
    latest = max(seen.records, key=lambda each: each.written_at)
    who = "the brokers" if latest.by_broker else f"whoever wrote of {latest.station}"
    return RecordClock(who, (latest.written_at - seen.now).total_seconds(), 0.0, at_least=True)
