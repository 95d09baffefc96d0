"""What a switch adds is gone without it, and a change touches only what it is about."""

from typing import Any

import pytest
import yaml
from chart_pods import long_running_of, variables
from guarded import CHART, Manifest, of_kind, pods, render

DEFAULTS: dict[str, Any] = yaml.safe_load((CHART / "values.yaml").read_text())
SERVICES = sorted(DEFAULTS["services"])
COMPONENT = "app.kubernetes.io/component"


def components(values: dict[str, Any]) -> set[str]:
    """What there is a pod of."""
    return set(pods(render(values)))


def templates(values: dict[str, Any]) -> dict[str, Any]:
    """Every service's pod template: what restarts it when it changes."""
    return {name: each["spec"]["template"] for name, each in long_running_of(render(values)).items()}


def test_a_service_that_is_off_leaves_nothing_of_it():
    on = render({"services": {name: {"enabled": True} for name in SERVICES}})
    off = render({"services": {name: {"enabled": False} for name in SERVICES}})
    for name in SERVICES:
        assert {each["kind"] for each in _of(name, on)} >= {"Deployment"}, name
        assert _of(name, off) == [], name


def test_a_service_that_is_off_leaves_the_others_as_they_are():
    before, after = templates({}), templates({"services": {"drift": {"enabled": False}}})
    assert before.pop("drift")
    assert before == after


@pytest.mark.parametrize(
    ("values", "added"),
    [
        ({"demo": {"enabled": True}}, {"demo", "demo-learn"}),
        ({"schedules": {"drill": {"enabled": True}}}, {"drill"}),
        ({"schedules": {"heartbeat": {"enabled": True}}}, {"heartbeat-once"}),
        ({"services": {"machines": {"enabled": True}}}, {"machines"}),
        ({"services": {"shadow-scoring": {"enabled": True}}}, {"shadow-scoring"}),
    ],
)
def test_what_is_off_at_first_comes_with_its_switch(values: dict[str, Any], added: set[str]):
    assert components(values) - components({}) == added


def test_topics_that_the_platform_makes_are_made_by_nobody_else():
    assert components({}) - components({"topics": {"create": False}}) == {"topics"}


def test_topics_get_the_partitions_and_copies_of_the_values():
    (container,) = pods(render({"topics": {"partitions": 24, "replication": 3}}))["topics"]["spec"]["containers"]
    assert container["args"] == ["topics", "create", "--partitions", "24", "--replication", "3"]


def test_without_jobs_the_trainer_asks_nothing_of_the_api_server():
    rendered = render({"training": {"jobs": False}})
    assert not of_kind(rendered, "Role")
    assert not of_kind(rendered, "RoleBinding")
    assert "andon-training-job" not in of_kind(rendered, "ConfigMap")
    assert pods(rendered)["trainer"]["spec"]["automountServiceAccountToken"] is False


def test_the_trainer_may_do_what_it_does_and_nothing_else():
    (role,) = of_kind(render(), "Role").values()
    rights = {
        (each["resources"][0], verb, *each.get("resourceNames", [])) for each in role["rules"] for verb in each["verbs"]
    }
    assert rights == {
        ("jobs", "create"),
        ("jobs", "get"),
        ("jobs", "delete"),
        ("pods", "list"),
        ("pods/log", "get"),
        ("configmaps", "get", "andon-training-job"),
        ("leases", "create"),
        ("leases", "get", "andon-trainer"),
        ("leases", "update", "andon-trainer"),
    }


def test_the_training_job_is_whole_but_for_what_is_asked_of_it():
    template = yaml.safe_load(of_kind(render(), "ConfigMap")["andon-training-job"]["data"]["job.yaml"])
    assert (template["apiVersion"], template["kind"]) == ("batch/v1", "Job")
    assert "name" not in template["metadata"]
    spec = template["spec"]
    assert (spec["backoffLimit"], spec["activeDeadlineSeconds"], spec["ttlSecondsAfterFinished"]) == (0, 3600, 3600)
    pod = spec["template"]["spec"]
    assert (pod["restartPolicy"], [each["name"] for each in pod["containers"]]) == ("Never", ["training"])
    assert not pod["containers"][0].keys() & {"command", "args"}
    trainer = pods(render())["trainer"]["spec"]["containers"][0]
    own = {name: text for name, text in variables(trainer).items() if not name.startswith("ANDON_JOBS__")}
    assert variables(pod["containers"][0]) == own
    assert pod["containers"][0]["volumeMounts"] == trainer["volumeMounts"]


def test_a_changed_line_restarts_nothing():
    before, after = ({"line": f"line: body-{number}\n"} for number in (1, 2))
    assert templates(before) == templates(after)
    lines = [of_kind(render(each), "ConfigMap")["andon-line"]["data"]["line.yaml"] for each in (before, after)]
    assert lines == ["line: body-1\n", "line: body-2\n"]


def test_the_line_file_arrives_as_it_was_written():
    text = (CHART.parents[1] / "deploy" / "line.yaml").read_text()
    assert of_kind(render({"line": text}), "ConfigMap")["andon-line"]["data"]["line.yaml"] == text


def test_a_line_of_your_own_stands_in_its_place():
    rendered = render({"lineConfigMap": "lines"})
    assert "andon-line" not in of_kind(rendered, "ConfigMap")
    volumes = pods(rendered)["alerting"]["spec"]["volumes"]
    assert [each["configMap"]["name"] for each in volumes if each["name"] == "line"] == ["lines"]


