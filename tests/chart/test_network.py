"""Who may talk to whom, judged on the rendered policies: docs/network.md is the rule book."""

import re
from typing import Any

import pytest
from guarded import ROOT, of_kind, pods, render
from reaching import End, lets

PORTS = {
    "Kafka": [9093, 9094],
    "Redis": [6380],
    "stores": [9000],
    "cameras": [554],
    "Alertmanager": [9193],
    "webhook": [8443],
    "machines": [8883, 4841],
    "Kubernetes": [443, 6443],
}
IN = {"metrics": 8080, "push": 8700, "people": 8600}
ALL: dict[str, Any] = {
    "settings": {
        "kafka": {"bootstrap_servers": "kafka-1.kafka:9093, kafka-2.kafka:9094"},
        "redis": {"url": "rediss://redis:6380/0"},
        "alertmanager": {"url": "http://alertmanager:9193"},
        "tracing": {"endpoint": "http://otel:4318"},
    },
    "stores": {
        **{name: {"url": f"s3://factory/{name}"} for name in ("bundles", "frames", "evidence")},
        "s3": {"endpoint": "https://minio.minio:9000"},
    },
    "networkPolicies": {"cameras": {"ports": [554]}},
    "services": {
        "shadow-scoring": {"enabled": True},
        "machines": {
            "enabled": True,
            "settings": {"mqtt": {"url": "mqtts://broker"}, "opcua": {"url": "opc.tcp://plc:4841/x"}},
        },
        "alerting": {"settings": {"webhook": {"url": "https://hooks.example:8443/page"}}},
    },
    "schedules": {"drill": {"enabled": True}, "heartbeat": {"enabled": True}},
    "demo": {"enabled": True},
}
"""Everything on, every need at a port of its own."""
OUTSIDE = End()
ROW = re.compile(r"(?m)^\| `([a-z-]+)` \| ([^|]+) \| ([^|]+) \|$")
TABLE = {
    name: (set(out.split(", ")), set(into.split(", ")) - {"nobody"})
    for name, out, into in ROW.findall((ROOT / "docs" / "network.md").read_text())
}
WITH = {
    "Kafka": "ANDON_KAFKA__BOOTSTRAP_SERVERS",
    "Redis": "ANDON_REDIS__URL",
    "Alertmanager": "ANDON_ALERTMANAGER__URL",
    "webhook": "ANDON_WEBHOOK__URL",
    "machines": "ANDON_MQTT__URL",
}
NAMES_ALONE = {"test": {"webhook"}}
"""The doctor asks whether the webhook's name resolves, and calls nobody."""


class Line:
    """A rendered release, and what its policies let."""

    def __init__(self, values: dict[str, Any]) -> None:
        manifests = render(values)
        self.pods = pods(manifests)
        self.policies = list(of_kind(manifests, "NetworkPolicy").values())

    def out(self, component: str, port: int, end: End = OUTSIDE, protocol: str = "TCP") -> bool:
        return lets(self.policies, self.pods[component]["metadata"]["labels"], "Egress", end, port, protocol)

    def into(self, component: str, port: int, end: End) -> bool:
        return lets(self.policies, self.pods[component]["metadata"]["labels"], "Ingress", end, port)

    def told(self, component: str) -> dict[str, str]:
        spec = self.pods[component]["spec"]
        return {each["name"]: each.get("value", "") for c in spec["containers"] for each in c.get("env", [])}


def neighbour(namespace: str) -> End:
    return End("10.0.0.9", namespace)


def test_every_pod_is_in_the_table_and_the_other_way_round() -> None:
    assert set(Line(ALL).pods) == set(TABLE)


@pytest.mark.parametrize("component", TABLE)
def test_a_component_reaches_what_the_table_says_and_nothing_else(component: str) -> None:
    line = Line(ALL)
    reached = {what for what, ports in PORTS.items() if all(line.out(component, port) for port in ports)}
    touched = {what for what, ports in PORTS.items() if any(line.out(component, port) for port in ports)}
    assert reached == touched == TABLE[component][0]


@pytest.mark.parametrize("component", TABLE)
def test_a_component_is_reached_as_the_table_says_and_by_nobody_outside(component: str) -> None:
    line = Line(ALL)
    assert {way for way, port in IN.items() if line.into(component, port, neighbour("any"))} == TABLE[component][1]
    assert not any(line.into(component, port, OUTSIDE) for port in (*IN.values(), 22, 80, 443))


@pytest.mark.parametrize("component", TABLE)
def test_what_a_pod_is_told_to_reach_it_may_reach(component: str) -> None:
    line = Line(ALL)
    told = line.told(component)
    wanted = {what for what, variable in WITH.items() if variable in told} - NAMES_ALONE.get(component, set())
    assert wanted == TABLE[component][0] & set(WITH)
    stores = [name for name, value in told.items() if value.startswith("s3://")]
    assert bool(stores) == ("stores" in TABLE[component][0])


