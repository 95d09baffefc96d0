"""Scaling by lag: which services, between how many pods, by which group, with which login."""

from typing import Any

import pytest
from admitted import mistakes
from guarded import Manifest, Refused, of_kind, over, render

from andon.topics import ALL, FRAMES, chosen
from andon_alerting.doctor.readers import READERS, Reader

SCALABLE = {"preprocess", "scoring", "shadow-scoring", "drift", "alerting", "ledger-watch"}
SASL = {
    "security_protocol": "SASL_SSL",
    "sasl_mechanism": "SCRAM-SHA-512",
    "ssl_ca_location": "/etc/andon/tls/ca.crt",
}
TRIGGER = dict[str, Any]


def keda(**values: Any) -> dict[str, Any]:
    return {"autoscaling": {"keda": {"enabled": True, **values}}, "services": {"shadow-scoring": {"enabled": True}}}


def every() -> dict[str, Any]:
    return keda(services={"alerting": {"enabled": True}})


def reader_of(service: str) -> Reader:
    """The consumer group by which it is scaled; that there are no others is held elsewhere."""
    return next(each for each in READERS if each.name == service.removesuffix("-watch"))


def scaled(values: dict[str, Any]) -> dict[str, Manifest]:
    found = of_kind(render(values), "ScaledObject")
    return {name.removeprefix("andon-"): each["spec"] for name, each in found.items()}


def triggers(spec: Manifest) -> list[TRIGGER]:
    return [each["metadata"] for each in spec["triggers"]]


def refused(values: dict[str, Any]) -> str:
    with pytest.raises(Refused) as told:
        render(values)
    return str(told.value)


def test_without_keda_nothing_is_scaled_and_replicas_hold() -> None:
    manifests = render({"services": {"scoring": {"replicas": 3}}})
    assert not of_kind(manifests, "ScaledObject")
    assert of_kind(manifests, "Deployment")["andon-scoring"]["spec"]["replicas"] == 3


def test_what_keda_scales_has_no_replicas_of_its_own_and_the_others_have() -> None:
    manifests = render(every())
    without = {name for name, each in of_kind(manifests, "Deployment").items() if "replicas" not in each["spec"]}
    assert without == {f"andon-{name}" for name in SCALABLE} == set(of_kind(manifests, "ScaledObject"))


def test_a_scaled_object_is_one_that_kedas_schema_takes() -> None:
    values = every() | {"settings": {"kafka": SASL | {"sasl_username": "andon"}}, "secrets": ["andon"]}
    manifests = render(values | {"certificates": {"secret": "tls"}})
    for kind in ("ScaledObject", "TriggerAuthentication"):
        assert len(of_kind(manifests, kind)) == len(SCALABLE)
        for each in of_kind(manifests, kind).values():
            assert mistakes(each) == []


@pytest.mark.parametrize("name", sorted(SCALABLE))
def test_a_trigger_looks_at_the_group_and_the_topics_that_the_service_reads(name: str) -> None:
    reader = reader_of(name)
    for trigger in triggers(scaled(every())[name]):
        assert trigger["consumerGroup"] == f"andon.{reader.name}"
        assert any(chosen(wanted, trigger["topic"]) for wanted in reader.topics)
        assert trigger["topic"] in {topic.name for topic in ALL if topic.spread}


@pytest.mark.parametrize("name", sorted(SCALABLE))
def test_a_group_begins_where_its_service_begins(name: str) -> None:
    reader = reader_of(name)
    assert {each["offsetResetPolicy"] for each in triggers(scaled(every())[name])} == {
        "latest" if reader.latest else "earliest"
    }


def test_a_prefix_of_groups_is_heeded() -> None:
    values = every() | {"settings": {"kafka": {"group_prefix": "plant-2"}}}
    assert {each["consumerGroup"] for spec in scaled(values).values() for each in triggers(spec)} == {
        *(f"plant-2.{name}" for name in SCALABLE - {"ledger-watch"}),
        "plant-2.ledger",
    }


def test_lag_alone_decides_and_never_about_the_last_pod() -> None:
    for spec in scaled(every()).values():
        assert spec["minReplicaCount"] >= 1
        assert spec["fallback"]["replicas"] >= spec["minReplicaCount"]
        assert spec["advanced"]["horizontalPodAutoscalerConfig"]["behavior"]["scaleDown"][
            "stabilizationWindowSeconds"
        ] == (600)
        for trigger in triggers(spec):
            assert trigger["ensureEvenDistributionOfPartitions"] == trigger["excludePersistentLag"] == "true"
            assert "limitToPartitionsWithLag" not in trigger  # not respected beside a group without commits
            assert int(trigger["lagThreshold"]) > 0


def test_at_most_as_many_pods_as_partitions_unless_said_otherwise() -> None:
    assert {each["maxReplicaCount"] for each in scaled(over(every(), {"topics": {"partitions": 24}})).values()} == {24}
    assert scaled(keda(services={"scoring": {"max": 4}}))["scoring"]["maxReplicaCount"] == 4


