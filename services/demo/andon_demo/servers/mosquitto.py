"""Mosquitto, an MQTT broker that keeps nothing when it ends."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from andon_demo.servers import tools
from andon_demo.servers.ports import HOST, is_open


@dataclass(frozen=True)
class Mosquitto:
    """How to run Mosquitto. `options` are further lines of its configuration, such as {"cafile": "/tls/ca.pem"}."""

    options: Mapping[str, str] = field(default_factory=dict)
    name: str = "mosquitto"
    ports: int = 1

    def prepare(self, folder: Path, ports: Sequence[int]) -> list[str]:
        """Write its configuration. Anybody may come in unless `options` say otherwise. Started by root it stays root:
        it would become a user who cannot read the files of this folder."""
        said = {
            "listener": f"{ports[0]} {HOST}",
            "allow_anonymous": "true",
            "persistence": "false",
            "user": "root",
        } | dict(self.options)
        config = folder / "mosquitto.conf"
        config.write_text("".join(f"{name} {value}\n" for name, value in said.items()))
        return [tools.program("mosquitto"), "-c", str(config)]

    def answers(self, ports: Sequence[int]) -> bool:
        """Whether it listens: it does so only once it is ready."""
        return is_open(ports[0])

    def url(self, address: str) -> str:
        return f"mqtt{'s' if 'cafile' in self.options or 'certfile' in self.options else ''}://{address}"
