"""Two trainers on a real control plane and a real Kafka: one leads, its Job runs in a pod, and outlives it."""

import json
import os
import random
import signal
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from job_shop import LEASE, TEMPLATE, Place, place, template
from kube import Cluster

from andon.ids import frame_id
from andon.records import (
    Assignment,
    Frame,
    JobPhase,
    Request,
    RequestNews,
    RequestState,
    Wish,
    frame_headers,
    read_event,
    write_event,
)
from andon.stage import Message
from andon.store import BundleStore
from andon.testing.models import proven_bundle
from andon.testing.parts import part, png
from andon.topics import FRAMES, MODELS, REQUESTS
from andon_demo.line import ServiceProcess
from andon_demo.servers.ports import free_ports
from andon_demo.servers.supervise import Servers
from andon_demo.trial import Trial

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(300)]

STATION = "weld-07"
FRAMES_SHOWN = 160  # enough that a fit takes a while
CLAIM = {"accessModes": ["ReadWriteMany"], "resources": {"requests": {"storage": "1Gi"}}}


@dataclass
class Line:
    """The trial, the namespace, and its trainers, of which one leads."""

    trial: Trial
    place: Place
    env: dict[str, str]
    closing: ExitStack
    store: BundleStore

    def trainer(self, name: str) -> ServiceProcess:
        """A replica, started."""
        port = free_ports(1, random.SystemRandom())[0]
        env = self.env | {"ANDON_JOBS__IDENTITY": name}
        made = ServiceProcess(name, ["trainer"], self.trial.folder / "logs", env, port)
        self.closing.callback(made.process.stop, grace_s=25)
        made.process.start()
        made.process.wait_ready(made.ready, within_s=90)
        return made

    def leader(self) -> str:
        """Who holds the Lease."""
        leases = [each for each in self.place.listed("leases") if each["metadata"]["name"] == LEASE]
        return str(leases[0]["spec"].get("holderIdentity", "")) if leases else ""

    def ask(self, bundle: str) -> Callable[[], list[RequestNews]]:
        """Drift wants it made anew; answers what reads the news of it."""
        request = Request(
            request_id=uuid4(),
            wish=Wish.RETRAIN,
            station=STATION,
            product="hinge",
            bundle=bundle,
            by="drift",
            at=datetime.now(UTC),
        )
        self.trial.write(Message(REQUESTS, STATION.encode(), write_event(request)))

        def news() -> list[RequestNews]:
            values = [record.value for record in self.trial.read(REQUESTS)]
            said = [read_event(RequestNews, value) for value in values if b'"record":"news"' in value]
            return [each for each in said if each.request_id == request.request_id]

        return news

    def assigned(self) -> list[Assignment]:
        """What was assigned to the station, in order."""
        key = Assignment(station=STATION, product="hinge", bundle="0" * 64, at=datetime.now(UTC)).key
        return [read_event(Assignment, each.value) for each in self.trial.read(MODELS) if each.key == key]


@pytest.fixture
def line(
    cluster: Cluster, node: Any, servers: Servers, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Line]:
    assert node
    group = {"ANDON_KAFKA__GROUP_PREFIX": f"g-{uuid4().hex[:8]}"}
    small = {"ANDON_ONBOARDING__SIZE": "128", "ANDON_ONBOARDING__FRAMES": "100", "ANDON_ONBOARDING__ENABLED": "false"}
    with (
        ExitStack() as closing,
        place(cluster, tmp_path, monkeypatch) as made,
        Trial(servers, tmp_path, group | small, random.SystemRandom()) as trial,
    ):
        stores = folder_of_claim(made)
        inside = {f"ANDON_STORE__{name.upper()}": f"/stores/{name}" for name in ("bundles", "frames")}
        inside |= {"ANDON_EVIDENCE__URL": "/stores/evidence", "OMP_NUM_THREADS": "1"}
        made.put_template(with_stores(template({**trial.env, **inside})))
        outside = {name: value.replace("/stores", str(stores)) for name, value in inside.items()}
        jobs = {"ANDON_JOBS__RUNNER": "kubernetes", "ANDON_JOBS__TEMPLATE": TEMPLATE, "ANDON_JOBS__LEASE": LEASE}
        env = {**trial.env, **outside, **jobs, "KUBECONFIG": str(made.kubeconfig)}
        yield Line(trial, made, env, closing, BundleStore(str(stores / "bundles")))


