"""One container of a pod: a process in a sandbox, started, probed, restarted with a growing pause, and stopped."""

import os
import signal
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from node_api import Json
from node_environment import ANYWHERE, at_home, command, environment
from node_probes import Probe
from node_volumes import Volumes

from andon_demo.servers.process import Process

HERE = Path(__file__).parent
REPOSITORY = HERE.parents[1]
BIN = REPOSITORY / ".venv" / "bin"
TMP = "/tmp"  # noqa: S108 - a pod's own
ENTRYPOINT = ("andon",)  # of every image, as are these variables
IMAGE_ENV = {
    "PATH": f"{BIN}:/usr/local/bin:/usr/bin:/bin",
    "PYTHONDONTWRITEBYTECODE": "1",
    "PYTHONUNBUFFERED": "1",
    "MALLOC_ARENA_MAX": "2",
    "XDG_CACHE_HOME": TMP,
    "HOME": TMP,
    "ANDON_HTTP__HOST": ANYWHERE,
    "ANDON_HTTP__PORT": "8080",
    "OMP_NUM_THREADS": "1",
}
LONGEST_PAUSE_S = 30.0


class Container:
    """What the manifest asks for, and the process that there is of it. `ready` and `state` are the kubelet's words."""

    def __init__(
        self, told: Json, pod: Json, volumes: Volumes, folder: Path, address: str, service: dict[str, str]
    ) -> None:
        self.name: str = told["name"]
        self.restarts = 0
        self.ready = False
        self.started = False
        self.last: Json = {}
        self._told, self._pod, self._volumes, self._address, self._service = told, pod, volumes, address, service
        self._folder = folder / self.name
        self._process: Process | None = None
        self._env: list[str] = []
        self._began = self._ended = ""
        self._again_at = 0.0
        self._waiting = "ContainerCreating"
        self._probes: dict[str, Probe] = {}

    @property
    def logs(self) -> list[Path]:
        """The logs of its starts, the oldest first."""
        return sorted(self._folder.glob("*.log"), key=lambda path: int(path.stem))

    @property
    def running(self) -> bool:
        return self._process is not None and self._process.running

    @property
    def exit_code(self) -> int | None:
        """None before its first end and while it runs; 128 + N when a signal ended it."""
        code = self._process.returncode if self._process and not self._process.running else None
        return code if code is None or code >= 0 else 128 - code

    def start(self) -> None:
        """Starts it. LookupError when something it refers to is not there (yet)."""
        env = IMAGE_ENV | {"HOSTNAME": self._pod["metadata"]["name"]} | self._service
        env |= environment(self._told, self._pod, self._volumes)
        self._env = at_home([f"{name}={value}" for name, value in env.items()], self._address)
        root = self._folder / f"{self.restarts}.root"
        root.mkdir(parents=True)
        boxed = [*self._sandbox(root), *self._env, *at_home(command(self._told, ENTRYPOINT, env), self._address)]
        log = self._folder / f"{self.restarts}.log"
        self._process = Process(self.name, boxed, log=log, env={"REPOSITORY": str(REPOSITORY)})
        self._process.start()
        self._began, self._waiting, self.started, self.ready = now(), "", False, False
        ports = {each["name"]: each["containerPort"] for each in self._told.get("ports", ()) if "name" in each}
        kinds = ("startupProbe", "livenessProbe", "readinessProbe")
        self._probes = {kind: Probe(self._told[kind], self._address, ports) for kind in kinds if kind in self._told}

    def beside(self, words: Sequence[str]) -> list[str]:
        """The command line that runs `words` where the container's own process runs, as the same user."""
        user, group = self._who()
        pid = self._entered(int(user))
        inside = ["nsenter", "--target", str(pid), "--mount", "--uts", "--root", "--wd"]
        dropped = ["--clear-groups", "--no-new-privs", "--bounding-set", "-all", "--inh-caps", "-all"]
        return [*inside, "setpriv", "--reuid", user, "--regid", group, *dropped, "env", "-i", *self._env, *words]

    def _entered(self, user: int) -> int:
        """Its process, once it is in its place: it becomes its user last of all. LookupError when it does not run."""
        while self._process is not None and self._process.running:
            if Path(f"/proc/{self._process.pid}").stat().st_uid == user:
                return self._process.pid
            time.sleep(0.05)
        raise LookupError(f"{self.name} does not run")

    def _security(self) -> Json:
        return dict(self._pod["spec"].get("securityContext", {}) | self._told.get("securityContext", {}))

    def _who(self) -> tuple[str, str]:
        security = self._security()
        return str(security.get("runAsUser", 10001)), str(security.get("runAsGroup", 10001))

    def _sandbox(self, root: Path) -> list[str]:
        user, group = self._who()
        mounts = self._folder / "mounts"
        mounts.write_text(
            "".join(f"{self._source(each)}\t{each['mountPath']}\t{_mode(each)}\n" for each in self._mounts())
        )
        mode = "ro" if self._security().get("readOnlyRootFilesystem") else "rw"
        hostname = self._pod["metadata"]["name"][:63]
        workdir = self._told.get("workingDir", TMP)
        script = str(HERE / "node_sandbox.sh")
        box = ["unshare", "--mount", "--uts", script, str(root), str(mounts), hostname]
        return [*box, mode, user, group, workdir]

    def _mounts(self) -> Sequence[Json]:
        return sorted(self._told.get("volumeMounts", ()), key=lambda each: len(each["mountPath"]))

    def _source(self, mount: Json) -> Path:
        folder: Path = self._volumes.folder_of(mount["name"]) / mount.get("subPath", "")
        if not folder.exists():
            folder.mkdir(parents=True)
        return folder

    def step(self, restart: str) -> None:
        """Takes note of its end, starts it again where the policy says so, asks its probes."""
        if self.running:
            self._probe()
        elif self._process is None or self._shall_restart(restart):
            self._start_when_due()

    def _shall_restart(self, policy: str) -> bool:
        if not self.last or self.last["startedAt"] != self._began:
            self._note_end()
        return policy == "Always" or (policy == "OnFailure" and self.exit_code != 0)

    def _start_when_due(self) -> None:
        if time.monotonic() < self._again_at:
            return
        if self._process is not None:
            self.restarts += 1
        try:
            self.start()
        except LookupError as error:
            self._waiting, self._again_at = f"CreateContainerConfigError: {error}", time.monotonic() + 1

    def _note_end(self) -> None:
        if self._process:
            self._process.kill()  # and what it may have left of its group
        self._ended, self.ready, self._waiting = now(), False, "CrashLoopBackOff"
        pause = min(LONGEST_PAUSE_S, 2.0 ** min(self.restarts, 5))
        self._again_at = time.monotonic() + pause
        self.last = self._terminated()

    def _probe(self) -> None:
        startup, live, ready = (self._probes.get(f"{kind}Probe") for kind in ("startup", "liveness", "readiness"))
        if startup and not self.started:
            startup.ask()
            self.started = startup.passed is True
            if startup.passed is False:
                self.stop(float(self._told.get("terminationGracePeriodSeconds", 10)))
            if not self.started:
                return
        self.started = True
        for probe in (live, ready):
            if probe:
                probe.ask()
        self.ready = ready.passed is True if ready else True
        if live and live.passed is False:
            self.stop(30)

    def begin_stop(self) -> None:
        """SIGTERM."""
        if self._process:
            self._process.signal(signal.SIGTERM)

    def pre_stop_s(self) -> float:
        """How long it is to go on before SIGTERM, by its preStop sleep."""
        hook = self._told.get("lifecycle", {}).get("preStop", {})
        return float(hook.get("sleep", {}).get("seconds", 0))

    def stop(self, grace_s: float) -> None:
        """SIGTERM, up to the grace period, SIGKILL."""
        if self._process and self._process.running:
            self._process.stop(grace_s=grace_s)
            self._note_end()

    def _terminated(self) -> Json:
        code = self.exit_code or 0
        reason = "Completed" if code == 0 else "Error"
        return {"exitCode": code, "reason": reason, "startedAt": self._began, "finishedAt": self._ended or now()}

    def status(self, restart: str) -> Json:
        """Its entry in the pod's containerStatuses."""
        state: dict[str, Any]
        ended = self.exit_code is not None
        if self.running:
            state = {"running": {"startedAt": self._began}}
        elif ended and not (restart == "Always" or (restart == "OnFailure" and self.exit_code)):
            state = {"terminated": self.last or self._terminated()}
        else:
            reason, _, message = self._waiting.partition(": ")
            state = {"waiting": {"reason": reason or "CrashLoopBackOff", "message": message}}
        return {
            "name": self.name,
            "image": self._told["image"],
            "imageID": "",
            "ready": self.ready and self.running,
            "started": self.started and self.running,
            "restartCount": self.restarts,
            "state": state,
            "lastState": {"terminated": self.last} if self.last and "terminated" not in state else {},
        }


def _mode(mount: Json) -> str:
    return "ro" if mount.get("readOnly") else "rw"


def now() -> str:
    """As Kubernetes writes times."""
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def may_isolate() -> bool:
    """Whether this machine lets us make sandboxes: root on Linux, with unshare and setpriv."""
    return os.geteuid() == 0
