"""The demo's console: where it answers, and the link that lets whoever runs the demo in."""

import getpass
import os
import random
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from andon.errors import Broken
from andon_demo.line import andon_command
from andon_demo.servers.ports import HOST, free_ports, is_free

USUAL = 8600
ADD_WITHIN_S = 60.0


@dataclass(frozen=True)
class ConsolePlace:
    """`url` is where it answers; `people` the file that says who may come in."""

    url: str
    port: int
    people: Path

    @classmethod
    def of(cls, folder: Path, draw: random.Random) -> "ConsolePlace":
        """At its usual port where nobody is there."""
        port = USUAL if is_free(USUAL) else free_ports(1, draw)[0]
        return cls(f"http://{HOST}:{port}", port, folder / "people.yaml")

    def env(self) -> dict[str, str]:
        """Settings of the console, and of alerting, whose pages link to it."""
        return {
            "ANDON_CONSOLE__PORT": str(self.port),
            "ANDON_CONSOLE__PEOPLE": str(self.people),
            "ANDON_LINKS__CONSOLE": f"{self.url}/incidents/{{incident}}",
        }

    def link(self, env: Mapping[str, str]) -> str:
        """Lets whoever runs this in, as an engineer. The token stands in the link and nowhere else: the command that
        makes it speaks to us, not to a log. Raises Broken."""
        command = [andon_command(), "console", "people", "add", _user(), "--role", "engineer"]
        done = subprocess.run(
            command, env={**os.environ, **env}, capture_output=True, text=True, timeout=ADD_WITHIN_S, check=False
        )
        if done.returncode:
            raise Broken(f"andon console people add ended with status {done.returncode}.\n{done.stderr[-2000:]}")
        return f"{self.url}/sign-in#{done.stdout.split()[-1]}"


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a container may run as a number that has no name
        return "engineer"
