"""A Job is followed to its end through whatever Kubernetes, its node and its log do meanwhile."""

import time
from dataclasses import dataclass, field
from typing import Any

import pytest

from andon.errors import Broken
from andon.records import JobPhase
from andon_training.jobs.api import Conflict, Invalid, Json, KubernetesError, NotAllowed, NotFound
from andon_training.jobs.cluster_job import LAST_READS, QUIET_S, ClusterJob
from andon_training.jobs.settings import JobsSettings
from andon_training.jobs.shop import Shop
from andon_training.jobs.template import Bounds
from andon_training.jobs.worker import Kind, Task

TEMPLATE = """
apiVersion: batch/v1
kind: Job
spec: {template: {spec: {restartPolicy: Never, containers: [{name: training}]}}}
"""
LINE = "2026-03-02T14:00:00.00000000{n}Z {n}\n"


@dataclass
class Fake:
    """A cluster in memory. What is raised by `refuses` is what it answers."""

    jobs: dict[str, Json] = field(default_factory=dict)
    state: Json = field(default_factory=dict)
    conditions: list[Json] = field(default_factory=list)
    said: str = ""
    refuses: dict[str, Exception] = field(default_factory=dict)

    def config_map(self, name: str) -> Json:
        self._answer("config_map")
        return {"metadata": {"name": name, "uid": "u"}, "data": {"job.yaml": TEMPLATE}}

    def create_job(self, body: Json, *, dry_run: bool = False) -> Json:
        self._answer("create_job")
        name = body["metadata"]["name"]
        if name in self.jobs:
            raise Conflict("it is there")
        if not dry_run:
            self.jobs[name] = body
        return body

    def job(self, name: str) -> Json:
        self._answer("job")
        if name not in self.jobs:
            raise NotFound("there is none")
        return self.jobs[name] | {"status": {"conditions": self.conditions}}

    def delete_job(self, name: str) -> None:
        self.jobs.pop(name, None)

    def pods(self, job: str) -> list[Json]:
        if not self.state:
            return []
        limits = self.jobs[job]["spec"]["template"]["spec"]["containers"][0]["resources"]["limits"]
        waits = [{"type": "PodScheduled", "reason": "Unschedulable", "message": "0/1 nodes"}]
        status: Json = {"conditions": waits} if self.state == {"waiting": {}} else {}
        told = [{"name": "training", "state": self.state}]
        containers = [{"name": "training", "resources": {"limits": limits}}]
        return [
            {
                "metadata": {"name": "pod"},
                "spec": {"containers": containers},
                "status": status | {"containerStatuses": told},
            }
        ]

    def log(self, pod: str, container: str, since_s: int | None = None) -> str:
        assert (pod, container) == ("pod", "training")
        self._answer("log")
        return self.said

    def end(self, condition: str = "Complete") -> None:
        self.state = {"terminated": {"exitCode": 0}}
        self.conditions = [{"type": condition, "status": "True"}]

    def _answer(self, what: str) -> None:
        if what in self.refuses:
            raise self.refuses[what]


class World:
    """A cluster, a clock, and a job that is looked at turn by turn."""

    def __init__(self, **settings: Any) -> None:
        self.now = 0.0
        self.cluster = Fake()
        self.settings = JobsSettings(runner="kubernetes", template="t", **settings)
        self.job = self.begin()

    def begin(self, *, trains: bool = False) -> ClusterJob:
        """Not on a thread: its turns are ours to make."""
        bounds = dict.fromkeys(Kind, Bounds(900, 4096))
        shop = Shop(self.cluster, self.settings, bounds, lambda: self.now, look_s=0)
        return ClusterJob(shop, Task(Kind.REQUEST, "r-1", "weld-07", "{}", trains=trains))

    def turn(self, seconds: float = 2) -> None:
        self.now += seconds
        self.job.turn()


@pytest.fixture
def world() -> World:
    return World()


def test_it_is_made_then_waits_then_runs_then_is_done_and_every_line_is_handed_over_once(world: World) -> None:
    world.turn()
    assert world.job.report.phase is JobPhase.PENDING
    world.cluster.state, world.cluster.said = {"running": {}}, LINE.format(n=1)
    world.turn()
    assert (world.job.report.phase, world.job.lines()) == (JobPhase.RUNNING, ["1"])
    world.cluster.said += LINE.format(n=2)
    world.cluster.end()
    world.turn()
    assert (world.job.report.phase, world.job.lines()) == (JobPhase.DONE, ["2"])
    assert world.job.ended is not None


