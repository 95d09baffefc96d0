"""Finding and fetching what the servers need."""

import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest

from andon.errors import Broken, Mistake
from andon_demo.servers import tools
from andon_demo.servers.fetch import Machine, Note, Told, fetch, nothing_starts
from andon_demo.servers.fetch import run as run_command

DEPLOY = tools.deploy_folder()
POM = """<project xmlns="http://maven.apache.org/POM/4.0.0"><dependencies><dependency>
<groupId>{group}</groupId><artifactId>kafka_2.13</artifactId><version>9.8.7</version></dependency></dependencies></project>"""


class FakeMachine:
    """A machine with some programs, where apt-get and mvn work as they do when all goes well."""

    def __init__(self, *programs: str, root: bool = True, maven_works: bool = True) -> None:
        self.programs = set(programs)
        self.ran: list[list[str]] = []
        self.root = root
        self.maven_works = maven_works

    def machine(self, policy: Path) -> Machine:
        return Machine(self.find, self.which, self.root, self.run, policy)

    def find(self, tool: str) -> str | None:
        return f"/usr/bin/{tool}" if tool in self.programs else None

    def which(self, name: str) -> str | None:
        return f"/usr/bin/{name}" if name in self.programs else None

    def run(self, command: Sequence[str], env: Mapping[str, str], note: Note) -> None:
        self.ran.append(list(command))
        note("working")
        if "install" in command:
            self.programs |= {tool for tool, package in tools.DEBIAN.items() if package in command}
        if "dependency:copy-dependencies" in command:
            if not self.maven_works:
                raise Broken("no network")
            folder = Path(command[-1].removeprefix("-DoutputDirectory="))
            folder.mkdir()
            (folder / "kafka-clients-9.8.7.jar").write_bytes(b"jar")


@pytest.fixture
def deploy(tmp_path: Path) -> Path:
    (tmp_path / "deploy" / "kafka").mkdir(parents=True)
    (tmp_path / "deploy" / "kafka" / "pom.xml").write_text(POM.format(group="org.apache.kafka"))
    return tmp_path / "deploy"


def fetched(fake: FakeMachine, deploy: Path, *names: str) -> list[str]:
    """What the person is told."""
    said: list[str] = []
    told = Told(say=said.append, note=lambda line: None)
    fetch(names, told, deploy=deploy, cache=deploy / "cache", machine=fake.machine(deploy / "policy-rc.d"))
    return said


def test_the_version_of_kafka_is_the_one_the_pom_pins(deploy: Path) -> None:
    assert tools.kafka_version(deploy / "kafka" / "pom.xml") == "9.8.7"


def test_our_own_pom_pins_a_kafka_4() -> None:
    assert tools.kafka_version(DEPLOY / "kafka" / "pom.xml").startswith("4.")


def test_a_pom_without_kafka_is_a_mistake(tmp_path: Path) -> None:
    (tmp_path / "pom.xml").write_text(POM.format(group="org.example"))
    with pytest.raises(Mistake, match=r"org\.apache\.kafka"):
        tools.kafka_version(tmp_path / "pom.xml")


def test_fetching_installs_the_missing_and_gets_the_jars_once(deploy: Path) -> None:
    fake = FakeMachine("apt-get", "java")
    said = fetched(fake, deploy, "kafka", "redis")
    installed = next(command for command in fake.ran if "install" in command)
    assert installed[-2:] == ["maven", "redis-server"]
    assert "--no-install-recommends" in installed
    assert [line.split(":")[0] for line in said][-2:] == ["kafka", "redis"]
    assert tools.jars_fetched(deploy / "kafka" / "pom.xml", deploy / "cache")

    ran_before = len(fake.ran)
    assert fetched(fake, deploy, "kafka", "redis") == [
        "kafka: ready (version 9.8.7)",
        "redis: ready (/usr/bin/redis)",
    ]
    assert len(fake.ran) == ran_before


def test_a_changed_pom_fetches_again(deploy: Path) -> None:
    fake = FakeMachine("java", "maven")
    fetched(fake, deploy, "kafka")
    pom = deploy / "kafka" / "pom.xml"
    pom.write_text(pom.read_text() + "<!-- another log4j -->")
    assert not tools.jars_fetched(pom, deploy / "cache")
    fetched(fake, deploy, "kafka")
    assert tools.jars_fetched(pom, deploy / "cache")
    assert len(fake.ran) == 2


def test_a_failed_download_leaves_nothing_that_looks_finished(deploy: Path) -> None:
    with pytest.raises(Broken, match="no network"):
        fetched(FakeMachine("java", "maven", maven_works=False), deploy, "kafka")
    assert [path.name for path in (deploy / "cache" / "kafka").iterdir()] == [".lock"]


