"""What every test may ask for."""

import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import structlog

if TYPE_CHECKING:
    from andon.settings import KafkaSettings
    from andon_demo.servers.supervise import Servers


sys.path.append(str(Path(__file__).parent))  # secured_broker.py
STARTED = pytest.StashKey["Servers"]()


@pytest.fixture(autouse=True)
def no_settings_of_the_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    """No test depends on ANDON_ variables that happen to be set."""
    kept = ("ANDON_TEST_DATA", "ANDON_CACHE", "ANDON_ONLY")
    for name in [name for name in os.environ if name.startswith("ANDON_") and name not in kept]:
        monkeypatch.delenv(name)


@pytest.fixture(autouse=True)
def logs_are_set_up_by_no_other_test() -> Iterator[None]:
    """A command that a test runs says how loud logs are, for the whole process."""
    yield
    structlog.reset_defaults()
    structlog.contextvars.clear_contextvars()


@pytest.fixture(scope="session")
def servers(request: pytest.FixtureRequest) -> Iterator["Servers"]:
    """Kafka with its topics, Redis and Alertmanager, on free ports; they and their folder go with the session."""
    from andon.kafka.admin import create_topics
    from andon.settings import KafkaSettings
    from andon.topics import ALL
    from andon_demo.servers.supervise import Servers

    with Servers() as started:
        create_topics(
            KafkaSettings(bootstrap_servers=started.kafka.bootstrap), ALL, 4, 1
        )  # as every test's own line does
        request.session.stash[STARTED] = started
        yield started


@pytest.fixture(scope="module", autouse=True)
def frame_topics_go_with_the_file_that_made_them(request: pytest.FixtureRequest) -> Iterator[None]:
    """Whoever reads every frame topic of this Kafka never meets what another file wrote, spoilt or deleted there."""
    yield
    if (started := request.session.stash.get(STARTED, None)) is None:
        return
    from confluent_kafka.admin import AdminClient

    client = AdminClient({"bootstrap.servers": started.kafka.bootstrap})
    found = [name for name in client.list_topics(timeout=30).topics if name.startswith("camera.frames.")]
    for deleted in client.delete_topics(found).values() if found else ():
        deleted.result(30)


@pytest.fixture(scope="session")
def kafka(servers: "Servers") -> "KafkaSettings":
    """How to reach the real Kafka."""
    from andon.settings import KafkaSettings

    return KafkaSettings(bootstrap_servers=servers.kafka.bootstrap)


@pytest.fixture(scope="session")
def factory_images() -> Path:
    """Real factory images, where they are at hand."""
    beside = Path(__file__).parents[2] / "shared" / "data"
    folder = Path(os.environ.get("ANDON_TEST_DATA", beside))
    if not (folder / "magtile").is_dir():
        pytest.skip(f"no factory images in {folder}; ANDON_TEST_DATA names another folder")
    return folder
