"""The demo's Prometheus, where it can be had: it scrapes every service of the line, and evaluates the rules."""

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from andon.errors import Broken, Mistake
from andon_demo.line import ServiceProcess
from andon_demo.servers.ports import HOST
from andon_demo.servers.prometheus import Prometheus, Target, scrape
from andon_demo.servers.server import Kind

Fetch = Callable[[tuple[str, ...]], None]
"""Makes the named servers startable. Raises Mistake where only a person can, and Broken."""


def monitoring(fetch: Fetch, say: Callable[[str], None]) -> Sequence[Kind]:
    """Prometheus; or nothing, and one line that says what is missing: the line does without."""
    try:
        fetch(("prometheus",))
    except (Mistake, Broken) as error:
        say(f"without Prometheus, so without rules, and nothing for dashboards to show: {_first_line(error)}")
        return ()
    return (Prometheus(),)


def scraped(folder: Path, services: Iterable[ServiceProcess]) -> None:
    """From now on these are scraped by the Prometheus of that folder."""
    scrape(folder, [Target(f"{HOST}:{service.port}", service.name) for service in services])


def _first_line(error: Exception) -> str:
    return str(error).partition("\n")[0]
