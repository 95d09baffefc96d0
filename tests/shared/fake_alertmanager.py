"""Alertmanager's silences in memory."""

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import httpx


@dataclass
class FakeAlertmanager:
    """Keeps silences as Alertmanager does."""

    held: list[dict[str, Any]] = field(default_factory=list)
    answer: Callable[[], httpx.Response] | None = None
    tokens: set[str | None] = field(default_factory=set)

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.tokens.add(request.headers.get("Authorization"))
        if self.answer:
            return self.answer()
        match request.method, request.url.path:
            case "GET", "/api/v2/silences":
                return httpx.Response(200, json=self.held)
            case "POST", "/api/v2/silences":
                return self._put(json.loads(request.content))
            case "DELETE", path:
                self._one(path.rpartition("/")[2])["status"] = {"state": "expired"}
                return httpx.Response(200)
        return httpx.Response(404)

    def _put(self, body: dict[str, Any]) -> httpx.Response:
        if "id" in body:
            self._one(body["id"]).update(body)
        else:
            self.held.append(body | {"id": f"s{len(self.held)}", "status": {"state": "active"}})
        return httpx.Response(200, json={"silenceID": body.get("id", self.held[-1]["id"])})

    def _one(self, name: str) -> dict[str, Any]:
        return next(each for each in self.held if each["id"] == name)

    @property
    def active(self) -> list[dict[str, Any]]:
        return [each for each in self.held if each["status"]["state"] == "active"]
