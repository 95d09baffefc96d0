"""The tests' node does to pods what a kubelet does, as far as Andon's pods can tell."""

import base64
import json
from collections.abc import Iterator
from typing import Any

import pytest
from kube import Cluster, Refused
from node import Node

pytestmark = [pytest.mark.cluster, pytest.mark.usefixtures("node")]

SECURITY = {
    "runAsNonRoot": True,
    "runAsUser": 10001,
    "runAsGroup": 10001,
    "allowPrivilegeEscalation": False,
    "readOnlyRootFilesystem": True,
    "capabilities": {"drop": ["ALL"]},
    "seccompProfile": {"type": "RuntimeDefault"},
}
TMP = "/tmp"  # noqa: S108 - a pod's own
CLAIM = {"persistentVolumeClaim": {"claimName": "kept"}}
SERVER = """
import http.server, os, signal, sys, threading
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200 if os.path.exists("/tmp" + self.path) else 503); self.end_headers()
server = http.server.HTTPServer(("0.0.0.0", 8080), Handler)
signal.signal(signal.SIGTERM, lambda *_: threading.Thread(target=server.shutdown).start())
print("serving", flush=True)
server.serve_forever()
print("goodbye", flush=True)
"""


@pytest.fixture(scope="module")
def namespace(cluster: Cluster, node: Node) -> Iterator[str]:
    """Where this file's pods are."""
    with cluster.namespace() as name:
        yield name


def python(name: str, code: str, *, volumes: dict[str, Any] | None = None, spec: Any = None, **container: Any) -> Any:
    """A pod that runs some Python. `volumes`: mount path -> the volume's source."""
    given = volumes or {}
    mounts = [{"name": f"volume-{n}", "mountPath": path} for n, path in enumerate(given)]
    told = {"name": "app", "image": "andon-ingest", "command": ["python", "-c", code], "securityContext": SECURITY}
    listed = [{"name": f"volume-{n}", **source} for n, source in enumerate(given.values())]
    inner = {"restartPolicy": "Never", "containers": [told | {"volumeMounts": mounts} | container], "volumes": listed}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name}, "spec": inner | (spec or {})}


def ended(cluster: Cluster, namespace: str, pod: Any) -> str:
    """The log of a pod that was run to its end."""
    name = pod["metadata"]["name"]
    cluster.apply(pod, namespace=namespace)
    over = ("Succeeded", "Failed")
    cluster.until(
        lambda: cluster.get("pod", name, namespace=namespace)["status"].get("phase") in over, f"{name} to end"
    )
    return cluster.kubectl("logs", name, "-n", namespace)


def says(cluster: Cluster, namespace: str, pod: str, word: str) -> bool:
    """Whether the log of a pod has a word by now."""
    try:
        return word in cluster.kubectl("logs", pod, "-n", namespace)
    except Refused:
        return False  # it has not begun


def condition(cluster: Cluster, namespace: str, pod: str, kind: str) -> str:
    """A condition of a pod: True, False or nothing."""
    listed = cluster.get("pod", pod, namespace=namespace)["status"].get("conditions", ())
    return next((each["status"] for each in listed if each["type"] == kind), "")


def test_a_container_is_its_user_without_capabilities_on_a_root_that_nobody_writes(
    cluster: Cluster, namespace: str
) -> None:
    code = """
import os, json
def writes(path):
    try:
        open(path, "w").close()
    except OSError as error:
        return error.strerror
    return "yes"
caps = [line.split()[1] for line in open("/proc/self/status") if line.startswith(("CapEff", "CapBnd"))]
print(json.dumps([os.getuid(), os.getgid(), caps, writes("/x"), writes("/tmp/x"), os.uname().nodename]))
"""
    pod = python("who", code, volumes={TMP: {"emptyDir": {}}})
    uid, gid, capabilities, on_root, on_tmp, host = json.loads(ended(cluster, namespace, pod))
    assert (uid, gid, capabilities) == (10001, 10001, ["0" * 16, "0" * 16])
    assert (on_root, on_tmp, host) == ("Read-only file system", "yes", "who")


def test_a_container_without_a_read_only_root_could_write_to_it(cluster: Cluster, namespace: str) -> None:
    security = SECURITY | {"readOnlyRootFilesystem": False}
    pod = python("writer", 'open("/var/tmp/x", "w"); print("written")', securityContext=security)
    assert ended(cluster, namespace, pod) == "written\n"


