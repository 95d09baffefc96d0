"""Whether somebody answers at an address."""

from dataclasses import dataclass
from enum import StrEnum


class Trouble(StrEnum):
    """Why nobody answers, so that each is told apart."""

    NAME = "its name does not resolve"
    REFUSED = "nobody listens there (connection refused)"
    SILENT = "it does not answer (timed out): a firewall, or a host that is down"
    UNREACHABLE = "it cannot be reached"
    TLS = "TLS fails"
    SPEAKS_TLS = "it speaks TLS, and we do not"
    LOGIN = "it refuses our login"
    MUTE = "it takes connections and does not answer as it should"


@dataclass(frozen=True, slots=True)
class Door:
    """An address, `host:port`, and why nobody answers there; None: somebody does. `detail` is what was said."""

    address: str
    trouble: Trouble | None = None
    detail: str = ""

    @property
    def words(self) -> str:
        """What is wrong, in a sentence without an end."""
        return f"{self.trouble}{f': {self.detail}' if self.detail else ''}"
