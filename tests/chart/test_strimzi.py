"""What Strimzi is asked for: the topics of `andon topics create`, and a user for each component with its rights."""

import sys
from collections.abc import Iterator
from typing import Any

import pytest
import yaml
from admitted import mistakes
from guarded import CHART, ROOT, Manifest, Refused, of_kind, over, pods, render

from andon import topics
from andon.kafka import admin
from andon.settings import KafkaSettings
from andon_alerting.doctor.readers import READERS
from values.rights import COMPONENTS, EVERY_FRAMES, READER, Rights

TOPICS: dict[str, Any] = {"strimzi": {"cluster": "factory", "topics": {"enabled": True}}, "topics": {"create": False}}
EVERY: dict[str, Any] = {
    "services": {"shadow-scoring": {"enabled": True}, "machines": {"enabled": True}},
    "schedules": {"drill": {"enabled": True}, "heartbeat": {"enabled": True}},
    "demo": {"enabled": True},
    "topics": {"create": False},
}
PART_OF = {
    "shadow-scoring": "scoring",
    "heartbeat": "ingest",
    "heartbeat-once": "ingest",
    "drill": "ingest",
    "demo": "ingest",
    "training-job": "trainer",
}
"""Components that docs/topics.md names by the service they belong to."""
SENDS_AGAIN = {"console": "dead-letters"}
"""What the console writes to other services' topics: dead letters, back to where they were."""
BESIDE = {"demo-learn": "assign"}
LOOKS = {("evidence", topics.PREPARED), ("evidence", topics.LEDGER)}
"""Read only to tell how old what waits there is: no handler sees it."""
HARMLESS = {"Read", "Write", "Describe", "DescribeConfigs"}


def users(authentication: str = "scram-sha-512") -> dict[str, Any]:
    wanted = {"enabled": True, "authentication": authentication}
    return over(EVERY, {"strimzi": {"cluster": "factory", "users": wanted}})


def made(values: dict[str, Any], kind: str) -> dict[str, Manifest]:
    return of_kind(render(values), kind)


def acls(user: Manifest) -> dict[tuple[str, str], set[str]]:
    """Operations by what they are on; a prefix ends in '*'."""
    found: dict[tuple[str, str], set[str]] = {}
    for each in user["spec"]["authorization"]["acls"]:
        of = each["resource"]
        name = of.get("name", "") + ("*" if of.get("patternType") == "prefix" else "")
        assert (of["type"], name) not in found, f"{name} is named twice"
        found.setdefault((of["type"], name), set()).update(each["operations"])
    return found


@pytest.fixture(scope="module")
def flow() -> Iterator[dict[str, Any]]:
    sys.path.insert(0, str(ROOT / "docs"))
    from generator.topics import EVERY_SERVICE, FLOW

    held = {name: (set(each.writers), set(each.readers)) for name, each in FLOW.items()}
    held[topics.DEAD_LETTERS][0].update(EVERY_SERVICE, {"evidence", "ledger-watch", "trainer"})  # every stage's sink
    yield held
    sys.path.remove(str(ROOT / "docs"))


