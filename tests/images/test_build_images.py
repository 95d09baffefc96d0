"""`make images`: what it asks docker, podman or buildah for, and what it tells people. No image is built here."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[2]
VERSION = yaml.safe_load((ROOT / "helm" / "andon" / "Chart.yaml").read_text())["appVersion"]  # what the chart asks for
BUILD = ROOT / "deploy" / "images" / "build"
BUILDER = """#!/bin/sh
echo "$(basename "$0") $*" >>"$ASKED"
case "$1" in
    build) echo 'STEP 1/2: FROM base'; cat "$SAYS"; exit "$STATUS" ;;
    version) exit "$(cat "$(dirname "$0")/$(basename "$0").answers")" ;;
    history) printf '100MB\\n20.5kB\\n0B\\n' ;;
    images) echo '1.5 GB' ;;
    image) case "$*" in *andon-*) echo 350000000 ;; *) echo 250000000 ;; esac ;;
esac
"""


class Workshop:
    """A machine with some builders that note what they were asked for."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.asked = folder / "asked"
        self.says = folder / "says"
        self.says.write_text("")
        self.status = 0

    def install(self, name: str, *, answers: bool = True) -> None:
        """A builder on PATH, whose engine runs or does not."""
        (self.folder / name).write_text(BUILDER)
        (self.folder / name).chmod(0o755)
        (self.folder / f"{name}.answers").write_text("0" if answers else "1")

    def build(self, *arguments: str) -> "subprocess.CompletedProcess[str]":
        """Run `deploy/images/build`."""
        path = f"{self.folder}:/usr/bin:/bin" if list(self.folder.glob("*.answers")) else str(self.folder)
        told = {"ASKED": str(self.asked), "SAYS": str(self.says), "STATUS": str(self.status)}
        told |= {"ANDON_CACHE": str(self.folder / "cache")}
        env = os.environ | told | {"PATH": path, "COLUMNS": "120"}
        command = [sys.executable, str(BUILD), *arguments]
        return subprocess.run(command, capture_output=True, text=True, env=env, cwd=self.folder)

    @property
    def builds(self) -> list[str]:
        """The builds that were asked for."""
        return [line for line in self.asked.read_text().splitlines() if " build " in line]


@pytest.fixture
def workshop(tmp_path: Path) -> Workshop:
    """One without any builder yet. Builders of this machine are hidden behind those installed."""
    return Workshop(tmp_path)


def test_every_service_is_built_and_its_size_told(workshop: Workshop) -> None:
    workshop.install("podman")
    done = workshop.build("--with", "podman")
    assert done.returncode == 0, done.stderr
    names = [re.search(rf"--tag andon-(\S+):{VERSION}", line) for line in workshop.builds]
    built = [name[1] for name in names if name]
    assert built == ["ingest", "preprocess", "scoring", "alerting", "drift", "machines", "console", "training"]
    assert f"alerting: andon-alerting:{VERSION}, 0 s, 100 MB beyond its base" in done.stdout
    assert re.search(r"^alerting +350 MB +100 MB$", done.stdout, re.MULTILINE)


def test_every_service_has_an_image() -> None:
    folders = {path.name for path in (ROOT / "services").iterdir() if (path / "pyproject.toml").is_file()}
    named = re.search(r"SERVICES = \((.+)\)", BUILD.read_text())
    assert named is not None
    assert set(re.findall(r'"([a-z]+)"', named[1])) == folders - {"demo"}


def test_an_unknown_name_is_refused_before_anything_is_built(workshop: Workshop) -> None:
    workshop.install("podman")
    done = workshop.build("alerting", "alarming", "--with", "podman")
    assert done.returncode == 1
    assert "no image is called alarming: choose from ingest, preprocess" in done.stderr
    assert not workshop.asked.exists()


