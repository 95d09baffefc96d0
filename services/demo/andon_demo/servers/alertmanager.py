"""Alertmanager, one node without a cluster, with the configuration of deploy/alertmanager."""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from andon.errors import Mistake
from andon_demo.servers import tools, web
from andon_demo.servers.ports import HOST


@dataclass(frozen=True)
class Alertmanager:
    """How to run Alertmanager. Without a `webhook` (the URL notifications are posted to) its receiver is silent; those
    of rehearsals are posted to `drills`, where given.

    `group_wait_s`, `group_interval_s`: seconds before a group's first notification, and between later ones.
    """

    webhook: str | None = None
    group_wait_s: float = 1.0
    group_interval_s: float = 5.0
    drills: str | None = None
    name: str = "alertmanager"
    ports: int = 1

    def prepare(self, folder: Path, ports: Sequence[int]) -> list[str]:
        """Write its configuration."""
        template = tools.deploy_folder() / "alertmanager" / "alertmanager.yml"
        config = folder / "alertmanager.yml"
        config.write_text(self.render(template.read_text()))
        where = [f"--config.file={config}", f"--storage.path={folder / 'data'}"]
        listen = [f"--web.listen-address={HOST}:{ports[0]}", "--cluster.listen-address="]
        return [tools.program("alertmanager"), *where, *listen, "--log.level=warn"]

    def render(self, template: str) -> str:
        """The configuration with our waits in it and, as its last lines, our webhook on the last receiver."""
        if self.drills:
            template = _with_drills(template, self.drills)
        waits = {"group_wait": self.group_wait_s, "group_interval": self.group_interval_s}
        return _with_waits(template, waits) + (_webhook(self.webhook) if self.webhook else "")

    def answers(self, ports: Sequence[int]) -> bool:
        return web.is_ready(ports[0])

    def url(self, address: str) -> str:
        return f"http://{address}"


def _with_waits(text: str, waits: Mapping[str, float]) -> str:
    for name, seconds in waits.items():
        text, found = re.subn(rf"(?m)^(  {name}:).*$", rf"\g<1> {round(seconds * 1000)}ms", text)
        if found != 1:
            raise Mistake(f"alertmanager.yml: its route should have one line `  {name}: ...`; it has {found}")
    return text.rstrip("\n") + "\n"


def _with_drills(text: str, url: str) -> str:
    receiver = "  - name: drill\n"
    if text.count(receiver) != 1:
        raise Mistake(f"alertmanager.yml: its receivers should have one line `{receiver.strip()}`")
    return text.replace(receiver, receiver + _webhook(url))


def _webhook(url: str) -> str:
    return f"    webhook_configs:\n      - url: {json.dumps(url)}\n        send_resolved: true\n"
