"""Get what the servers need and this machine lacks: Debian packages where we may, Kafka's jars by Maven."""

import fcntl
import os
import shutil
import subprocess
import tempfile
import time
from collections import deque
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from andon.errors import Broken, Mistake
from andon_demo.servers import tools

STANDARD = ("kafka", "redis", "alertmanager")
EVERY = (*STANDARD, "prometheus", "mosquitto", "chromium", "podman", "debootstrap")
POLICY = Path("/usr/sbin/policy-rc.d")
Note = Callable[[str], None]


def run(command: Sequence[str], env: Mapping[str, str], note: Note) -> None:
    """Run a command and pass each line it prints to `note`. Broken, with its last 20 lines, when it fails."""
    last: deque[str] = deque(maxlen=20)
    with subprocess.Popen(
        command,
        env={**os.environ, **env},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        stdin=subprocess.DEVNULL,
        text=True,
    ) as process:
        for line in process.stdout or ():
            last.append(line.rstrip())
            note(last[-1])
    if process.returncode:
        raise Broken(f"`{' '.join(command)}` failed with status {process.returncode}:\n" + "\n".join(last))


@dataclass(frozen=True)
class Machine:
    """What fetching asks of the machine it runs on."""

    find: Callable[[str], str | None] = tools.find
    which: tools.Which = shutil.which
    is_root: bool = field(default_factory=lambda: os.geteuid() == 0)
    run: Callable[[Sequence[str], Mapping[str, str], Note], None] = run
    policy: Path = POLICY


@dataclass(frozen=True)
class Told:
    """How a person follows a download: `say` prints a line that stays, `note` one that the next one replaces."""

    say: Note
    note: Note


def fetch(names: Collection[str], told: Told, *, deploy: Path, cache: Path, machine: Machine) -> None:
    """Make the named servers (of EVERY) startable; quick when they already are.

    Mistake when something is missing and only a person can install it; Broken when a download fails.
    """
    if unknown := sorted(set(names) - set(EVERY)):
        raise Mistake(f"no server is called {', '.join(unknown)}: choose from {', '.join(EVERY)}")
    pom = deploy / "kafka" / "pom.xml"
    wants_jars = "kafka" in names and not tools.jars_fetched(pom, cache)
    install([tool for tool in _tools(names, wants_jars=wants_jars) if not machine.find(tool)], told, machine)
    if wants_jars:
        fetch_jars(pom, cache, told, machine)
    for name in names:
        told.say(f"{name}: ready ({_what(name, pom, machine)})")


def _tools(names: Collection[str], *, wants_jars: bool) -> Iterator[str]:
    """The programs the named servers need. Maven only to fetch; podman runs containers with runc."""
    if "kafka" in names:
        yield "java"
    if "podman" in names:
        yield "runc"
    if wants_jars:
        yield "maven"
    yield from (name for name in names if name != "kafka")


def _what(name: str, pom: Path, machine: Machine) -> str:
    return f"version {tools.kafka_version(pom)}" if name == "kafka" else str(machine.find(name))


def install(missing: list[str], told: Told, machine: Machine) -> None:
    """Install Debian packages, without starting Debian's own servers. Mistake where we cannot."""
    if not missing:
        return
    if not (machine.is_root and machine.which("apt-get")):
        raise Mistake(tools.how_to_get(missing))
    packages = [tools.DEBIAN[tool] for tool in missing]
    told.say(f"installing {', '.join(packages)} with apt-get")
    env = {"DEBIAN_FRONTEND": "noninteractive", "RUNLEVEL": "1"}
    apt = ["apt-get", "-o", "DPkg::Lock::Timeout=300", "-y"]
    with nothing_starts(machine.policy):
        machine.run([*apt, "update"], env, told.note)
        machine.run([*apt, "install", "--no-install-recommends", *packages], env, told.note)
    if still := [tool for tool in missing if not machine.find(tool)]:
        raise Mistake(tools.how_to_get(still))


@contextmanager
def nothing_starts(policy: Path) -> Iterator[None]:
    """While inside, installing a package starts no service (Debian's policy-rc.d; 101 means forbidden)."""
    if policy.exists():
        yield
        return
    policy.write_text("#!/bin/sh\nexit 101\n")
    policy.chmod(0o755)
    try:
        yield
    finally:
        policy.unlink()


def fetch_jars(pom: Path, cache: Path, told: Told, machine: Machine) -> None:
    """Fetch Kafka's jars into the cache, whole or not at all; Maven checks every checksum."""
    maven, home = machine.find("maven"), tools.jars_folder(pom, cache)
    if maven is None:
        raise Mistake(tools.how_to_get(["maven"]))
    told.say(f"kafka {home.name}: fetching its jars with Maven (about 45 MB)")
    began = time.monotonic()
    with one_at_a_time(home.parent), tempfile.TemporaryDirectory(prefix=".fetching-", dir=home.parent) as folder:
        if tools.jars_fetched(pom, cache):
            return
        jars = Path(folder) / "jars"
        goal = ["dependency:copy-dependencies", f"-DoutputDirectory={jars}"]
        machine.run([maven, "-B", "-C", "-f", str(pom), *goal], {}, told.note)
        _move(jars, home, pom)
    told.say(f"kafka {home.name}: fetched in {time.monotonic() - began:.0f} s into {home}")


@contextmanager
def one_at_a_time(folder: Path) -> Iterator[None]:
    """While inside, whoever else fetches into this folder waits."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _move(jars: Path, home: Path, pom: Path) -> None:
    """Put a finished download in its place, whole."""
    if not any(jars.glob("kafka-*.jar")):
        raise Broken(f"Maven ended well but left no Kafka in {jars}: look at {pom}")
    (jars / tools.COMPLETE).write_text(tools.pom_digest(pom))
    if home.exists():
        home.rename(jars.parent / "old")
    jars.rename(home)