def test_a_pattern_of_topics_is_named_topic_by_topic() -> None:
    topics = [FRAMES, f"{FRAMES}.press"]
    spec = scaled(keda(services={"preprocess": {"topics": topics}}))["preprocess"]
    assert [each["topic"] for each in triggers(spec)] == topics


def test_more_pods_than_partitions_are_refused_in_a_sentence() -> None:
    told = refused(keda(services={"scoring": {"max": 13}}))
    assert "autoscaling.keda.services.scoring.max is 13, and the topics have 12 partitions" in told
    assert "gets nothing to read" in told


def test_no_pod_at_all_is_refused_in_a_sentence() -> None:
    assert "autoscaling.keda.services.drift.min is 0: at least 1 pod must stay" in refused(
        keda(services={"drift": {"min": 0}})
    )


def test_a_most_below_the_least_is_refused() -> None:
    assert "max is 2, and min is 3" in refused(keda(services={"drift": {"min": 3, "max": 2}}))


@pytest.mark.parametrize("name", ["ingest", "evidence", "console", "trainer", "heartbeat", "machines", "scorign"])
def test_what_must_not_be_scaled_is_refused_with_the_reason(name: str) -> None:
    told = refused(
        keda(services={name: {"enabled": True, "min": 1, "max": 0, "lag": 5, "topics": ["scores"]}})
        | {"services": {"machines": {"enabled": True}}}
    )
    assert f"autoscaling.keda.services.{name}: it is not scaled by lag: " in told
    assert ("there is no such service" in told) == (name == "scorign")


def test_a_service_that_is_off_is_not_scaled() -> None:
    assert "drift" not in scaled(over(every(), {"services": {"drift": {"enabled": False}}}))


def test_one_service_can_be_left_out() -> None:
    manifests = render(keda(services={"drift": {"enabled": False}}))
    assert "andon-drift" not in of_kind(manifests, "ScaledObject")
    assert of_kind(manifests, "Deployment")["andon-drift"]["spec"]["replicas"] == 1


def test_plain_kafka_needs_no_login() -> None:
    manifests = render(every())
    assert not of_kind(manifests, "TriggerAuthentication")
    assert all("authenticationRef" not in each for spec in scaled(every()).values() for each in spec["triggers"])


def login(values: dict[str, Any]) -> tuple[TRIGGER, Manifest]:
    """What the trigger of scoring says, and where it gets its secrets."""
    manifests = render(over(every(), values))
    (trigger,) = of_kind(manifests, "ScaledObject")["andon-scoring"]["spec"]["triggers"]
    named = trigger["authenticationRef"]["name"]
    return trigger["metadata"], of_kind(manifests, "TriggerAuthentication")[named]["spec"]


def test_keda_logs_in_by_the_secret_that_the_services_read() -> None:
    trigger, spec = login({"settings": {"kafka": SASL}, "secrets": ["andon"], "certificates": {"secret": "tls"}})
    assert (trigger["sasl"], trigger["tls"]) == ("scram_sha512", "enable")
    assert {each["parameter"]: (each["name"], each["key"]) for each in spec["secretTargetRef"]} == {
        "username": ("andon", "ANDON_KAFKA__SASL_USERNAME"),
        "password": ("andon", "ANDON_KAFKA__SASL_PASSWORD"),
        "ca": ("tls", "ca.crt"),
    }


def test_a_name_that_the_pod_has_in_its_environment_is_taken_from_there() -> None:
    kafka = SASL | {"sasl_username": "andon"}
    _, spec = login({"settings": {"kafka": kafka}, "secrets": ["a", "b"], "autoscaling": {"keda": {"secret": "b"}}})
    (taken,) = spec["env"]
    assert taken == {
        "parameter": "username",
        "name": "ANDON_KAFKA__SASL_USERNAME",
        "containerName": "scoring",
    }
    (container,) = of_kind(render({"settings": {"kafka": kafka}, "secrets": ["a"]}), "Deployment")["andon-scoring"][
        "spec"
    ]["template"]["spec"]["containers"]
    assert container["name"] == taken["containerName"]
    assert {"name": taken["name"], "value": "andon"} in container["env"]


def test_a_client_certificate_is_shown_where_the_services_show_one() -> None:
    kafka = {
        "security_protocol": "SSL",
        "ssl_certificate_location": "/etc/andon/tls/us.crt",
        "ssl_key_location": "/etc/andon/tls/us.key",
    }
    trigger, spec = login({"settings": {"kafka": kafka}, "certificates": {"secret": "tls"}})
    assert trigger["tls"] == "enable"
    assert "sasl" not in trigger
    assert {each["parameter"]: each["key"] for each in spec["secretTargetRef"]} == {"cert": "us.crt", "key": "us.key"}


def test_a_login_without_a_secret_is_refused_in_a_sentence() -> None:
    assert "no Secret holds the password for KEDA" in refused(over(every(), {"settings": {"kafka": SASL}}))