def test_a_changed_setting_restarts_those_who_know_it_and_no_other():
    before, after = templates({}), templates({"settings": {"redis": {"timeout_s": 2}}})
    assert {name for name in before if before[name] != after[name]} == {"alerting", "console", "drift", "ledger-watch"}


def test_a_new_version_of_the_chart_alone_restarts_nothing():
    labels = [each["metadata"]["labels"] for each in templates({}).values()]
    assert not [each for each in labels if "helm.sh/chart" in each]


def test_on_gpus_scoring_has_one_and_its_shadows_have_none():
    gpu = {"enabled": True, "runtimeClassName": "nvidia"}
    on = pods(render({"gpu": gpu, "services": {"shadow-scoring": {"enabled": True}}}))
    scoring, shadow = on["scoring"]["spec"], on["shadow-scoring"]["spec"]
    container = scoring["containers"][0]
    assert container["image"] == "andon-scoring-gpu:0.1.0"
    assert container["resources"]["limits"]["nvidia.com/gpu"] == 1
    assert variables(container)["ANDON_MODELS__DEVICE"] == "cuda"
    assert {"key": "nvidia.com/gpu", "operator": "Exists", "effect": "NoSchedule"} in scoring["tolerations"]
    assert scoring["runtimeClassName"] == "nvidia"
    probe = container["startupProbe"]
    assert probe["periodSeconds"] * probe["failureThreshold"] == 300
    assert "nvidia.com/gpu" not in shadow["containers"][0]["resources"]["limits"]
    assert shadow["containers"][0]["image"] == "andon-scoring:0.1.0"
    assert "ANDON_MODELS__DEVICE" not in variables(shadow["containers"][0])


def test_images_come_from_where_the_values_say():
    values = {"image": {"registry": "here:5000/vision/", "tag": "7", "digests": {"scoring": f"sha256:{'a' * 64}"}}}
    found = pods(render(values))
    assert found["drift"]["spec"]["containers"][0]["image"] == "here:5000/vision/andon-drift:7"
    assert found["scoring"]["spec"]["containers"][0]["image"] == f"here:5000/vision/andon-scoring@sha256:{'a' * 64}"


def test_secrets_of_one_service_go_to_no_other():
    found = pods(render({"secrets": ["all"], "services": {"alerting": {"secrets": ["webhook"]}}}))
    assert _secrets(found["alerting"]) == ["all", "webhook"]
    assert _secrets(found["drift"]) == ["all"]
    assert _secrets(found["test"]) == ["all", "webhook"], "it looks at what alerting works with"


def test_stores_that_have_a_url_or_a_claim_get_none_made():
    claims = of_kind(render(), "PersistentVolumeClaim")
    assert set(claims) == {"andon-bundles", "andon-frames", "andon-evidence"}
    assert {each["metadata"]["annotations"]["helm.sh/resource-policy"] for each in claims.values()} == {"keep"}
    values = {"stores": {"bundles": {"url": "s3://b"}, "frames": {"volume": {"existingClaim": "mine"}}}}
    rendered = render(values)
    assert set(of_kind(rendered, "PersistentVolumeClaim")) == {"andon-evidence"}
    ingest = pods(rendered)["ingest"]["spec"]
    assert {"name": "frames", "persistentVolumeClaim": {"claimName": "mine"}} in ingest["volumes"]
    assert variables(pods(rendered)["scoring"]["spec"]["containers"][0])["ANDON_STORE__BUNDLES"] == "s3://b"


def test_the_console_answers_its_own_pod_alone_until_it_knows_who_may_come():
    def told(values: dict[str, Any]) -> dict[str, str]:
        return variables(pods(render(values))["console"]["spec"]["containers"][0])

    assert told({})["ANDON_CONSOLE__HOST"] == "127.0.0.1"
    by_token = told({"people": {"secret": "people"}})
    assert by_token["ANDON_CONSOLE__HOST"] == "0.0.0.0"
    assert by_token["ANDON_CONSOLE__PEOPLE"] == "/etc/andon/people/people.yaml"
    assert told({"settings": {"console": {"proxy": {"trusted": "10.0.0.0/8"}}}})["ANDON_CONSOLE__HOST"] == "0.0.0.0"


def test_a_word_of_one_service_stands_in_the_place_of_that_of_all():
    drift = {"graceSeconds": 77, "nodeSelector": {"disk": "ssd"}}
    found = pods(render({"services": {"drift": drift}, "pods": {"graceSeconds": 44}}))
    assert found["drift"]["spec"]["terminationGracePeriodSeconds"] == 77
    assert found["drift"]["spec"]["nodeSelector"] == {"disk": "ssd"}
    assert found["alerting"]["spec"]["terminationGracePeriodSeconds"] == 44
    assert "nodeSelector" not in found["alerting"]["spec"]


def test_the_demo_s_job_has_a_new_name_when_it_changes():
    names = {
        next(each for each in of_kind(render({"demo": {"enabled": True, "stations": number}}), "Job") if "demo" in each)
        for number in (1, 2)
    }
    assert len(names) == 2


def test_a_release_of_another_name_is_called_after_both():
    assert "eyes-scoring" in of_kind(render({"fullnameOverride": "eyes"}), "Deployment")


def _of(name: str, rendered: list[Manifest]) -> list[Manifest]:
    return [each for each in rendered if each["metadata"].get("labels", {}).get(COMPONENT) == name]


def _secrets(pod: Manifest) -> list[str]:
    (volume,) = [each for each in pod["spec"]["volumes"] if each["name"] == "secrets"]
    return [each["secret"]["name"] for each in volume["projected"]["sources"]]
