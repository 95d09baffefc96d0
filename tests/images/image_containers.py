"""Podman, as the tests of images use it."""

import json
import os
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from shutil import which
from typing import Any
from uuid import uuid4

SERVICES = ("ingest", "preprocess", "scoring", "alerting", "drift", "machines", "console", "training")
BASE = "localhost/andon-test-base:bookworm"
TAG = "under-test"
TMP = ("--tmpfs", "/tmp")  # noqa: S108 - the container's own
LOCKED = ("--read-only", "--cap-drop", "ALL", "--security-opt", "no-new-privileges", "--user", "10001:10001", *TMP)
"""As the chart and the compose file run them."""


def runtime_flags() -> list[str]:
    """What podman needs where it runs inside another container: limits that it may set, no network of its own."""
    runc = ["--runtime", "runc"] if which("runc") else []
    return [*runc, "--ulimit", "nofile=1024:1024", "--ulimit", "nproc=1000:1000", "--network", "host"]


def build_arguments() -> list[str]:
    """What these tests say to deploy/images/build. Where this machine has pip settings, they go along."""
    config = Path(os.environ.get("PIP_CONFIG_FILE", "/etc/pip.conf"))
    trusted = Path(os.environ.get("PIP_CERT", "none"))
    own = ["--pip-conf", str(config)] if config.is_file() else []
    ca = ["--ca", str(trusted)] if trusted.is_file() else []
    return ["--with", "podman", "--base", BASE, "--tag", TAG, *own, *ca, "--", *runtime_flags()]


@dataclass
class Running:
    """A container that runs in the foreground of a process of ours."""

    name: str
    process: "subprocess.Popen[bytes]"
    log: Path

    def stop(self, within_s: float = 25) -> int:
        """SIGTERM, and the status it ends with. TimeoutExpired where it does not in time."""
        self.process.terminate()  # podman passes it on
        return self.process.wait(within_s)

    def said(self) -> str:
        """All that it printed."""
        return self.log.read_text()


@dataclass(frozen=True)
class Podman:
    """Runs containers as the chart does: nothing but /tmp is theirs to write."""

    flags: Sequence[str] = field(default_factory=runtime_flags)

    def has(self, reference: str) -> bool:
        """Whether an image is there."""
        return subprocess.run(["podman", "image", "exists", reference]).returncode == 0

    def inspect(self, reference: str) -> dict[str, Any]:
        """What podman knows of an image."""
        done = subprocess.run(["podman", "image", "inspect", reference], capture_output=True, check=True)
        found: dict[str, Any] = json.loads(done.stdout)[0]
        return found

    def command(self, service: str, *options: str) -> list[str]:
        """The start of a command line that runs `service`'s image."""
        return ["podman", "run", "--rm", *self.flags, *LOCKED, *options, f"andon-{service}:{TAG}"]

    def run(self, service: str, *arguments: str, options: Sequence[str] = ()) -> "subprocess.CompletedProcess[str]":
        """Run to the end; what it printed is part of the failure where it fails."""
        done = subprocess.run([*self.command(service, *options), *arguments], capture_output=True, text=True)
        assert done.returncode == 0, f"{service} {' '.join(arguments)}: {done.stdout}\n{done.stderr}"
        return done

    def python(self, service: str, code: str) -> Any:
        """What a few lines of Python print inside the image, read as JSON."""
        return json.loads(self.run(service, "-c", code, options=["--entrypoint", "python3"]).stdout)

    @contextmanager
    def running(self, service: str, *arguments: str, log: Path, options: Sequence[str] = ()) -> Iterator[Running]:
        """Run for as long as the block lasts; gone afterwards, whatever happened."""
        name = f"andon-test-{uuid4().hex[:8]}"
        with log.open("wb") as printed:
            command = [*self.command(service, "--name", name, *options), *arguments]
            process = subprocess.Popen(command, stdout=printed, stderr=subprocess.STDOUT)
            try:
                yield Running(name, process, log)
            finally:
                subprocess.run(["podman", "rm", "--force", "--time", "0", "--ignore", name], capture_output=True)
                process.wait(30)


@dataclass(frozen=True)
class Images:
    """The images, what is in them by their bill of materials, and what `make images` said."""

    podman: Podman
    sbom: Path
    said: str

    def layers(self, service: str) -> list[str]:
        """Its layers, from the base up."""
        found: list[str] = self.podman.inspect(f"andon-{service}:{TAG}")["RootFS"]["Layers"]
        return found

    def size(self, service: str) -> int:
        """Bytes beyond the base."""
        sizes = [self.podman.inspect(each)["Size"] for each in (f"andon-{service}:{TAG}", BASE)]
        return int(sizes[0] - sizes[1])

    def components(self, service: str) -> set[tuple[str, str]]:
        """Names and versions that its bill of materials lists."""
        bill = json.loads((self.sbom / f"andon-{service}.cdx.json").read_text())
        return {(each["name"].lower(), each["version"]) for each in bill["components"]}


def env_flags(env: Mapping[str, str]) -> list[str]:
    """Environment variables as podman takes them."""
    return [each for name, value in env.items() for each in ("--env", f"{name}={value}")]
