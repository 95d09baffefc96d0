"""redis-server, in memory only."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import redis

from andon_demo.servers import tools
from andon_demo.servers.ports import HOST, is_open


@dataclass(frozen=True)
class Redis:
    """How to run Redis. `options` are more arguments of redis-server: ("--maxmemory", "64mb")."""

    options: Sequence[str] = ()
    name: str = "redis"
    ports: int = 1

    def prepare(self, folder: Path, ports: Sequence[int]) -> list[str]:
        """Nothing is written: Redis holds what can be rebuilt, so neither dumps nor a log of writes are wanted."""
        in_memory = ["--save", "", "--appendonly", "no", "--maxmemory-policy", "noeviction"]
        where = ["--bind", HOST, "--port", str(ports[0]), "--dir", str(folder), "--daemonize", "no"]
        return [tools.program("redis"), *where, *in_memory, *self.options]

    def answers(self, ports: Sequence[int]) -> bool:
        """Whether it says PONG."""
        if not is_open(ports[0]):
            return False
        try:
            with redis.Redis(host=HOST, port=ports[0], socket_timeout=1, socket_connect_timeout=1) as client:
                return bool(client.ping())
        except redis.RedisError:
            return False

    def url(self, address: str) -> str:
        return f"redis://{address}/0"
