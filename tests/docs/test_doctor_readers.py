"""What `andon doctor` believes of who reads what is what docs/topics.md says, which is held against the code."""

import re
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from andon import topics
from andon.cli import PANELS
from andon_alerting.doctor.readers import READERS

DOCS = Path(__file__).parents[2] / "docs"
PART_OF = {"shadow-scoring": "scoring"}
"""Commands that are named on that page by the service they belong to."""


@pytest.fixture(scope="module", autouse=True)
def generator() -> Iterator[None]:
    sys.path.insert(0, str(DOCS))
    yield
    sys.path.remove(str(DOCS))


def reads(service: str, topic: str) -> bool:
    from generator.topics import FLOW

    readers = FLOW[topics.FRAMES if topic == topics.FRAME_PATTERN else topic].readers
    return service in readers or PART_OF.get(service, service) in readers


@pytest.mark.parametrize("reader", READERS, ids=lambda reader: reader.name)
def test_a_group_reads_what_the_page_says_its_service_reads(reader):
    assert [topic for topic in reader.topics if not reads(reader.command, topic)] == []


@pytest.mark.parametrize("service", topics.TOGETHER)
def test_topics_that_go_together_are_read_by_that_service(service: str):
    assert [topic for topic in topics.TOGETHER[service] if not reads(service, topic)] == []


def test_every_command_that_a_finding_says_to_paste_is_one():
    from andon_alerting.doctor import checks

    sources = "".join(path.read_text() for path in Path(checks.__path__[0]).glob("*.py"))
    named = set(re.findall(r"(?<!from )\bandon ([a-z][a-z-]+)", sources)) | {reader.command for reader in READERS}
    assert {"topics", "rollback", "heartbeat", "ledger-watch"} <= named
    assert named - {name for names in PANELS.values() for name in names} == set()


def test_every_group_of_which_nothing_may_expire_unread_is_looked_at():
    known = {(reader.name, topic) for reader in READERS for topic in reader.topics}
    assert set(topics.READ_BY) - known == set()
