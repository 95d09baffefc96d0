"""Looking at Redis: INFO, and what our user may do there. Nothing is written."""

import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlsplit

from redis.backoff import NoBackoff
from redis.exceptions import AuthenticationError, NoPermissionError, RedisError, ResponseError
from redis.retry import Retry

from andon.redis_client import Client, connect
from andon.settings import RedisSettings
from andon_alerting.doctor.ask import Ask
from andon_alerting.doctor.facts.door import Door, Trouble
from andon_alerting.doctor.facts.records import RedisClock
from andon_alerting.doctor.facts.world import Redis, RedisDoor, RedisRights
from andon_alerting.doctor.finding import NotKnown
from andon_alerting.doctor.looks.door import address_of, knock, speaks_tls
from andon_alerting.outbox import Keys

PORTS = {"redis": 6379, "rediss": 6379}
KEY = "doctor"
SCRIPT = "return redis.call('EXISTS', KEYS[1])"
COMMANDS: tuple[tuple[str, ...], ...] = (
    ("HGET", "{key}", "field"),
    ("HSET", "{key}", "field", "value"),
    ("HSETNX", "{key}", "field", "value"),
    ("SADD", "{key}", "member"),
    ("ZADD", "{key}", "1", "member"),
    ("ZRANGEBYSCORE", "{key}", "0", "1"),
    ("EXPIRE", "{key}", "60"),
    ("DEL", "{key}"),
    ("SCRIPT", "LOAD", SCRIPT),
    ("EVAL", SCRIPT, "1", "{key}"),
    ("EVALSHA", "0" * 40, "1", "{key}"),
)
"""What alerting does to its keys; only tried with ACL DRYRUN, which runs nothing."""


def door(settings: RedisSettings) -> RedisDoor:
    """Whether Redis answers, and if not, why."""
    address = where(settings)
    knocked = Door(address) if settings.url.startswith("unix:") else knock(address)
    if knocked.trouble:
        return RedisDoor(knocked)
    try:
        with _once_only(settings) as client:
            return RedisDoor(knocked, str(client.info("server").get("redis_version", "")))
    except NoPermissionError:
        return RedisDoor(knocked)
    except RedisError as error:
        return RedisDoor(Door(address, _trouble(settings, address, error), str(error)[:200]))


def _trouble(settings: RedisSettings, address: str, error: RedisError) -> Trouble:
    said = str(error).upper()
    if isinstance(error, AuthenticationError) or "NOAUTH" in said or "AUTHENTICATION" in said or "WRONGPASS" in said:
        return Trouble.LOGIN
    if "SSL" in said or "CERTIFICATE" in said:
        return Trouble.TLS
    if settings.url.startswith("redis:") and speaks_tls(address, 1.0):
        return Trouble.SPEAKS_TLS
    return Trouble.MUTE


def opened(settings: RedisSettings, ask: Ask) -> Client:
    """A client of a Redis that answers. Raises NotKnown where it does not."""
    if ask(RedisDoor).door.trouble:
        raise NotKnown("Redis does not answer")
    return _once_only(settings)


def _once_only(settings: RedisSettings) -> Client:
    """A client that tries nothing twice: whoever looks wants to know at once."""
    client = connect(settings)
    client.set_retry(Retry(NoBackoff(), 0))
    return client


def redis(settings: RedisSettings, ask: Ask) -> Redis:
    """What INFO says."""
    with opened(settings, ask) as client:
        return Redis(where(settings), client.info(), settings.key_prefix)


def rights(settings: RedisSettings, ask: Ask) -> RedisRights:
    """What we may not do."""
    with opened(settings, ask) as client:
        user = _user(client, settings)
        denied, tried = _denied(client, user, settings.key_prefix)
        return RedisRights(where(settings), user, denied, tried, settings.key_prefix)


def where(settings: RedisSettings) -> str:
    """`host:port`, or the path of a socket."""
    parts = urlsplit(settings.url)
    return parts.path if parts.scheme == "unix" else address_of(settings.url, PORTS)


def _user(client: Client, settings: RedisSettings) -> str:
    with suppress(ResponseError):
        return str(client.execute_command("ACL", "WHOAMI"))
    return settings.username or "default"


def _denied(client: Client, user: str, prefix: str) -> tuple[dict[str, str], int]:
    """What Redis says of the commands that it would refuse; where it does not tell, of two harmless ones."""
    denied: dict[str, str] = {}
    key = f"{prefix}{KEY}"
    try:
        for words in COMMANDS:
            answer = client.execute_command("ACL", "DRYRUN", user, *(word.format(key=key) for word in words))
            if answer not in (b"OK", "OK", True):
                denied[words[0]] = str(answer)
    except ResponseError:
        tries: dict[str, Callable[[], Any]] = {
            "EXISTS": lambda: client.exists(key),
            "EVAL": lambda: client.eval(SCRIPT, 1, key),
        }
        return dict(_refused(tries)), len(tries)
    return denied, len(COMMANDS)


def _refused(tries: dict[str, Callable[[], Any]]) -> Iterator[tuple[str, str]]:
    for name, attempt in tries.items():
        try:
            attempt()
        except ResponseError as error:
            yield name, str(error)[:200]


@dataclass(frozen=True)
class Remembered:
    """When alerting last heard each station, as Redis has it."""

    stations: dict[str, datetime]


def remembered(settings: RedisSettings, ask: Ask) -> Remembered:
    """Reads the sorted sets of alerting's own state."""
    keys = Keys(settings.key_prefix)
    with opened(settings, ask) as client:
        parts = [int(each) for each in client.hkeys(keys.boot)]
        found = {
            str(station): datetime.fromtimestamp(at, UTC)
            for part in parts
            for station, at in client.zrange(keys.heard(part), 0, -1, withscores=True)
        }
    return Remembered(found)


def clock(settings: RedisSettings, ask: Ask) -> RedisClock:
    """How far Redis's clock is ahead of ours: half of what the call took is not known. The quickest of three counts."""
    with opened(settings, ask) as client:
        client.ping()
        return min((_once(client) for _ in range(3)), key=lambda each: each.within_s)


def _once(client: Client) -> RedisClock:
    before = time.time()
    seconds, micros = client.time()
    after = time.time()
    return RedisClock("Redis", seconds + micros / 1e6 - (before + after) / 2, (after - before) / 2)