def test_environment_and_files_come_from_where_the_manifest_says(cluster: Cluster, namespace: str) -> None:
    secret = base64.b64encode(b"hush").decode()
    cluster.apply(
        {
            "apiVersion": "v1",
            "kind": "ConfigMap",
            "metadata": {"name": "words"},
            "data": {"line.yaml": "line: a", "b": "c"},
        },
        {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "keys"}, "data": {"ANDON_KEY": secret}},
        namespace=namespace,
    )
    env = [
        {"name": "A", "value": "1"},
        {"name": "B", "value": "$(A)2$$"},
        {"name": "POD", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}},
        {"name": "C", "valueFrom": {"configMapKeyRef": {"name": "words", "key": "b"}}},
    ]
    code = """
import os, json
files = [open(path).read() for path in ("/etc/line/line.yaml", "/keys/ANDON_KEY")]
print(json.dumps([os.environ[name] for name in ("A", "B", "POD", "C")] + files))
"""
    volumes = {"/etc/line": {"configMap": {"name": "words"}}, "/keys": {"secret": {"secretName": "keys"}}}
    told = json.loads(ended(cluster, namespace, python("told", code, env=env, volumes=volumes)))
    assert told == ["1", "12$", "told", "c", "line: a", "hush"]


def test_a_claim_outlives_its_pod(cluster: Cluster, namespace: str) -> None:
    spec = {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}}
    cluster.apply(
        {"apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": {"name": "kept"}, "spec": spec},
        namespace=namespace,
    )
    volumes = {"/data": CLAIM}
    group = {"securityContext": {"fsGroup": 10001}}
    ended(cluster, namespace, python("writes", 'open("/data/x", "w").write("kept")', volumes=volumes, spec=group))
    assert ended(cluster, namespace, python("reads", 'print(open("/data/x").read())', volumes=volumes)) == "kept\n"


def test_a_pod_without_a_token_has_none_and_one_with_a_token_is_who_it_says(cluster: Cluster, namespace: str) -> None:
    code = 'import os; print(os.path.exists("/var/run/secrets/kubernetes.io/serviceaccount/token"))'
    off = {"automountServiceAccountToken": False}
    assert ended(cluster, namespace, python("without", code, spec=off)) == "False\n"
    client = """
from kubernetes import client, config
config.load_incluster_config()
try:
    client.CoreV1Api().list_namespaced_pod(open("/var/run/secrets/kubernetes.io/serviceaccount/namespace").read())
except client.ApiException as error:
    print(error.status, error.body)
"""
    assert f"system:serviceaccount:{namespace}:default" in ended(cluster, namespace, python("with", client))


def test_exit_codes_and_init_containers_count(cluster: Cluster, namespace: str) -> None:
    first = python("x", 'open("/shared/x", "w").write("from the first")')["spec"]["containers"][0]
    first |= {"name": "first", "volumeMounts": [{"name": "volume-0", "mountPath": "/shared"}]}
    code = 'import sys; print(open("/shared/x").read()); sys.exit(7)'
    pod = python("second", code, volumes={"/shared": {"emptyDir": {}}}, spec={"initContainers": [first]})
    assert ended(cluster, namespace, pod) == "from the first\n"
    status = cluster.get("pod", "second", namespace=namespace)["status"]
    assert status["phase"] == "Failed"
    assert status["containerStatuses"][0]["state"]["terminated"]["exitCode"] == 7


def test_what_ends_is_started_again_and_its_former_log_can_be_read(cluster: Cluster, namespace: str) -> None:
    code = """
import os, time
again = os.path.exists("/tmp/been"); open("/tmp/been", "w").close()
print("again" if again else "first", flush=True)
time.sleep(60 if again else 0)
"""
    cluster.apply(
        python("again", code, volumes={TMP: {"emptyDir": {}}}, spec={"restartPolicy": "Always"}), namespace=namespace
    )

    def restarted() -> bool:
        listed = cluster.get("pod", "again", namespace=namespace)["status"].get("containerStatuses", [{}])
        return bool(listed[0].get("restartCount") == 1)

    cluster.until(restarted, "a restart")
    cluster.until(lambda: says(cluster, namespace, "again", "again\n"), "the second log")
    assert cluster.kubectl("logs", "again", "-n", namespace, "--previous") == "first\n"
    cluster.kubectl("delete", "pod", "again", "-n", namespace, "--grace-period=1")


