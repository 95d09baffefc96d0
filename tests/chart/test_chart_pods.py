"""What holds for every pod that the chart makes, its Jobs' and its test's too."""

from typing import Any

import pytest
from chart_pods import CASES, EXAMPLES, containers, long_running, manifests, pods_of
from guarded import of_kind

from values.examples import names

pytestmark = pytest.mark.parametrize("case", CASES)
DRAIN_S = 25


def test_every_example_is_looked_at(case: str):
    assert set(CASES) - {"everything"} == set(EXAMPLES) == set(names())
    assert len(pods_of(case)) > 12


def test_nobody_is_root_and_nobody_can_become_it(case: str):
    for name, pod in pods_of(case).items():
        context = pod["spec"]["securityContext"]
        assert (context["runAsNonRoot"], context["runAsUser"], context["runAsGroup"]) == (True, 10001, 10001), name
        assert context["seccompProfile"] == {"type": "RuntimeDefault"}, name
        for container in containers(pod):
            own = container["securityContext"]
            assert own["capabilities"] == {"drop": ["ALL"]}, name
            assert (own["allowPrivilegeEscalation"], own["privileged"]) == (False, False), name
            assert not own.keys() & {"runAsUser", "runAsNonRoot", "seccompProfile"}, f"{name} says otherwise"


def test_no_root_is_writable_and_what_is_written_has_an_end(case: str):
    for name, pod in pods_of(case).items():
        assert all(each["securityContext"]["readOnlyRootFilesystem"] for each in containers(pod)), name
        folders = [each["emptyDir"] for each in pod["spec"]["volumes"] if "emptyDir" in each]
        assert folders, name
        assert all("sizeLimit" in each for each in folders), name


def test_only_the_trainer_has_a_token_and_an_account_with_rights(case: str):
    bound = {each["subjects"][0]["name"] for each in manifests(case) if each["kind"] == "RoleBinding"}
    for name, pod in pods_of(case).items():
        spec = pod["spec"]
        assert spec["automountServiceAccountToken"] is (name == "trainer"), name
        assert (spec["serviceAccountName"] in bound) is (name == "trainer"), name
        assert not any("serviceAccountToken" in str(each) for each in spec["volumes"]), name
        assert spec["enableServiceLinks"] is False, name
    accounts = of_kind(manifests(case), "ServiceAccount").values()
    assert [each["automountServiceAccountToken"] for each in accounts] == [False] * len(accounts)


def test_the_host_is_out_of_reach(case: str):
    for name, pod in pods_of(case).items():
        spec = pod["spec"]
        assert not spec.keys() & {"hostNetwork", "hostPID", "hostIPC", "hostUsers"}, name
        assert not any("hostPath" in each for each in spec["volumes"]), name
        assert not any(port.get("hostPort") for each in containers(pod) for port in each.get("ports", [])), name


def test_every_container_says_what_it_needs_and_what_it_may_take(case: str):
    for name, pod in pods_of(case).items():
        for container in containers(pod):
            resources = container["resources"]
            assert set(resources["requests"]) >= {"cpu", "memory"}, name
            assert set(resources["limits"]) >= {"cpu", "memory"}, name
            assert _bytes(resources["requests"]["memory"]) <= _bytes(resources["limits"]["memory"]), name


def test_a_service_is_asked_how_it_is_and_what_runs_once_is_not(case: str):
    services = long_running(case)
    for name, pod in pods_of(case).items():
        (container,) = pod["spec"]["containers"]
        probes = {probe: container[probe]["httpGet"]["path"] for probe in container if probe.endswith("Probe")}
        wanted = {"startupProbe": "/healthz", "livenessProbe": "/healthz", "readinessProbe": "/readyz"}
        assert probes == (wanted if name in services else {}), name
        if probes:
            ports = {each["name"]: each["containerPort"] for each in container["ports"]}
            assert ports["http"] == 8080, name
            assert {container[probe]["httpGet"]["port"] for probe in probes} == {"http"}, name


def test_it_has_time_to_finish_what_it_began(case: str):
    for name, pod in pods_of(case).items():
        pauses = [each["lifecycle"]["preStop"]["sleep"]["seconds"] for each in containers(pod) if "lifecycle" in each]
        assert pod["spec"]["terminationGracePeriodSeconds"] > DRAIN_S + max(pauses, default=0), name


def test_whoever_is_called_by_others_pauses_until_they_know_that_it_goes(case: str):
    called = {each["spec"]["selector"]["app.kubernetes.io/component"] for each in _services(case)}
    for name, deployment in long_running(case).items():
        (container,) = deployment["spec"]["template"]["spec"]["containers"]
        assert ("lifecycle" in container) is (name in called), name