def folder_of_claim(made: Place) -> Path:
    """A claim for all stores, and where its volume lies on this machine."""
    claim = {"apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": {"name": "stores"}, "spec": CLAIM}
    made.cluster.apply(claim, namespace=made.namespace)

    def volume() -> str:
        listed = json.loads(made.cluster.kubectl("get", "persistentvolumes", "-o", "json"))["items"]
        mine = [each["spec"] for each in listed if each["spec"]["claimRef"]["namespace"] == made.namespace]
        return mine[0]["hostPath"]["path"] if mine else ""

    folder = Path(made.cluster.until(volume, "a volume"))
    for each in (folder, *(folder / name for name in ("bundles", "frames", "evidence"))):
        each.mkdir(parents=True, exist_ok=True)
        each.chmod(0o777)  # the pod is another user
    return folder


def with_stores(job: Any) -> Any:
    """The template, with the claim mounted."""
    pod = job["spec"]["template"]["spec"]
    pod["securityContext"] = {"fsGroup": 10001}
    pod["volumes"].append({"name": "stores", "persistentVolumeClaim": {"claimName": "stores"}})
    pod["containers"][0]["volumeMounts"].append({"name": "stores", "mountPath": "/stores"})
    return job


def frame_message(seq: int) -> Message:
    """A good part, photographed just now."""
    frame = Frame(STATION, 1, seq, frame_id(STATION, 1, seq), datetime.now(UTC), product="hinge")
    return Message(FRAMES, STATION.encode(), png(part(seq)), frame_headers(frame))


def test_a_job_outlives_the_trainer_that_made_it_and_its_bundle_becomes_a_shadow_once(line: Line) -> None:
    bundle = proven_bundle(10, 200)
    line.store.put(bundle)
    hour_ago = datetime.now(UTC) - timedelta(hours=1)
    given = Assignment(station=STATION, product="hinge", bundle=bundle.digest, by="mira", at=hour_ago)
    line.trial.write(
        Message(MODELS, given.key, write_event(given)), *(frame_message(seq) for seq in range(FRAMES_SHOWN))
    )
    first = line.trainer("first")
    line.trial.until(lambda: line.leader() == "first", "the first to lead")
    second = line.trainer("second")
    assert second._get("/readyz") == "standby\n"

    news = line.ask(bundle.digest)
    line.trial.until(lambda: any(each.progress for each in news()), "its Job to say by its log how far it is", 90)
    os.kill(first.process.pid, signal.SIGKILL)
    line.trial.until(lambda: line.leader() == "second", "the second to lead", 20)

    line.trial.until(lambda: any(each.state is not RequestState.TAKEN for each in news()), "an answer", 150)
    last = news()[-1]
    assert last.state is RequestState.DONE, last
    assert last.phase is JobPhase.DONE
    assert {each.phase for each in news()} >= {None, JobPhase.PENDING, JobPhase.RUNNING, JobPhase.DONE}
    assert last.bundle is not None
    assert line.store.get(last.bundle).manifest.training.frames_offered == FRAMES_SHOWN
    assert len(line.place.listed()) == 1, "the second trainer adopted the Job of the first"
    line.trial.until(lambda: len(line.assigned()) == 2, "the bundle to become a shadow")
    assert (line.assigned()[-1].bundle, line.assigned()[-1].shadows) == (bundle.digest, (last.bundle,))
    assert sum(each.state is RequestState.DONE for each in news()) == 1

    second.process.stop(grace_s=25)
    assert line.leader() == "", "who stops gives the Lease back"
    line.place.cluster.kubectl("delete", "configmap", TEMPLATE, "-n", line.place.namespace)
    line.trial.until(lambda: not line.place.listed("leases"), "the Lease to go with the template")
