"""Prometheus with the configuration of deploy/prometheus; what it scrapes stands in a file it watches."""

import json
import shutil
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from andon_demo.servers import tools, web
from andon_demo.servers.ports import HOST


@dataclass(frozen=True)
class Target:
    """One thing to scrape: `address` is host:port, `job` the service's name."""

    address: str
    job: str


@dataclass(frozen=True)
class Prometheus:
    """How to run Prometheus, and what it scrapes from the start."""

    targets: Sequence[Target] = ()
    name: str = "prometheus"
    ports: int = 1

    def prepare(self, folder: Path, ports: Sequence[int]) -> list[str]:
        """Copy its configuration and rules, and write what to scrape beside them."""
        shutil.copytree(tools.deploy_folder() / "prometheus", folder, dirs_exist_ok=True)
        scrape(folder, self.targets)
        _write(folder / "alertmanagers.json", ())
        where = [f"--config.file={folder / 'prometheus.yml'}", f"--storage.tsdb.path={folder / 'data'}"]
        listen = [f"--web.listen-address={HOST}:{ports[0]}", "--storage.tsdb.retention.time=1d"]
        exemplars = "--enable-feature=exemplar-storage"
        return [tools.program("prometheus"), *where, *listen, exemplars, "--log.level=warn"]

    def answers(self, ports: Sequence[int]) -> bool:
        return web.is_ready(ports[0])

    def url(self, address: str) -> str:
        return f"http://{address}"


def scrape(folder: Path, targets: Iterable[Target]) -> None:
    """Change what the Prometheus of this folder scrapes; a running one takes it up by itself."""
    _write(folder / "targets.json", targets)


def notify(folder: Path, alertmanager: str) -> None:
    """Send what the rules of this folder's Prometheus fire to an Alertmanager (host:port)."""
    _write(folder / "alertmanagers.json", [Target(alertmanager, "alertmanager")])


def _write(path: Path, targets: Iterable[Target]) -> None:
    """A target list as Prometheus reads it (its documentation: file_sd_config), replaced in one step."""
    groups = [{"targets": [target.address], "labels": {"job": target.job}} for target in targets]
    fresh = path.with_suffix(".new")
    fresh.write_text(json.dumps(groups, indent=2))
    fresh.replace(path)