def test_pods_of_one_service_lie_on_different_nodes_where_they_can(case: str):
    for name, deployment in long_running(case).items():
        spread = deployment["spec"]["template"]["spec"]["topologySpreadConstraints"]
        assert [each["topologyKey"] for each in spread] == ["kubernetes.io/hostname"], name
        assert spread[0]["labelSelector"]["matchLabels"]["app.kubernetes.io/component"] == name
        assert spread[0]["whenUnsatisfiable"] == "ScheduleAnyway", "one node must do"


def test_a_lost_node_leaves_no_station_blind_for_minutes(case: str):
    for name, pod in pods_of(case).items():
        after = {
            each["key"]: each["tolerationSeconds"]
            for each in pod["spec"]["tolerations"]
            if each.get("effect") == "NoExecute"
        }
        assert after == {"node.kubernetes.io/not-ready": 30, "node.kubernetes.io/unreachable": 30}, name


def test_selectors_find_their_own_pods_and_do_not_change_with_the_version(case: str):
    every = {name: pod["metadata"]["labels"] for name, pod in pods_of(case).items()}
    for name, deployment in long_running(case).items():
        selector = deployment["spec"]["selector"]["matchLabels"]
        assert [each for each, labels in every.items() if selector.items() <= labels.items()] == [name]
        assert "app.kubernetes.io/version" not in selector


def test_a_service_leads_to_a_port_that_its_pods_have(case: str):
    for service in _services(case):
        name = service["spec"]["selector"]["app.kubernetes.io/component"]
        ports = {each["name"] for each in pods_of(case)[name]["spec"]["containers"][0]["ports"]}
        assert {each["targetPort"] for each in service["spec"]["ports"]} <= ports
    assert {each["metadata"]["name"] for each in _services(case)} == {"andon-ingest", "andon-console"}


def test_what_is_mounted_is_there_and_what_is_there_is_mounted(case: str):
    for name, pod in pods_of(case).items():
        volumes = {each["name"] for each in pod["spec"]["volumes"]}
        assert len(volumes) == len(pod["spec"]["volumes"]), name
        mounted = [each for container in containers(pod) for each in container["volumeMounts"]]
        assert {each["name"] for each in mounted} == volumes, name
        assert not any("subPath" in each for each in mounted), f"{name} would not see a changed file"
        for container in containers(pod):
            places = [each["mountPath"] for each in container["volumeMounts"]]
            assert len(set(places)) == len(places), name


def test_what_pods_refer_to_is_there_or_named_in_the_values(case: str):
    rendered = manifests(case)
    maps, claims = of_kind(rendered, "ConfigMap"), of_kind(rendered, "PersistentVolumeClaim")
    accounts = of_kind(rendered, "ServiceAccount")
    for name, pod in pods_of(case).items():
        for volume in pod["spec"]["volumes"]:
            match volume:
                case {"configMap": {"name": wanted}}:
                    assert wanted in maps, name
                case {"persistentVolumeClaim": {"claimName": wanted}}:
                    assert wanted in claims, name
                case {"secret": _} | {"projected": _} | {"emptyDir": _}:
                    pass
                case _:
                    pytest.fail(f"{name}: {volume}")
        account = pod["spec"]["serviceAccountName"]
        assert account in accounts or (name, account) == ("topics", "default"), name


def test_a_hook_that_runs_first_needs_nothing_of_the_release(case: str):
    topics = pods_of(case)["topics"]["spec"]
    assert all("secret" in each or "projected" in each or "emptyDir" in each for each in topics["volumes"])
    (job,) = [each for each in manifests(case) if each["metadata"]["name"] == "andon-topics" and each["kind"] == "Job"]
    assert job["metadata"]["annotations"]["helm.sh/hook"] == "pre-install,pre-upgrade"
    assert job["spec"]["activeDeadlineSeconds"] < 300, "helm's own patience"


def test_images_are_one_version_of_andon(case: str):
    tags = {each["image"].rpartition(":")[2] for pod in pods_of(case).values() for each in containers(pod)}
    assert tags == {"0.1.0"}


def test_an_overlap_of_two_is_only_where_it_does_no_harm(case: str):
    alone = {"heartbeat", "machines", "demo"}
    on_a_gpu = {"scoring"} if case == "gpu" else set()
    for name, deployment in long_running(case).items():
        strategy = deployment["spec"]["strategy"]
        if name in alone:
            assert strategy == {"type": "Recreate"}, name
            continue
        surge, away = (0, 1) if name in on_a_gpu else (1, 0)
        assert strategy["rollingUpdate"] == {"maxSurge": surge, "maxUnavailable": away}, name


def _services(case: str) -> list[dict[str, Any]]:
    return list(of_kind(manifests(case), "Service").values())


def _bytes(size: str) -> float:
    units = {"Ki": 2**10, "Mi": 2**20, "Gi": 2**30}
    return float(size[:-2]) * units[size[-2:]]
