"""One pod on the node: a thread that starts its containers, watches them, tells the cluster of them, and ends them."""

import threading
import time
from pathlib import Path

from node_api import Api, Json
from node_container import Container, now
from node_volumes import Volumes

TURN_S = 0.2
REFRESH_S = 2.0
HEARD_S = 2.0  # so long after a pod began to leave, a Service may still lead to it


class PodRun:
    """A pod from when it was bound to the node until it is gone."""

    def __init__(self, api: Api, pod: Json, folder: Path, claims: Path, address: str, service: dict[str, str]) -> None:
        self.pod = pod
        self.uid: str = pod["metadata"]["uid"]
        self.address = address
        self._api = api
        self._path = path_of(pod)
        self._volumes = Volumes(api, pod, folder / "volumes", claims)
        self._restart: str = pod["spec"].get("restartPolicy", "Always")
        spec = pod["spec"]
        made = [
            Container(told, pod, self._volumes, folder, address, service) for told in spec.get("initContainers", ())
        ]
        self._before = made
        self._main = [Container(told, pod, self._volumes, folder, address, service) for told in spec["containers"]]
        self._told: Json = {}
        self._began = now()
        self._refreshed = 0.0
        self._leaving = threading.Event()
        self._left_at = 0.0
        self._grace_s = 30.0
        self._thread = threading.Thread(target=self._live, name=pod["metadata"]["name"], daemon=True)

    def start(self) -> None:
        self._thread.start()

    @property
    def over(self) -> bool:
        """Whether nothing of it runs any more and nobody looks after it."""
        return not self._thread.is_alive()

    def leave(self, grace_s: float) -> None:
        """To be called when the cluster deletes it; returns at once."""
        if not self._leaving.is_set():
            self._grace_s, self._left_at = grace_s, time.monotonic()
            self._leaving.set()

    @property
    def reached(self) -> bool:
        """Whether others would still call it: it is ready, or leaves and not everybody has heard of it."""
        left = self._leaving.is_set() and time.monotonic() - self._left_at > HEARD_S
        return not left and all(each.ready and each.running for each in self._main)

    def join(self) -> None:
        self._thread.join()

    def container(self, name: str) -> Container | None:
        """One of its containers, by name."""
        return next((each for each in (*self._before, *self._main) if each.name == name), None)

    def _live(self) -> None:
        while not self._leaving.is_set() and not self._ended():
            self._turn()
            self._tell()
            self._leaving.wait(TURN_S)
        self._tell()
        self._leaving.wait()  # what has ended stays until somebody deletes it
        self._stop()
        self._told = {}
        self._tell()
        preconditions = {"uid": self.uid}
        self._api.delete(self._path, {"gracePeriodSeconds": 0, "preconditions": preconditions})

    def _turn(self) -> None:
        if not self._refresh():
            return
        waited_for = next((each for each in self._before if each.exit_code != 0), None)
        if waited_for:
            waited_for.step("Never" if self._restart == "Never" else "OnFailure")
            return
        for each in self._main:
            each.step(self._restart)

    def _refresh(self) -> bool:
        """Brings the files of its volumes up to date; False when one cannot be made, and it has to wait."""
        if time.monotonic() - self._refreshed < REFRESH_S:
            return True
        try:
            self._volumes.refresh()
        except LookupError:
            return bool(self._refreshed)
        self._refreshed = time.monotonic()
        return True

    def _ended(self) -> bool:
        """Whether all of it has ended for good."""
        if self._restart == "Always":
            return False
        broken = [each for each in self._before if each.exit_code and self._restart == "Never"]
        codes = [each.exit_code for each in self._main]
        done = all(code == 0 or (code is not None and self._restart == "Never") for code in codes)
        return bool(broken) or done

    def _stop(self) -> None:
        running = [each for each in (*self._before, *self._main) if each.running]
        deadline = time.monotonic() + self._grace_s
        time.sleep(max((each.pre_stop_s() for each in running), default=0))
        for each in running:
            each.begin_stop()
        for each in running:
            each.stop(max(0.1, deadline - time.monotonic()))

    def _phase(self) -> str:
        codes = [each.exit_code for each in self._main]
        if self._ended() or (self._leaving.is_set() and all(code is not None for code in codes)):
            return "Succeeded" if all(code == 0 for code in codes) else "Failed"
        return (
            "Running"
            if any(code is not None or each.running for each, code in zip(self._main, codes, strict=True))
            else "Pending"
        )

    def _tell(self) -> None:
        phase = self._phase()
        over = phase in ("Succeeded", "Failed")
        policy = "Never" if over else self._restart
        ready = not over and all(each.ready and each.running for each in self._main)
        conditions = {
            "Initialized": not any(each.exit_code != 0 for each in self._before),
            "ContainersReady": ready,
            "Ready": ready,
        }
        status = {
            "phase": phase,
            "startTime": self._began,
            "containerStatuses": [each.status(policy) for each in self._main],
            "initContainerStatuses": [each.status("OnFailure") for each in self._before],
            "conditions": [{"type": kind, "status": str(met)} for kind, met in conditions.items()],
        }
        if status != self._told and self._api.patch(f"{self._path}/status", {"status": stamped(status, self._told)}):
            self._told = status


def path_of(pod: Json) -> str:
    """Where the API has it."""
    return f"/api/v1/namespaces/{pod['metadata']['namespace']}/pods/{pod['metadata']['name']}"


def stamped(status: Json, before: Json) -> Json:
    """With the time of each condition that changed."""
    known = {each["type"]: each["status"] for each in before.get("conditions", ())}
    changed = [each for each in status["conditions"] if known.get(each["type"]) != each["status"]]
    return status | {"conditions": [each | {"lastTransitionTime": now()} for each in changed]}
