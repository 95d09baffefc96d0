"""Install packages for an image, while it is built: below a folder of its own, less what never runs, compiled.

    install.py ROOT --requirement FILE     what FILE pins, less what lower layers brought to /opt/andon
    install.py ROOT WHEEL...               these, and nothing beside them
    install.py --tools FILE                what FILE pins, beside pip: for the build alone

ROOT gets what pip would put into /opt/andon: ROOT/opt/andon/lib/... A file at /run/secrets/ca is trusted beside what
the base trusts.
"""

import compileall
import importlib.metadata
import py_compile
import re
import shutil
import ssl
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from layers import less, pins

ANDON = Path("/opt/andon")
SITE = "lib/python3*/site-packages"
PIP = "/opt/build/bin/pip"
FOR_ANDON = ["--python", str(ANDON / "bin" / "python")]
PINNED = ["--require-hashes", "--only-binary", ":all:", "--requirement"]
CA = Path("/run/secrets/ca")
SOURCES = {"freia"}
"""Packages that are published as sources alone. Their wheels are made here, by tools that are pinned, too."""
BUILD = Path("/requirements/build.txt")
WHEELS = Path("/tmp/wheels")  # noqa: S108 - in a layer that is thrown away
CLOUD = {"s3", "sso", "sso-oidc", "signin", "sts"}
"""What botocore is asked for: objects, and ways to sign in. It describes 400 services more."""
TESTED = ("numpy", "scipy", "sklearn")
"""Packages that bring their own tests."""
KEPT = re.compile(r"numpy/(_core|testing)/tests/(__init__|_natype)\.py")
"""What numpy.testing imports of them."""


def main() -> None:
    """Install, trim, compile."""
    root, *given = sys.argv[1:]
    if root == "--tools":
        pip([], [*PINNED, *given])
        return
    Path(root).mkdir(exist_ok=True)
    into = ["--no-compile", "--root", root]
    if given[0] == "--requirement":
        wanted = beyond(Path(given[1]))
        made = wheels({name: pin for name, pin in wanted.items() if name in SOURCES})
        pinned = listed("pinned", {name: pin for name, pin in wanted.items() if name not in SOURCES})
        pip(FOR_ANDON, [*into, *PINNED, pinned])
        given = made
    if given:
        pip(FOR_ANDON, [*into, "--no-index", *given])
    for site in (Path(root) / ANDON.relative_to("/")).glob(SITE):
        for path in list(never_run(site)):
            remove(path)
        compile_all(site, root)


def beyond(requirements: Path) -> dict[str, str]:
    """What `requirements` pins, by name, without what is installed."""
    found = importlib.metadata.distributions(path=[str(path) for path in ANDON.glob(SITE)])
    have = {normal(package.metadata["Name"]): "" for package in found}
    return less(pins(requirements.read_text()), have)


def listed(name: str, wanted: dict[str, str]) -> str:
    """The path of a file that pins `wanted`."""
    path = Path("/tmp") / f"{name}.txt"  # noqa: S108
    path.write_text("".join(wanted.values()))
    return str(path)


def wheels(sources: dict[str, str]) -> list[str]:
    """The paths of wheels made of `sources`, which are checked by hash, too."""
    if not sources:
        return []
    pip([], [*PINNED, str(BUILD)])
    hashed = ["--require-hashes", "--no-binary", ":all:", "--requirement", listed("sources", sources)]
    pip([], ["--no-build-isolation", "--wheel-dir", str(WHEELS), *hashed], "wheel")
    return [str(path) for path in WHEELS.glob("*.whl")]


def normal(name: str) -> str:
    """A package's name as requirements spell it (PEP 503)."""
    return re.sub(r"[-_.]+", "-", name).lower()


def pip(where: list[str], arguments: list[str], deed: str = "install") -> None:
    """Let pip install, or make wheels; its own words and its status where it fails."""
    trust = ["--cert", trusted()] if CA.exists() else []
    as_root = ["--root-user-action=ignore", "--no-warn-script-location"] if deed == "install" else []
    command = [PIP, *where, deed, "--quiet", "--no-deps", *as_root, *trust, *arguments]
    if status := subprocess.run(command, check=False).returncode:
        sys.exit(status)


def trusted() -> str:
    """The path of a file with the base's certificates and ours."""
    base = ssl.get_default_verify_paths().cafile
    both = Path("/tmp/ca.pem")  # noqa: S108
    both.write_bytes((Path(base).read_bytes() if base else b"") + b"\n" + CA.read_bytes())
    return str(both)


def never_run(site: Path) -> Iterator[Path]:
    """What nobody runs, of the packages in `site`: their commands and tests, and descriptions of what nobody asks."""
    yield from (path for path in (site.parents[2] / "bin").glob("*") if path.name != "andon")
    yield from (path for path in site.glob("botocore/data/*/") if path.is_dir() and path.name not in CLOUD)
    yield from site.glob("onnx/backend/test/data")
    for package in TESTED:
        for path in site.glob(f"{package}/**/tests/**/*"):
            if path.is_file() and not KEPT.fullmatch(str(path.relative_to(site))):
                yield path


def remove(path: Path) -> None:
    """A file, or a folder with all that is in it."""
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink()


def compile_all(site: Path, root: str) -> None:
    """Byte code beside every module: nobody can write it later. It holds whatever the time stamps are."""
    mode = py_compile.PycInvalidationMode.UNCHECKED_HASH
    compileall.compile_dir(site, stripdir=root, prependdir="/", quiet=2, maxlevels=40, invalidation_mode=mode)


if __name__ == "__main__":
    main()
