"""The few questions that the trainer asks the Kubernetes API, each with a time limit; answers are plain JSON.

Every failure is a Broken in words. Its kinds say what may be done about it.
"""

import json
from collections.abc import Mapping
from typing import Any

import urllib3
from kubernetes.client import ApiClient, Configuration

from andon.errors import Broken

TIMEOUT_S = 5.0
TAIL_LINES = 5000
LOG_BYTES = 8 * 1024 * 1024
Json = dict[str, Any]
JOBS = "/apis/batch/v1/namespaces/{namespace}/jobs"
LEASES = "/apis/coordination.k8s.io/v1/namespaces/{namespace}/leases"
CORE = "/api/v1/namespaces/{namespace}"
GONE, CONFLICT = 404, 409
NONE: Mapping[str, Any] = {}


class KubernetesError(Broken):
    """The API refused, or did not answer."""


class NotAllowed(KubernetesError):
    """The service account may not do that, or is not known."""


class NotFound(KubernetesError):
    """There is no such thing."""


class Conflict(KubernetesError):
    """It is there already, or somebody has changed it since it was read."""


class Invalid(KubernetesError):
    """What was sent is refused, whoever sends it."""


KINDS = {401: NotAllowed, 403: NotAllowed, GONE: NotFound, CONFLICT: Conflict, 400: Invalid, 422: Invalid}


class Api:
    """One namespace of one cluster. Any thread may ask."""

    def __init__(self, configuration: Configuration, namespace: str, timeout_s: float = TIMEOUT_S) -> None:
        configuration.retries = urllib3.Retry(0)  # who asks knows whether to ask again
        self._client = ApiClient(configuration)
        self._timeout_s = timeout_s
        self.namespace = namespace

    def config_map(self, name: str) -> Json:
        """The ConfigMap."""
        return self._json("GET", f"{CORE}/configmaps/{{name}}", name)

    def create_job(self, body: Json, *, dry_run: bool = False) -> Json:
        """Makes a Job, or with `dry_run` has it checked by whoever would check it. Fields nobody knows are refused."""
        query = {"fieldValidation": "Strict"} | ({"dryRun": "All"} if dry_run else {})
        return self._json("POST", JOBS, body=body, query=query)

    def job(self, name: str) -> Json:
        """The Job."""
        return self._json("GET", f"{JOBS}/{{name}}", name)

    def delete_job(self, name: str) -> None:
        """Deletes the Job, and its pods behind it."""
        self._json("DELETE", f"{JOBS}/{{name}}", name, query={"propagationPolicy": "Background"})

    def pods(self, job: str) -> list[Json]:
        """The pods of a Job."""
        found = self._json("GET", f"{CORE}/pods", query={"labelSelector": f"batch.kubernetes.io/job-name={job}"})
        return list(found.get("items") or ())

    def log(self, pod: str, container: str, since_s: int | None = None) -> str:
        """Its last lines, each behind the moment when it was said; `since_s` asks for those of the last seconds."""
        query = {"container": container, "timestamps": "true", "tailLines": TAIL_LINES, "limitBytes": LOG_BYTES}
        since = {} if since_s is None else {"sinceSeconds": since_s}
        return self._ask("GET", f"{CORE}/pods/{{name}}/log", pod, query=query | since).decode(errors="replace")

    def lease(self, name: str) -> Json:
        """The Lease."""
        return self._json("GET", f"{LEASES}/{{name}}", name)

    def create_lease(self, body: Json) -> Json:
        """Makes a Lease."""
        return self._json("POST", LEASES, body=body)

    def replace_lease(self, name: str, body: Json) -> Json:
        """Writes a Lease. Raises Conflict where it is not as `body` says it was read."""
        return self._json("PUT", f"{LEASES}/{{name}}", name, body=body)

    def close(self) -> None:
        """Gives its connections back."""
        self._client.rest_client.close()

    def _json(self, method: str, path: str, name: str = "", **asked: Any) -> Json:
        answer = json.loads(self._ask(method, path, name, **asked))
        return answer if isinstance(answer, dict) else {}

    def _ask(
        self,
        method: str,
        path: str,
        name: str = "",
        *,
        body: Json | None = None,
        query: Mapping[str, Any] = NONE,
    ) -> bytes:
        what = path.format(namespace=self.namespace, name=name)
        request = self._client.param_serialize(
            method,
            what,
            query_params=list(query.items()),
            header_params={"Accept": "application/json, */*", "Content-Type": "application/json"},
            body=body,
            auth_settings=["BearerToken"],
        )
        try:
            answer = self._client.call_api(*request, _request_timeout=self._timeout_s)
            data: bytes = answer.read() or b""
        except (urllib3.exceptions.HTTPError, OSError) as error:
            raise KubernetesError(f"the Kubernetes API does not answer: {_short(error)}") from None
        if answer.status < 300:
            return data
        raise refusal(answer.status, data, f"{method} {what}")


def refusal(status: int, data: bytes, asked: str) -> KubernetesError:
    """What an answer says that is none, in words."""
    said = _message(data) or f"status {status}"
    kind = KINDS.get(status, KubernetesError)
    if kind is NotAllowed:
        return NotAllowed(
            f"Kubernetes does not allow {asked}: {said}. Unless a quota is full, the trainer's Role is too small: "
            "docs/trainer.md, 'On Kubernetes', has what it must allow"
        )
    return kind(f"Kubernetes refuses {asked}: {said}")


def _message(data: bytes) -> str:
    try:
        found = json.loads(data)
    except ValueError:
        return data[:200].decode(errors="replace").strip()
    return str(found.get("message", ""))[:500] if isinstance(found, dict) else ""


def _short(error: Exception) -> str:
    reason = getattr(error, "reason", None) or error
    return str(reason).rsplit(": ", 1)[-1][:200]
