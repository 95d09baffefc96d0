"""The API of the cluster as the node uses it: JSON in, JSON out."""

import ssl
from typing import Any

import httpx

Json = dict[str, Any]


class Api:
    """GET, POST, PATCH and DELETE on paths below the server's URL. What is gone is None, whatever else fails raises."""

    def __init__(self, url: str, ca: str, token: str) -> None:
        trust = ssl.create_default_context(cafile=ca)
        headers = {"Authorization": f"Bearer {token}"}
        self._client = httpx.Client(base_url=url, verify=trust, headers=headers, timeout=60)

    def close(self) -> None:
        self._client.close()

    def get(self, path: str, **query: str) -> Json | None:
        """An object or a list; None where there is none."""
        return self._said(self._client.get(path, params=query))

    def items(self, path: str, **query: str) -> list[Json]:
        """What a list holds."""
        return list((self.get(path, **query) or {}).get("items") or ())

    def post(self, path: str, body: Json) -> Json | None:
        """Creates. What is there already stays (None)."""
        return self._said(self._client.post(path, json=body), gone=(404, 409))

    def patch(self, path: str, body: Json, kind: str = "strategic-merge-patch") -> Json | None:
        """Changes what is said."""
        headers = {"Content-Type": f"application/{kind}+json"}
        return self._said(self._client.patch(path, json=body, headers=headers), gone=(404, 409))

    def delete(self, path: str, body: Json) -> Json | None:
        """Deletes, with options."""
        return self._said(self._client.request("DELETE", path, json=body), gone=(404, 409))

    @staticmethod
    def _said(answer: httpx.Response, gone: tuple[int, ...] = (404,)) -> Json | None:
        if answer.status_code in gone:
            return None
        if answer.is_error:
            raise RuntimeError(f"{answer.request.method} {answer.request.url}: {answer.status_code} {answer.text}")
        return dict(answer.json())
