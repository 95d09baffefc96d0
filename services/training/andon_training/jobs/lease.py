"""Who alone may work: a Lease (coordination.k8s.io/v1), by the rules of client-go's leaderelection. No threads here.

* A Lease is another's until it was not seen to change for as long as it itself says it lasts, by the monotonic clock of
  whoever looks. Times that others wrote are never compared with.
* It is written only as it was read (its resourceVersion), so of two who want it one is refused.
* Who holds it counts from the moment it *asked* for the last renewal that was granted: others cannot have begun to
  count before. It gives up at RENEW_BY_S, before anybody else may take over at DURATION_S.
* Who leaves gives it back: no holder, one second.

The `kubernetes` package has one of its own (kubernetes.leaderelection, 37.0). It sets no time limit on what it asks, so
that a server that hangs lets it believe in a Lease that has passed on; counts by the wall clock; dies of a refused
connection; and never gives a Lease back.
"""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Protocol

from andon_training.jobs.api import Conflict, Json, NotFound

DURATION_S = 15
RENEW_BY_S = 10.0
RETRY_S = 2.0


class Leases(Protocol):
    """Where Leases are; `andon_training.jobs.api.Api` is one. All raise KubernetesError."""

    def lease(self, name: str) -> Json:
        """The Lease. Raises NotFound."""

    def create_lease(self, body: Json) -> Json:
        """Makes it. Raises Conflict where it is there."""

    def replace_lease(self, name: str, body: Json) -> Json:
        """Writes it. Raises Conflict where somebody has written it since it was read."""


class Claim:
    """One replica's claim to a Lease. `clock` gives seconds, of a monotonic clock; `now` is for people to read; the
    Lease goes when `owner` goes, an ownerReference."""

    def __init__(
        self,
        leases: Leases,
        name: str,
        identity: str,
        clock: Callable[[], float],
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
        owner: Json | None = None,
    ) -> None:
        self.identity = identity
        self._leases = leases
        self._name = name
        self._clock = clock
        self._now = now
        self._owned = {"ownerReferences": [owner]} if owner else {}
        self._seen: Json | None = None
        self._seen_at = 0.0
        self._renewed_at: float | None = None

    @property
    def holds(self) -> bool:
        """Whether this replica may work, at this moment."""
        return self._renewed_at is not None and self._clock() - self._renewed_at < RENEW_BY_S

    @property
    def holder(self) -> str:
        """Who held it when it was last looked at."""
        return str(_spec(self._seen or {}).get("holderIdentity") or "")

    def try_once(self) -> bool:
        """Takes the Lease or renews it; answers whether it is ours. Raises KubernetesError where nobody can tell."""
        asked_at = self._clock()
        try:
            lease = self._leases.lease(self._name)
        except NotFound:
            return self._written(asked_at, lambda: self._leases.create_lease(self._body({}, {"name": self._name})))
        self._look(lease)
        if self._is_anothers(lease):
            self._renewed_at = None
            return False
        body = self._body(_spec(lease), lease["metadata"])
        return self._written(asked_at, lambda: self._leases.replace_lease(self._name, body))

    def give_back(self) -> None:
        """Lets the next one have it at once, if it is ours. Raises KubernetesError where that cannot be said."""
        ours, self._renewed_at = self._renewed_at is not None, None
        if not ours or self._seen is None:
            return
        spec = _spec(self._seen) | {"leaseDurationSeconds": 1, "renewTime": micro_time(self._now())}
        spec.pop("holderIdentity", None)
        self._leases.replace_lease(self._name, _lease(self._seen["metadata"], spec))

    def _look(self, lease: Json) -> None:
        if self._seen is None or _spec(lease) != _spec(self._seen):
            self._seen_at = self._clock()
        self._seen = lease

    def _is_anothers(self, lease: Json) -> bool:
        spec = _spec(lease)
        holder, lasts_s = spec.get("holderIdentity"), float(spec.get("leaseDurationSeconds") or DURATION_S)
        return bool(holder) and holder != self.identity and self._clock() < self._seen_at + lasts_s

    def _written(self, asked_at: float, write: Callable[[], Json]) -> bool:
        try:
            self._look(write())
        except Conflict:  # somebody was quicker, or has touched it; what we hold, we hold until RENEW_BY_S
            return False
        self._renewed_at = asked_at
        return True

    def _body(self, spec: Json, meta: Json) -> Json:
        now, ours = micro_time(self._now()), spec.get("holderIdentity") == self.identity
        times = int(spec.get("leaseTransitions") or 0)
        given = {
            "holderIdentity": self.identity,
            "leaseDurationSeconds": DURATION_S,
            "acquireTime": spec.get("acquireTime") if ours else now,
            "renewTime": now,
            "leaseTransitions": times if ours or not spec else times + 1,
        }
        return _lease(self._owned | meta, given)


def _lease(meta: Json, spec: Json) -> Json:
    return {"apiVersion": "coordination.k8s.io/v1", "kind": "Lease", "metadata": meta, "spec": spec}


def _spec(lease: Json) -> Json:
    return dict(lease.get("spec") or {})


def micro_time(at: datetime) -> str:
    """As Kubernetes writes and wants it: six digits behind the second, always."""
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
