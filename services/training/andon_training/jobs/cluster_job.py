"""Work done by a Kubernetes Job: made or adopted, followed, its log read. A thread each; the trainer's loop goes on."""

import threading

import structlog

from andon.errors import AndonError, Broken, Mistake
from andon.records import JobPhase
from andon_training.jobs.api import Conflict, Invalid, KubernetesError, NotAllowed, NotFound
from andon_training.jobs.log import LogReading
from andon_training.jobs.shop import Shop
from andon_training.jobs.standing import Standing, deleted, standing
from andon_training.jobs.template import CONTAINER
from andon_training.jobs.worker import Ended, Kind, Report, Task

QUIET_S = 10.0  # a pod may take so long to be made before anybody is told
LAST_READS = 5  # of a log that cannot be read, once its Job has ended
FOR_CHECKING = Task(Kind.REQUEST, "check", "check", "{}")


class ClusterJobs:
    """Begins Jobs."""

    def __init__(self, shop: Shop) -> None:
        self._shop = shop

    def check(self) -> None:
        """Has Kubernetes check a Job of the template, which is not made.

        Raises Mistake with what is wrong with the template, Broken where Kubernetes does not answer or allow it.
        """
        try:
            self._shop.make(FOR_CHECKING, with_gpu=False, dry_run=True)
        except Invalid as error:
            raise Mistake(f"ConfigMap {self._shop.template}, job.yaml: {error}") from None

    def begin(self, task: Task) -> "ClusterJob":
        """The Job that does it, made soon, or adopted."""
        job = ClusterJob(self._shop, task)
        job.start()
        return job


class ClusterJob:
    """One Job. The thread writes what it sees; any other may read it."""

    def __init__(self, shop: Shop, task: Task) -> None:
        self._shop = shop
        self._task = task
        self._gpu = task.trains and shop.settings.gpu != "never"
        self._thread: threading.Thread | None = None
        self._left = threading.Event()
        self._lock = threading.Lock()
        self._log = LogReading()
        self._last_reads = 0
        self._waits_since: float | None = None
        self._job: str | None = None
        self._note = ""
        self._report = Report(JobPhase.WAITING)  # until it was looked at
        self._ended: Ended | None = None
        self._lines: list[str] = []

    @property
    def report(self) -> Report:
        """As it was last seen."""
        return self._report

    @property
    def ended(self) -> Ended | None:
        """How it ended, once its log was read to the end. Raises Broken where nobody looks at it any more."""
        thread, ended = self._thread, self._ended
        if ended is None and thread is not None and not (thread.is_alive() or self._left.is_set() or self._ended):
            raise Broken(f"nobody follows job {self._job} any more: a mistake of Andon's; its traceback is above")
        return ended

    def lines(self) -> list[str]:
        """What was read of its log since."""
        with self._lock:
            lines, self._lines = self._lines, []
        return lines

    def leave(self) -> None:
        """Looks no more; the Job runs on."""
        self._left.set()

    def start(self) -> None:
        """Looks at it on a thread of its own."""
        self._thread = threading.Thread(target=self.run, name=f"job-{self._task.key}", daemon=True)
        self._thread.start()

    def run(self) -> None:
        """Looks every moment, until it has ended or nobody waits. What cannot be mended by waiting ends it in words."""
        while not self._left.is_set() and self._ended is None:
            try:
                self.turn()
            except (NotAllowed, Invalid, Mistake) as error:
                self._end(Ended(str(error), ours=not isinstance(error, Mistake)))
            except KubernetesError as error:
                self._tell(Report(self._report.phase, str(error)))
            except AndonError as error:
                self._end(Ended(str(error), ours=isinstance(error, Broken)))
            self._left.wait(self._shop.look_s)

    def turn(self) -> None:
        """Makes the Job if need be, and looks at it."""
        if self._job is None:
            self._job = self._made()
        seen = self._seen(self._job)
        if not seen.begun and seen.ended is None:
            self._wait(self._job, seen)
            return
        read = self._read(seen)
        self._tell(Report(seen.report.phase, seen.report.why or self._note))
        if seen.ended is not None and (read or self._last_reads >= LAST_READS):
            self._ended = seen.ended

    def _made(self) -> str:
        """The name of the Job, made now or before. The one without a GPU comes first: it may stand in for the other."""
        shop, task = self._shop, self._task
        if self._gpu and self._exists(shop.named(task, with_gpu=False)):
            self._gpu = False
        name, adopted = shop.named(task, with_gpu=self._gpu), False
        try:
            shop.make(task, with_gpu=self._gpu)
        except Conflict:
            adopted = True
        about = {"job": name, "station": task.station, "adopted": adopted, "gpu": self._gpu}
        structlog.get_logger().info("job_begun", **about)
        return name

    def _exists(self, name: str) -> bool:
        try:
            self._shop.cluster.job(name)
        except NotFound:
            return False
        return True

    def _seen(self, name: str) -> Standing:
        try:
            job = self._shop.cluster.job(name)
        except NotFound:
            return deleted(name)
        return standing(job, self._shop.cluster.pods(name))

    def _wait(self, name: str, seen: Standing) -> None:
        """What waits too long for a GPU does without, where it may; what waits too long for anything is given up."""
        settings, now = self._shop.settings, self._shop.clock()
        since = self._waits_since = now if self._waits_since is None else self._waits_since
        why = seen.report.why if seen.pod or now - since > QUIET_S else ""
        self._tell(Report(seen.report.phase, why or self._note))
        if seen.wants_gpu and settings.gpu == "preferred" and now - since > settings.gpu_wait_s:
            self._delete(name)
            self._gpu, self._job, self._waits_since = False, None, None
            self._note = f"No GPU was free for {settings.gpu_wait_s:.0f} s, so it does without one."
        elif now - since > settings.pending_s:
            self._delete(name)
            why = seen.report.why or "nobody says why"
            self._end(Ended(f"its Job had not begun after {settings.pending_s:.0f} s: {why}", ours=True))

    def _delete(self, name: str) -> None:
        try:
            self._shop.cluster.delete_job(name)
        except NotFound:
            return

    def _read(self, seen: Standing) -> bool:
        """Whether its log could be read; once it has ended, to its end."""
        if seen.pod is None:
            return True
        now = self._shop.clock()
        try:
            text = self._shop.cluster.log(seen.pod, CONTAINER, self._log.since(now))
        except NotAllowed:
            raise
        except KubernetesError as error:  # its node is away for a moment, or for good
            self._last_reads += seen.ended is not None
            structlog.get_logger().warning("job_log_unread", job=self._job, error=str(error))
            return False
        lines = self._log.take(text, now, last=seen.ended is not None)
        with self._lock:
            self._lines += lines
        return True

    def _tell(self, report: Report) -> None:
        if report != self._report:
            about = {"job": self._job, "station": self._task.station, "phase": report.phase.value, "why": report.why}
            structlog.get_logger().info("job_phase", **about)
        self._report = report

    def _end(self, ended: Ended) -> None:
        self._tell(Report(JobPhase.FAILED, ended.problem))
        self._ended = ended