def test_without_a_builder_it_says_what_to_install(workshop: Workshop) -> None:
    done = workshop.build()
    assert done.returncode == 1
    assert "none of docker, podman and buildah is installed" in done.stderr
    assert "apt-get install podman" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("answering", "chosen"),
    [(("docker", "podman"), "docker"), (("podman",), "podman"), (("buildah",), "buildah")],
)
def test_the_first_that_answers_builds(workshop: Workshop, answering: tuple[str, ...], chosen: str) -> None:
    for name in ("docker", "podman", "buildah"):
        workshop.install(name, answers=name in answering)
    assert workshop.build("drift").returncode == 0
    assert [line.split()[0] for line in workshop.builds] == [chosen]


def test_a_docker_without_its_engine_is_told_of(workshop: Workshop) -> None:
    for name in ("docker", "podman", "buildah"):
        workshop.install(name, answers=False)
    done = workshop.build("drift")
    assert done.returncode == 1
    assert "docker is installed, but does not answer" in done.stderr


def test_a_variant_is_the_services_own_image_with_other_packages(workshop: Workshop) -> None:
    workshop.install("podman")
    workshop.build("scoring-gpu", "--with", "podman")
    (line,) = workshop.builds
    assert "--build-arg SERVICE=scoring --build-arg VARIANT=gpu" in line
    assert f"--tag andon-scoring-gpu:{VERSION}" in line


def test_what_was_asked_for_goes_to_the_builder(workshop: Workshop) -> None:
    workshop.install("podman")
    registry = ["--registry", "registry.example.com/andon/", "--tag", "1.4.0", "--push", "--platform", "linux/arm64"]
    done = workshop.build(
        "drift", "--with", "podman", "--base", "debian@sha256:00", *registry, "--", "--network", "host"
    )
    assert done.returncode == 0, done.stderr
    (line,) = workshop.builds
    for part in (
        "--build-arg BASE=debian@sha256:00",
        "--platform linux/arm64",
        "--network host --target image",
        "--tag registry.example.com/andon/andon-drift:1.4.0",
        "--build-arg VERSION=1.4.0",
    ):
        assert part in line
    assert "podman push registry.example.com/andon/andon-drift:1.4.0" in workshop.asked.read_text()


def test_secrets_of_a_build_are_given_as_secrets(workshop: Workshop) -> None:
    workshop.install("podman")
    workshop.build("drift", "--with", "podman", "--pip-conf", "pip.conf", "--ca", "ca.pem")
    (line,) = workshop.builds
    folder = workshop.folder
    assert f"--secret id=pip,src={folder}/pip.conf --secret id=ca,src={folder}/ca.pem" in line
    assert not re.search(r"--build-arg \S*(pip\.conf|ca\.pem)", line)


def test_the_bill_of_materials_is_built_beside(workshop: Workshop) -> None:
    workshop.install("podman")
    workshop.build("drift", "--with", "podman", "--sbom", "bills")
    image, bill = workshop.builds
    assert "--target image" in image
    assert f"--target sbom --output type=local,dest={workshop.folder}/bills" in bill


def test_a_failed_build_shows_the_end_of_its_log_and_what_to_do(workshop: Workshop) -> None:
    workshop.install("podman")
    workshop.status = 7
    workshop.says.write_text("".join(f"line {number}\n" for number in range(100)) + "CERTIFICATE_VERIFY_FAILED\n")
    done = workshop.build("drift", "alerting", "--with", "podman")
    assert done.returncode == 1
    assert "drift: building failed" in done.stderr
    assert "line 99" in done.stderr
    assert "line 5\n" not in done.stderr
    assert "What to do: name your proxy's certificates: --ca FILE" in done.stderr
    assert len(workshop.builds) == 1
    log = re.search(r"All of it: (\S+)", done.stderr)
    assert log is not None
    assert "line 5\n" in Path(log[1]).read_text()


@pytest.mark.parametrize("tool", ["docker", "buildah"])
def test_sizes_are_told_whoever_builds(workshop: Workshop, tool: str) -> None:
    workshop.install(tool)
    done = workshop.build("drift", "--with", tool)
    assert done.returncode == 0, done.stderr
    told = {"docker": r"^drift +100 MB +0 MB$", "buildah": r"^drift +1,500 MB +0 MB$"}
    assert re.search(told[tool], done.stdout, re.MULTILINE)
