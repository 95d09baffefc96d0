"""A webhook that counts which pages it was told."""

import http.server
import json
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any


class Paged:
    """How often each page was accepted, by its id."""

    def __init__(self) -> None:
        self.url = ""
        self.told: Counter[str] = Counter()


@contextmanager
def receiver() -> Iterator[Paged]:
    """One that listens, and accepts whatever comes."""
    paged, lock = Paged(), threading.Lock()

    class Receiver(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(length := int(self.headers["Content-Length"]))
            if len(body) < length:
                return  # whoever called was killed while calling
            with lock:
                paged.told.update(page["id"] for page in json.loads(body)["pages"])
            self.send_response(204)
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Receiver) as server:
        paged.url = f"http://127.0.0.1:{server.server_address[1]}/"
        thread = threading.Thread(target=server.serve_forever, args=(0.1,))
        thread.start()
        yield paged
        server.shutdown()
        thread.join()
