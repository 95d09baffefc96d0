"""Where things are: the programs and jars a server needs, the deploy folder, the cache."""

import os
import re
import shutil
import subprocess
from collections.abc import Callable, Iterator, Mapping
from hashlib import sha256
from pathlib import Path
from xml.etree import ElementTree

from andon.errors import Mistake

JAVA_AT_LEAST = 17
COMPLETE = ".complete"
PROGRAMS: dict[str, tuple[str, ...]] = {
    "java": ("java",),
    "maven": ("mvn",),
    "redis": ("redis-server",),
    "alertmanager": ("prometheus-alertmanager", "alertmanager"),
    "prometheus": ("prometheus",),
    "mosquitto": ("mosquitto",),
    "chromium": ("chromium", "chromium-browser", "google-chrome"),
    "podman": ("podman",),
    "runc": ("runc",),
    "debootstrap": ("debootstrap",),
}
DEBIAN: dict[str, str] = {
    "java": "default-jre-headless",
    "maven": "maven",
    "redis": "redis-server",
    "alertmanager": "prometheus-alertmanager",
    "prometheus": "prometheus",
    "mosquitto": "mosquitto",
    "chromium": "chromium",
    "podman": "podman",
    "runc": "runc",
    "debootstrap": "debootstrap",
}
Which = Callable[[str], str | None]


def program(tool: str, *, which: Which = shutil.which) -> str:
    """The path of a tool named in PROGRAMS. Mistake, saying what to install, when it is not there."""
    found = find(tool, which=which)
    if found is None:
        raise Mistake(how_to_get([tool]))
    return found


def find(tool: str, *, which: Which = shutil.which, env: Mapping[str, str] | None = None) -> str | None:
    """The path of a tool, or None. Java counts only from version 17 on; JAVA_HOME goes before PATH."""
    candidates = [path for name in PROGRAMS[tool] if (path := which(name))]
    if tool != "java":
        return candidates[0] if candidates else None
    home = (os.environ if env is None else env).get("JAVA_HOME")
    at_home = [java] if home and (java := which(f"{home}/bin/java")) else []
    return next((java for java in at_home + candidates if java_version(java) >= JAVA_AT_LEAST), None)


def java_version(java: str) -> int:
    """The major version of a `java`: 17 for "17.0.15", 8 for "1.8.0", 0 when it does not say."""
    told = subprocess.run([java, "-version"], capture_output=True, text=True, check=False).stderr
    version = re.search(r'version "(?:1\.)?(\d+)', told)
    return int(version[1]) if version else 0


def how_to_get(missing: list[str]) -> str:
    """What a person without the missing tools reads."""
    names = ", ".join(_described(tool) for tool in missing)
    packages = " ".join(DEBIAN[tool] for tool in missing)
    return (
        f"missing on this machine: {names}.\n"
        f"Debian, Ubuntu: sudo apt-get install --no-install-recommends {packages}\n"
        f"Elsewhere: put the program on PATH. Or run everything in Docker instead: make up"
    )


def _described(tool: str) -> str:
    names = " or ".join(PROGRAMS[tool])
    return f"{names} ({JAVA_AT_LEAST} or later)" if tool == "java" else names


def deploy_folder(env: Mapping[str, str] | None = None, *, here: Path = Path(__file__)) -> Path:
    """The repository's `deploy` folder: ANDON_DEPLOY, else above this file, else below the working folder."""
    given = (os.environ if env is None else env).get("ANDON_DEPLOY")
    places = [Path(given)] if given else list(_deploy_places(here))
    for place in places:
        if (place / "kafka" / "pom.xml").is_file():
            return place
    looked = given or f"{Path.cwd()} and the folders above {here}"
    raise Mistake(f"no deploy/kafka/pom.xml in {looked}: set ANDON_DEPLOY to the repository's deploy folder")


def _deploy_places(here: Path) -> Iterator[Path]:
    yield from (parent / "deploy" for parent in here.resolve().parents)
    yield Path.cwd() / "deploy"


def cache_folder(env: Mapping[str, str] | None = None) -> Path:
    """Where downloads are kept: ANDON_CACHE, else `.cache/andon` in the repository, else in the working folder."""
    if given := (os.environ if env is None else env).get("ANDON_CACHE"):
        return Path(given).absolute()
    try:
        return deploy_folder(env).resolve().parent / ".cache" / "andon"
    except Mistake:
        return Path.cwd() / ".cache" / "andon"


def kafka_version(pom: Path) -> str:
    """The version of Kafka a pom pins. Mistake when it pins none."""
    space = {"m": "http://maven.apache.org/POM/4.0.0"}
    for dependency in ElementTree.parse(pom).iterfind(".//m:dependency", space):  # noqa: S314 - our own file
        if dependency.findtext("m:groupId", namespaces=space) == "org.apache.kafka":
            return dependency.findtext("m:version", default="", namespaces=space)
    raise Mistake(f"{pom}: no dependency of group org.apache.kafka: it should pin the version of Kafka to run")


def jars_folder(pom: Path, cache: Path) -> Path:
    """Where the jars of the pinned Kafka belong, fetched or not."""
    return cache / "kafka" / kafka_version(pom)


def jars_fetched(pom: Path, cache: Path) -> bool:
    """Whether the jars are all there, and from this very pom."""
    marker = jars_folder(pom, cache) / COMPLETE
    return marker.is_file() and marker.read_text() == pom_digest(pom)


def pom_digest(pom: Path) -> str:
    """What the marker of a finished download says: the sha256 of the pom it came from."""
    return sha256(pom.read_bytes()).hexdigest()


def kafka_jars() -> Path:
    """The folder of Kafka's jars. Mistake when they are not fetched."""
    pom, cache = deploy_folder() / "kafka" / "pom.xml", cache_folder()
    if not jars_fetched(pom, cache):
        raise Mistake(f"Kafka {kafka_version(pom)} is not in {cache}: run `andon servers fetch` once")
    return jars_folder(pom, cache)
