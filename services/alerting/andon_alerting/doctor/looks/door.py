"""Knocking at an address: does its name resolve, does anybody listen."""

import socket
import ssl
from collections.abc import Iterable
from urllib.parse import urlsplit

from andon_alerting.doctor.facts.door import Door, Trouble
from andon_alerting.doctor.looks.side import side_by_side

KNOCK_S = 3.0


def knock(address: str, within_s: float = KNOCK_S) -> Door:
    """Whether somebody takes connections at `host:port`; nothing is said to them."""
    host, port = host_port(address)
    try:
        socket.create_connection((host, port), within_s).close()
    except socket.gaierror as error:
        return Door(address, Trouble.NAME, error.strerror or "")
    except ConnectionRefusedError:
        return Door(address, Trouble.REFUSED)
    except TimeoutError:
        return Door(address, Trouble.SILENT)
    except (OSError, UnicodeError) as error:
        return Door(address, Trouble.UNREACHABLE, getattr(error, "strerror", None) or str(error))
    return Door(address)


def knock_all(addresses: Iterable[str]) -> list[Door]:
    """All of them side by side, in their order."""
    return side_by_side(knock, addresses)


def resolve(address: str) -> Door:
    """Whether the name of `host:port` resolves; nobody is called."""
    host, port = host_port(address)
    try:
        socket.getaddrinfo(host, port)
    except (socket.gaierror, UnicodeError) as error:
        return Door(address, Trouble.NAME, getattr(error, "strerror", None) or str(error))
    return Door(address)


def speaks_tls(address: str, within_s: float = KNOCK_S) -> bool:
    """Whether whoever listens there answers a TLS greeting, whatever its certificate. Nothing is sent after that."""
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    try:
        with socket.create_connection(host_port(address), within_s) as plain, context.wrap_socket(plain):
            return True
    except ssl.SSLError as error:  # it speaks TLS, and wants our certificate, say
        return error.reason is not None and "ALERT" in error.reason
    except OSError:
        return False


def host_port(address: str, port: int = 9092) -> tuple[str, int]:
    """`host:port`, `[v6]:port` or `host` as host and port."""
    parts = urlsplit(f"//{address}")
    try:
        return parts.hostname or address, parts.port or port
    except ValueError:
        return address, port


def address_of(url: str, ports: dict[str, int]) -> str:
    """`host:port` of a URL, by the port of its scheme where it names none."""
    parts = urlsplit(url)
    host = f"[{parts.hostname}]" if ":" in (parts.hostname or "") else parts.hostname or "localhost"
    return f"{host}:{parts.port or ports.get(parts.scheme, 80)}"


def is_local(host: str) -> bool:
    """Whether it is this machine."""
    from ipaddress import ip_address

    try:
        return host == "localhost" or ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False
