"""A webhook on this machine: who hears what is posted decides how it is answered."""

import http.server
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any


@contextmanager
def listening(hear: Callable[[bytes], tuple[int, float | None]]) -> Iterator[str]:
    """Its address. `hear` gets one whole body at a time, and answers with a status, and a Retry-After in seconds."""
    lock = threading.Lock()

    class Receiver(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(length := int(self.headers["Content-Length"]))
            if len(body) < length:
                return  # whoever called was killed while calling
            with lock:
                status, retry_after = hear(body)
            self.send_response(status)
            if retry_after is not None:
                self.send_header("Retry-After", str(round(retry_after)))
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Receiver) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.1,))
        thread.start()
        yield f"http://127.0.0.1:{server.server_address[1]}/"
        server.shutdown()
        thread.join()