@pytest.mark.parametrize("copies", [1, 3])
def test_topics_are_as_andon_topics_create_makes_them(copies: int, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[Any] = []

    class Taking:
        def create_topics(self, new: list[Any], **_: Any) -> dict[str, Any]:
            asked.extend(new)
            return {each.topic: self for each in new}

        def result(self, _: float) -> None:
            return None

    monkeypatch.setattr(admin, "admin", lambda _: Taking())
    monkeypatch.setattr(admin, "reach", lambda *_: type("Nothing", (), {"topics": {}}))
    admin.create_topics(KafkaSettings(), topics.ALL, 24, copies)
    wanted = {each.topic: (each.num_partitions, each.replication_factor, each.config) for each in asked}
    found = made(over(TOPICS, {"topics": {"partitions": 24, "replication": copies}}), "KafkaTopic")
    specs = {name: each["spec"] for name, each in found.items()}
    assert {n: (each["partitions"], each["replicas"], each["config"]) for n, each in specs.items()} == wanted
    assert set(wanted) == {each.name for each in topics.ALL}


def test_a_topic_is_one_that_strimzis_schema_takes_and_its_cluster_sees() -> None:
    for each in made(over(TOPICS, {"strimzi": {"topics": {"namespace": "kafka"}}}), "KafkaTopic").values():
        assert mistakes(each) == []
        assert each["metadata"]["labels"]["strimzi.io/cluster"] == "factory"
        assert each["metadata"]["namespace"] == "kafka"


def test_records_do_not_go_with_the_release() -> None:
    kept = "helm.sh/resource-policy"
    assert {each["metadata"]["annotations"][kept] for each in made(TOPICS, "KafkaTopic").values()} == {"keep"}
    loose = over(TOPICS, {"strimzi": {"topics": {"keep": False}}})
    assert not [each for each in made(loose, "KafkaTopic").values() if "annotations" in each["metadata"]]


def test_one_maker_of_topics_is_enough() -> None:
    with pytest.raises(Refused, match="both make the topics"):
        render(over(TOPICS, {"topics": {"create": True}}))


def test_a_cluster_must_be_named() -> None:
    with pytest.raises(Refused, match=r"strimzi.cluster is empty"):
        render(over(TOPICS, {"strimzi": {"cluster": ""}}))


def test_every_component_that_talks_to_kafka_has_a_user_of_its_own() -> None:
    manifests = render(users())
    found = of_kind(manifests, "KafkaUser")
    assert {f"andon-{name}" for name in pods(manifests)} == set(found) == {f"andon-{name}" for name in COMPONENTS}
    for each in found.values():
        assert mistakes(each) == []
        assert each["metadata"]["namespace"] == "andon"


def test_a_component_that_does_not_run_has_none() -> None:
    off = over(users(), {"services": {"drift": {"enabled": False}, "trainer": {"enabled": False}}})
    assert not {"andon-drift", "andon-trainer", "andon-training-job"} & set(made(off, "KafkaUser"))


@pytest.mark.parametrize("name", COMPONENTS)
def test_a_user_may_do_what_its_component_needs_and_nothing_more(name: str) -> None:
    rights = COMPONENTS[name]
    found = acls(made(users(), "KafkaUser")[f"andon-{name}"])
    wanted: dict[tuple[str, str], set[str]] = {}
    for operations, of in (
        ({"Read", "Describe"}, rights.read),
        ({"Write", "Describe"}, rights.write),
        ({"Describe"}, rights.describe),
        ({"DescribeConfigs"}, rights.configs),
    ):
        for topic in of:
            wanted.setdefault(("topic", topic), set()).update(operations)
    for operations, of in (({"Read", "Describe"}, rights.groups), ({"Describe"}, rights.looks_at)):
        for group in of:
            wanted.setdefault(("group", f"andon.{group}"), set()).update(operations)
    if rights.cluster:
        wanted["cluster", ""] = set(rights.cluster)
    assert found == wanted


def test_nobody_may_make_alter_or_delete_anything_and_the_doctor_alone_looks_at_the_cluster() -> None:
    for name, user in made(users(), "KafkaUser").items():
        found = acls(user)
        assert set().union(*found.values()) <= HARMLESS
        assert any(kind == "cluster" for kind, _ in found) == (name == "andon-test")
        assert all("Write" not in each for each in found.values()) or name not in ("andon-test", "andon-training-job")


@pytest.mark.parametrize("name", [each for each in COMPONENTS if each != "test"])
def test_rights_are_those_of_docs_topics(name: str, flow: dict[str, Any]) -> None:
    rights, called = COMPONENTS[name], {PART_OF.get(name, name), SENDS_AGAIN.get(name), BESIDE.get(name)}
    for topic in map(whole, rights.write):
        assert called & flow[topic][0], f"{name} writes {topic}"
    for topic in map(whole, rights.read):
        known = called & flow[topic][1] or (name, topic) in LOOKS or name in ("demo-learn", "drill", "trainer")
        known = known or (PART_OF.get(name) == "trainer" and topic == topics.FRAMES) or name == "console"
        assert known, f"{name} reads {topic}"


def test_whoever_writes_or_reads_a_topic_has_a_user_with_the_right(flow: dict[str, Any]) -> None:
    commands = {"assign", "silence", "baselines", "dead-letters"}
    for topic, (writers, readers) in flow.items():
        assert writers - commands <= {
            PART_OF.get(n, n) for n, each in COMPONENTS.items() if topic in covered(each.write)
        }
        assert readers - commands <= {
            PART_OF.get(n, n) for n, each in COMPONENTS.items() if topic in covered(each.read)
        }


@pytest.mark.parametrize("reader", READERS, ids=lambda each: each.name)
def test_a_group_is_its_services_own_and_its_topics_may_be_read(reader: Any) -> None:
    rights = COMPONENTS[reader.command]
    assert reader.name in rights.groups
    for topic in reader.topics:
        assert (EVERY_FRAMES if topic == topics.FRAME_PATTERN else topic) in rights.read


def test_what_must_not_expire_unread_can_be_looked_at_by_evidence() -> None:
    rights = COMPONENTS["evidence"]
    for group, topic in topics.READ_BY:
        assert group in (*rights.looks_at, *rights.groups)
        assert (EVERY_FRAMES if topic == topics.FRAME_PATTERN else topic) in rights.configs


def test_a_prefix_of_groups_is_heeded() -> None:
    values = over(users(), {"settings": {"kafka": {"group_prefix": "plant-2"}}})
    groups = {name for kind, name in acls(made(values, "KafkaUser")["andon-scoring"]) if kind == "group"}
    assert groups == {"plant-2.scoring", f"plant-2.{READER}"}


def environment(pod: Manifest) -> dict[str, str]:
    return {each["name"]: each["value"] for each in pod["spec"]["containers"][0]["env"]}


@pytest.mark.parametrize("name", COMPONENTS)
def test_a_pod_logs_in_as_its_user_with_the_password_that_strimzi_made(name: str) -> None:
    pod = pods(render(users()))[name]
    told = environment(pod)
    assert told["ANDON_KAFKA__SASL_USERNAME"] == f"andon-{name}"
    assert told["ANDON_KAFKA__SASL_MECHANISM"] == "SCRAM-SHA-512"
    (volume,) = (each for each in pod["spec"]["volumes"] if each["name"] == "secrets")
    item = {"key": "password", "path": "ANDON_KAFKA__SASL_PASSWORD"}
    assert {"secret": {"name": f"andon-{name}", "items": [item]}} in volume["projected"]["sources"]
    assert told["ANDON_SECRETS_DIR"] == "/etc/andon/secrets"


def test_a_pod_shows_the_certificate_that_strimzi_made() -> None:
    pod = pods(render(users("tls")))["scoring"]
    told = environment(pod)
    assert told["ANDON_KAFKA__SSL_KEY_LOCATION"] == "/etc/andon/secrets/user.key"
    (volume,) = (each for each in pod["spec"]["volumes"] if each["name"] == "secrets")
    (source,) = volume["projected"]["sources"]
    assert [each["path"] for each in source["secret"]["items"]] == ["user.crt", "user.key"]
    assert "ANDON_KAFKA__SASL_USERNAME" not in told


def test_keda_logs_in_as_the_service_that_it_scales() -> None:
    kafka = {"security_protocol": "SASL_SSL"}
    scaled = {"autoscaling": {"keda": {"enabled": True}}, "settings": {"kafka": kafka}}
    spec = made(over(users(), scaled), "TriggerAuthentication")["andon-drift"]["spec"]
    assert {"parameter": "password", "name": "andon-drift", "key": "password"} in spec["secretTargetRef"]
    assert spec["env"][0]["name"] == "ANDON_KAFKA__SASL_USERNAME"


def test_the_file_of_rights_holds_every_right() -> None:
    held = yaml.safe_load((CHART / "kafka" / "rights.yaml").read_text())
    blank = dict.fromkeys(Rights.__dataclass_fields__, ())
    assert {n: Rights(**blank | {k: tuple(v) for k, v in each.items()}) for n, each in held.items()} == COMPONENTS


def whole(topic: str) -> str:
    return topic.removesuffix("*")


def covered(names: tuple[str, ...]) -> set[str]:
    return {whole(each) for each in names}