def test_a_job_that_is_there_is_adopted_and_its_log_read_from_the_beginning(world: World) -> None:
    world.turn()
    world.cluster.state, world.cluster.said = {"running": {}}, LINE.format(n=1)
    world.turn()
    world.job = world.begin()
    world.turn()
    assert world.job.lines() == ["1"]
    assert len(world.cluster.jobs) == 1


def test_that_no_pod_is_there_yet_is_told_only_when_it_lasts(world: World) -> None:
    world.turn()
    assert world.job.report.why == ""
    world.turn(QUIET_S + 1)
    assert "no pod has been made yet" in world.job.report.why


def test_the_last_words_are_waited_for_where_the_log_cannot_be_read(world: World) -> None:
    world.turn()
    world.cluster.end()
    world.cluster.refuses["log"] = KubernetesError("the node does not answer")
    world.turn()
    assert world.job.ended is None
    world.cluster.refuses.clear()
    world.cluster.said = LINE.format(n=1)
    world.turn()
    assert (world.job.ended is not None, world.job.lines()) == (True, ["1"])


def test_they_are_not_waited_for_for_ever(world: World) -> None:
    world.turn()
    world.cluster.end()
    world.cluster.refuses["log"] = KubernetesError("the node is gone")
    for _ in range(LAST_READS):
        world.turn()
    assert world.job.ended is not None
    assert world.job.ended.ours


def test_while_the_api_is_away_it_goes_on_and_says_so(world: World) -> None:
    world.turn()
    world.cluster.refuses["job"] = KubernetesError("the Kubernetes API does not answer: refused")
    thread_like(world.job, turns=3)
    assert world.job.ended is None
    assert "does not answer" in world.job.report.why


def test_what_waiting_does_not_mend_ends_it_in_words() -> None:
    for error in (NotAllowed("the Role is too small"), Invalid("spec.template: not so")):
        world = World()
        world.cluster.refuses["create_job"] = error
        world.job.run()
        assert world.job.ended is not None
        assert world.job.ended.problem == str(error)
        assert world.job.ended.ours


def test_what_waits_for_a_gpu_gets_a_job_without_after_a_while_and_says_so() -> None:
    world = World(gpu="preferred", gpu_wait_s=120)
    world.job = world.begin(trains=True)
    world.cluster.state = {"waiting": {}}
    world.turn()
    (first,) = world.cluster.jobs
    world.turn(121)
    world.turn()
    (second,) = world.cluster.jobs
    assert (first.endswith("-gpu"), second.endswith("-gpu")) == (True, False)
    world.cluster.state = {"running": {}}
    world.turn()
    assert world.job.report.why == "No GPU was free for 120 s, so it does without one."


def test_what_must_have_a_gpu_waits_until_it_is_given_up() -> None:
    world = World(gpu="required", gpu_wait_s=10, pending_s=600)
    world.job = world.begin(trains=True)
    world.cluster.state = {"waiting": {}}
    world.turn()
    world.turn(300)
    assert [name.endswith("-gpu") for name in world.cluster.jobs] == [True]
    world.turn(301)
    assert world.job.ended is not None
    assert "had not begun after 600 s: no node takes it" in world.job.ended.problem


def test_what_a_gpu_does_not_help_asks_for_none() -> None:
    world = World(gpu="required")
    world.turn()
    (name,) = world.cluster.jobs
    assert not name.endswith("-gpu")


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_mistake_of_ours_ends_the_trainer_rather_than_leave_a_request_at_work_for_ever(world: World) -> None:
    world.cluster.refuses["job"] = ZeroDivisionError()
    world.job.start()
    with pytest.raises(Broken, match="nobody follows job"):
        look_until_it_ends(world.job)


def look_until_it_ends(job: ClusterJob) -> None:
    """As the trainer's loop does."""
    deadline = time.monotonic() + 10
    while job.ended is None and time.monotonic() < deadline:
        time.sleep(0.005)


def thread_like(job: ClusterJob, turns: int) -> None:
    """Turns as the thread makes them, so many."""
    left = iter([False] * turns + [True])
    job._left.is_set = lambda: next(left)  # type: ignore[method-assign]
    job.run()