def test_an_interrupted_download_of_old_is_not_taken_for_whole(deploy: Path) -> None:
    half = deploy / "cache" / "kafka" / "9.8.7"
    half.mkdir(parents=True)
    (half / "kafka-clients-9.8.7.jar").write_bytes(b"half")
    fetched(FakeMachine("java", "maven"), deploy, "kafka")
    assert (half / "kafka-clients-9.8.7.jar").read_bytes() == b"jar"


@pytest.mark.parametrize(
    "fake", [FakeMachine("apt-get", root=False), FakeMachine(root=True)], ids=["no root", "no apt"]
)
def test_who_may_not_install_is_told_exactly_what_to_install(fake: FakeMachine, deploy: Path) -> None:
    with pytest.raises(Mistake) as told:
        fetched(fake, deploy, "kafka", "redis", "alertmanager")
    for needed in (
        "java (17 or later)",
        "mvn",
        "redis-server",
        "prometheus-alertmanager or alertmanager",
        "apt-get install --no-install-recommends default-jre-headless maven redis-server prometheus-alertmanager",
        "make up",
    ):
        assert needed in str(told.value)
    assert fake.ran == []


def test_an_unknown_server_name_is_a_mistake(deploy: Path) -> None:
    with pytest.raises(Mistake, match=r"zookeeper.*choose from kafka, redis"):
        fetched(FakeMachine(), deploy, "zookeeper")


def test_while_packages_are_installed_no_service_may_start(tmp_path: Path) -> None:
    policy = tmp_path / "policy-rc.d"
    with nothing_starts(policy):
        assert subprocess.run([policy], check=False).returncode == 101
    assert not policy.exists()


def test_a_policy_that_is_there_is_left_alone(tmp_path: Path) -> None:
    policy = tmp_path / "policy-rc.d"
    policy.write_text("theirs")
    with nothing_starts(policy):
        assert policy.read_text() == "theirs"
    assert policy.read_text() == "theirs"


def test_a_command_that_fails_shows_its_last_lines() -> None:
    seen: list[str] = []
    with pytest.raises(Broken) as told:
        run_command(["sh", "-c", "seq 1 30; echo $WORD; exit 3"], {"WORD": "sorry"}, seen.append)
    assert "status 3" in str(told.value)
    assert str(told.value).splitlines()[-1] == "sorry"
    assert "\n11\n" not in str(told.value)
    assert seen == [*map(str, range(1, 31)), "sorry"]


@pytest.mark.parametrize(("told", "major"), [("17.0.15", 17), ("1.8.0_402", 8), ("25", 25)])
def test_the_major_version_of_java_is_read(told: str, major: int, tmp_path: Path) -> None:
    assert tools.java_version(fake_java(tmp_path, told)) == major


def fake_java(folder: Path, version: str) -> str:
    folder.mkdir(parents=True, exist_ok=True)
    java = folder / "java"
    java.write_text(f"#!/bin/sh\necho 'openjdk version \"{version}\" 2025-04-15' >&2\n")
    java.chmod(0o755)
    return str(java)


def test_a_java_that_is_too_old_is_passed_over(tmp_path: Path) -> None:
    old, new = fake_java(tmp_path / "old" / "bin", "11.0.2"), fake_java(tmp_path / "new", "21.0.1")

    def which(name: str) -> str | None:
        return old if name == f"{tmp_path}/old/bin/java" else new if name == "java" else None

    assert tools.find("java", which=which, env={"JAVA_HOME": f"{tmp_path}/old"}) == new
    assert tools.find("java", which=lambda name: old, env={}) is None


def test_a_missing_program_names_the_package() -> None:
    with pytest.raises(Mistake, match=r"(?s)missing.*redis-server.*apt-get install.*redis-server.*make up"):
        tools.program("redis", which=lambda name: None)


def test_the_deploy_folder_may_be_given_and_a_wrong_one_is_a_mistake(deploy: Path, tmp_path: Path) -> None:
    assert tools.deploy_folder({"ANDON_DEPLOY": str(deploy)}) == deploy
    with pytest.raises(Mistake, match="set ANDON_DEPLOY"):
        tools.deploy_folder({"ANDON_DEPLOY": str(tmp_path)})


def test_the_cache_is_where_the_environment_says_else_in_the_repository(deploy: Path, tmp_path: Path) -> None:
    assert tools.cache_folder({"ANDON_CACHE": str(tmp_path)}) == tmp_path
    assert tools.cache_folder({"ANDON_DEPLOY": str(deploy)}) == tmp_path / ".cache" / "andon"