@pytest.mark.parametrize("component", TABLE)
def test_other_ports_other_pods_and_the_internet_are_closed(component: str) -> None:
    line = Line(ALL)
    assert not any(line.out(component, port) for port in (22, 25, 80, 8080, 8443 + 1, 8600, 8700))
    for other in line.pods.values():
        end = End("10.0.0.8", "andon", other["metadata"]["labels"])
        assert not any(line.out(component, port, end) for port in IN.values())


@pytest.mark.parametrize("component", TABLE)
def test_names_are_asked_of_the_clusters_own_servers_alone(component: str) -> None:
    line = Line(ALL)
    for protocol in ("UDP", "TCP"):
        assert line.out(component, 53, neighbour("kube-system"), protocol)
        assert not line.out(component, 53, OUTSIDE, protocol)
        assert not line.out(component, 53, neighbour("andon"), protocol)


def test_spans_go_where_an_endpoint_is_set_and_nowhere_else() -> None:
    assert all(Line(ALL).out(component, 4318) for component in TABLE)
    assert not any(Line({}).out(component, 4318) for component in Line({}).pods)


def test_what_is_not_set_up_is_not_reached() -> None:
    line = Line({})
    assert not any(line.out(each, port) for each in line.pods for port in (554, 9093, 9193, 8443, 8883, 4841, 9000))
    assert not any(line.out(each, 443) for each in line.pods if each != "trainer")


def test_a_store_without_a_port_is_reached_by_https() -> None:
    line = Line({"stores": {"frames": {"url": "s3://factory/frames"}}})
    assert {each for each in line.pods if line.out(each, 443)} == {
        *("ingest", "preprocess", "evidence", "console", "heartbeat", "trainer", "training-job", "test"),
    }


def test_a_trainer_that_starts_no_jobs_reaches_no_cluster() -> None:
    assert not Line({"training": {"jobs": False}}).out("trainer", 6443)


def test_peers_narrow_a_way() -> None:
    to = {"to": [{"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "kafka"}}}]}
    line = Line({"networkPolicies": {"kafka": to, "metrics": {"from": [{"ipBlock": {"cidr": "10.9.0.0/16"}}]}}})
    assert line.out("scoring", 9092, neighbour("kafka"))
    assert not line.out("scoring", 9092, neighbour("elsewhere"))
    assert not line.out("scoring", 9092)
    assert line.into("scoring", 8080, End("10.9.1.1"))
    assert not line.into("scoring", 8080, neighbour("any"))


def test_a_service_with_a_kafka_of_its_own_reaches_that_one() -> None:
    own = {"services": {"drift": {"settings": {"kafka": {"bootstrap_servers": "other:7777"}}}}}
    line = Line(own)
    assert line.out("drift", 7777)
    assert not line.out("drift", 9092)
    assert not line.out("scoring", 7777)


def test_ports_that_brokers_advertise_stand_in_the_place_of_the_bootstrap_servers() -> None:
    line = Line({"networkPolicies": {"kafka": {"ports": [31092]}}})
    assert line.out("ingest", 31092)
    assert not line.out("ingest", 9092)


def test_further_rules_are_of_one_component() -> None:
    rule = {"ports": [{"port": 5000, "protocol": "TCP"}]}
    line = Line({"networkPolicies": {"extra": {"training-job": {"egress": [rule], "ingress": [rule]}}}})
    assert line.out("training-job", 5000)
    assert line.into("training-job", 5000, OUTSIDE)
    assert not line.out("trainer", 5000)


def test_the_topics_job_is_let_out_before_the_release_is_there() -> None:
    policy = of_kind(render(), "NetworkPolicy")["andon-topics"]["metadata"]["annotations"]
    job = of_kind(render(), "Job")["andon-topics"]["metadata"]["annotations"]
    assert policy["helm.sh/hook"] == job["helm.sh/hook"] == "pre-install,pre-upgrade"
    assert int(policy["helm.sh/hook-weight"]) < int(job.get("helm.sh/hook-weight", 0))


def test_the_switch_takes_every_policy_away() -> None:
    assert not of_kind(render({"networkPolicies": {"enabled": False}}), "NetworkPolicy")


def test_a_service_that_is_off_has_no_policy() -> None:
    values = {"services": {"drift": {"enabled": False}, "trainer": {"enabled": False}}, "topics": {"create": False}}
    gone = {f"andon-{name}" for name in ("drift", "trainer", "training-job", "topics", "machines", "demo", "drill")}
    assert not gone & set(of_kind(render(values), "NetworkPolicy"))
