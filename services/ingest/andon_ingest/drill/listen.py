"""A receiver for Alertmanager's own notifications of drills: when each incident's arrived.

It takes what Alertmanager posts (webhook version 4, https://prometheus.io/docs/alerting/latest/configuration/).
"""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from andon.errors import Mistake
from andon.run import utc_now

MOST_BYTES = 4 * 1024 * 1024
PAUSE_S = 10.0


def address(text: str) -> tuple[str, int]:
    """HOST:PORT. Raises Mistake."""
    host, colon, port = text.rpartition(":")
    if not (colon and host and port.isdecimal() and 0 < int(port) < 65536):
        raise Mistake(f"--listen {text!r}: write HOST:PORT, such as 0.0.0.0:9099")
    return host, int(port)


@contextmanager
def listening(host: str, port: int) -> Iterator[dict[str, datetime]]:
    """The times at which notifications arrive, by the label `incident`, the first of each; filled as they come.

    Raises Mistake when the address cannot be had.
    """
    arrived: dict[str, datetime] = {}
    try:
        server = ThreadingHTTPServer((host, port), _receiver(arrived))
    except OSError as error:
        raise Mistake(f"--listen {host}:{port}: {error.strerror}; another port, or who has it?") from None
    with server:
        thread = threading.Thread(target=server.serve_forever, args=(0.1,), name="listen", daemon=True)
        thread.start()
        try:
            yield arrived
        finally:
            server.shutdown()
            thread.join()


def incidents_in(body: bytes) -> list[str]:
    """The incidents that a notification tells of as firing; none where it is none."""
    try:
        told = json.loads(body)
    except ValueError:
        return []
    alerts = told.get("alerts") if isinstance(told, dict) else None
    listed = alerts if isinstance(alerts, list) else []
    firing = [each for each in listed if isinstance(each, dict) and each.get("status") == "firing"]
    labels = [each["labels"] for each in firing if isinstance(each.get("labels"), dict)]
    return [str(each["incident"]) for each in labels if "incident" in each]


def _receiver(arrived: dict[str, datetime]) -> type[BaseHTTPRequestHandler]:
    class Receiver(BaseHTTPRequestHandler):
        timeout = PAUSE_S

        def do_POST(self) -> None:
            size = self.headers.get("Content-Length", "")
            if not size.isdecimal() or int(size) > MOST_BYTES:
                self.send_error(413)
                return
            now = utc_now()
            for incident in incidents_in(self.rfile.read(int(size))):
                arrived.setdefault(incident, now)
            self.send_response(200)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            """Says nothing."""

    return Receiver
