"""Ports nobody uses, from below the range the kernel gives to outgoing connections.

A port inside that range can be taken while our server is down: a client that keeps trying to reconnect is given it as
its own source port, connects to itself, and the server cannot come back.
"""

import random
import socket
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

from andon.errors import Broken

HOST = "127.0.0.1"
LOWEST = 15_000
TRIES = 1_000


def is_free(port: int) -> bool:
    """Whether a server could listen on the port now."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
            probe.listen()
        except OSError:
            return False
        return True


def is_open(port: int) -> bool:
    """Whether somebody listens on the port."""
    with socket.socket() as probe:
        probe.settimeout(1.0)
        return probe.connect_ex((HOST, port)) == 0


def first_outgoing_port(setting: Path = Path("/proc/sys/net/ipv4/ip_local_port_range")) -> int:
    """The lowest port the kernel gives to outgoing connections (Linux; its default elsewhere)."""
    return int(setting.read_text().split()[0]) if setting.exists() else 32_768


def free_ports(count: int, draw: random.Random) -> tuple[int, ...]:
    """`count` different free ports. Broken when a thousand draws do not find them."""
    found = tuple(islice(_draws(draw), count))
    if len(found) < count:
        raise Broken(f"no {count} free ports on {HOST} after {TRIES} draws: stop something that listens there")
    return found


def _draws(draw: random.Random) -> Iterator[int]:
    highest = max(first_outgoing_port(), LOWEST + 2_000)
    return (port for port in draw.sample(range(LOWEST, highest), TRIES) if is_free(port))