def test_a_pod_is_ready_when_its_probe_says_so_and_gets_time_to_end(cluster: Cluster, namespace: str) -> None:
    probe = {"httpGet": {"path": "/ready", "port": "http"}, "periodSeconds": 1}
    pod = python(
        "server",
        SERVER,
        readinessProbe=probe,
        ports=[{"name": "http", "containerPort": 8080}],
        volumes={TMP: CLAIM},
        spec={"restartPolicy": "Always"},
    )
    cluster.apply(pod, namespace=namespace)
    cluster.until(lambda: says(cluster, namespace, "server", "serving"), "the server")
    assert condition(cluster, namespace, "server", "Ready") == "False"
    ended(cluster, namespace, python("opens", 'open("/data/ready", "w")', volumes={"/data": CLAIM}))
    cluster.until(lambda: condition(cluster, namespace, "server", "Ready") == "True", "readiness")
    cluster.kubectl("delete", "pod", "server", "-n", namespace, "--wait=false")
    cluster.until(lambda: "server" not in cluster.kubectl("get", "pods", "-n", namespace), "the pod to go", 20)


def test_a_container_that_does_not_live_is_started_again(cluster: Cluster, namespace: str) -> None:
    probe = {"httpGet": {"path": "/alive", "port": 8080}, "periodSeconds": 1, "failureThreshold": 2}
    pod = python("stuck", SERVER, livenessProbe=probe, spec={"restartPolicy": "Always"})
    cluster.apply(pod, namespace=namespace)

    def restarts() -> int:
        listed = cluster.get("pod", "stuck", namespace=namespace)["status"].get("containerStatuses", [{}])
        return int(listed[0].get("restartCount", 0))

    cluster.until(restarts, "a restart")
    assert "goodbye" in cluster.kubectl("logs", "stuck", "-n", namespace, "--previous")
    cluster.kubectl("delete", "pod", "stuck", "-n", namespace, "--grace-period=1")


def test_a_changed_config_map_reaches_the_running_pod(cluster: Cluster, namespace: str) -> None:
    def line(text: str) -> Any:
        return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "line"}, "data": {"line.yaml": text}}

    cluster.apply(line("old"), namespace=namespace)
    code = """
import time
while open("/etc/andon/line.yaml").read() != "new":
    time.sleep(0.1)
print("new", flush=True)
"""
    cluster.apply(python("watches", code, volumes={"/etc/andon": {"configMap": {"name": "line"}}}), namespace=namespace)

    def phase() -> str:
        return str(cluster.get("pod", "watches", namespace=namespace)["status"].get("phase"))

    cluster.until(lambda: phase() == "Running", "the pod")
    before = cluster.kubectl("exec", "watches", "-n", namespace, "--", "cat", "/etc/andon/line.yaml")
    assert before == "old"
    cluster.apply(line("new"), namespace=namespace)
    cluster.until(lambda: phase() == "Succeeded", "the pod to see it")


def test_a_command_in_a_running_container_is_its_user_in_its_place(cluster: Cluster, namespace: str) -> None:
    code = 'import time; print("here", flush=True); time.sleep(60)'
    cluster.apply(python("host", code, env=[{"name": "A", "value": "b"}]), namespace=namespace)
    cluster.until(lambda: says(cluster, namespace, "host", "here"), "the pod")
    look = "import os; print(os.getuid(), os.uname().nodename, os.environ['A'], os.access('/', os.W_OK))"
    said = cluster.kubectl("exec", "host", "-n", namespace, "--", "python", "-c", look)
    assert said == "10001 host b False\n"
    with pytest.raises(Refused, match="exit code 7"):
        cluster.kubectl("exec", "host", "-n", namespace, "--", "python", "-c", "import sys; sys.exit(7)")
    cluster.kubectl("delete", "pod", "host", "-n", namespace, "--grace-period=1")


def test_a_job_is_done_when_its_pod_is(cluster: Cluster, namespace: str) -> None:
    template = python("x", 'print("done")')
    spec = {"template": {"spec": template["spec"]}, "backoffLimit": 0}
    cluster.apply(
        {"apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": "job"}, "spec": spec}, namespace=namespace
    )
    cluster.until(lambda: cluster.get("job", "job", namespace=namespace)["status"].get("succeeded") == 1, "the job")
