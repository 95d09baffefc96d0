"""A bare Debian, and every image built on it."""

import os
import subprocess
import sys
from pathlib import Path
from shutil import rmtree, which

import pytest

sys.path.append(str(Path(__file__).parent))  # image_containers.py
from image_containers import BASE, SERVICES, Images, Podman, build_arguments

from andon_demo.servers.tools import cache_folder

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="session")
def podman() -> Podman:
    """Podman, seen to run a container."""
    if os.geteuid() != 0:
        pytest.skip("debootstrap makes a bare Debian only as root")
    if missing := [name for name in ("podman", "debootstrap") if which(name) is None]:
        pytest.fail(f"missing: {', '.join(missing)}. `andon servers fetch podman debootstrap` gets them")
    return Podman()


@pytest.fixture(scope="session")
def base(podman: Podman) -> str:
    """A bare Debian with Python: made once, kept in .cache."""
    if podman.has(BASE):
        return BASE
    kept = cache_folder() / "images" / "debian.tar"
    if not kept.is_file():
        make_debian(kept)
    subprocess.run(["podman", "import", str(kept), BASE], check=True)
    return BASE


def make_debian(kept: Path) -> None:
    """Debian's smallest system with Python, as a tar file: whole or not at all."""
    root = kept.parent / "debian"
    rmtree(root, ignore_errors=True)
    root.mkdir(parents=True)
    packages = "python3,python3-venv,ca-certificates"
    subprocess.run(["debootstrap", "--variant=minbase", f"--include={packages}", "bookworm", str(root)], check=True)
    subprocess.run(["tar", "-C", str(root), "-cf", f"{kept}.part", "."], check=True)
    Path(f"{kept}.part").rename(kept)
    rmtree(root)


@pytest.fixture(scope="session")
def images(podman: Podman, base: str, tmp_path_factory: pytest.TempPathFactory) -> Images:
    """Every image but the two large ones, as `make images` builds them, each with its bill of materials."""
    sbom = tmp_path_factory.mktemp("sbom")
    command = [str(ROOT / "deploy" / "images" / "build"), *SERVICES, "--sbom", str(sbom), *build_arguments()]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
    return Images(podman, sbom, done.stdout)


@pytest.fixture(params=SERVICES)
def service(request: pytest.FixtureRequest) -> str:
    """Each service in turn."""
    return str(request.param)
