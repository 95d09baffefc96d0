"""What the API server asks a kubelet for, over HTTPS: the logs of containers (`kubectl logs`), and `kubectl exec`."""

import http.server
import ssl
import threading
import time
import urllib.parse
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from node_container import Container
from node_exec import PROTOCOL, accept, frames

Find = Callable[[str, str, str], Container | None]


@contextmanager
def serve(find: Find, certificate: Path, key: Path) -> Iterator[int]:
    """Serves while the block runs; yields the port.

    Of /containerLogs/NAMESPACE/POD/CONTAINER `tailLines`, `limitBytes`, `previous` and `follow` are understood. Lines
    have no time of their own here, so `timestamps` and `sinceSeconds` change nothing. /exec/... takes no input.
    """

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked = urllib.parse.urlsplit(self.path)
            query = urllib.parse.parse_qs(asked.query)
            what, *names = asked.path.strip("/").split("/")
            found = find(*names[:3]) if len(names) == 3 else None
            if found is not None and what == "containerLogs":
                self._logs(found, {name: values[-1] for name, values in query.items()})
            elif found is not None and what == "exec" and found.running:
                self._exec(found, query["command"])
            else:
                self.send_error(404, "no such container")

        def _logs(self, container: Container, query: dict[str, str]) -> None:
            wanted = container.logs[-2:-1] if query.get("previous") == "true" else container.logs[-1:]
            if not wanted:
                return self.send_error(404, "no such log")
            self.send_response(200)
            self.send_header("Content-Type", "text/plain")
            self.end_headers()
            for chunk in _lines(wanted[0], query, container):
                self.wfile.write(chunk)
            return None

        def _exec(self, container: Container, command: list[str]) -> None:
            self.protocol_version = "HTTP/1.1"
            self.send_response(101)
            upgrade = {"Upgrade": "websocket", "Connection": "Upgrade", "Sec-WebSocket-Protocol": PROTOCOL}
            for name, value in (upgrade | {"Sec-WebSocket-Accept": accept(self.headers["Sec-WebSocket-Key"])}).items():
                self.send_header(name, value)
            self.end_headers()
            for frame in frames(container.beside(command)):
                self.wfile.write(frame)
            self.close_connection = True

        def log_message(self, *_: Any) -> None:
            pass

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
        thread = threading.Thread(target=server.serve_forever, args=(0.1,))
        thread.start()
        yield server.server_address[1]
        server.shutdown()
        thread.join()


def _lines(log: Path, query: dict[str, str], container: Container) -> Iterator[bytes]:
    with log.open("rb") as file:
        lines = file.read().splitlines(keepends=True)
        said = b"".join(lines[-int(query["tailLines"]) :] if int(query.get("tailLines", 0)) else lines)
        yield said[: int(query["limitBytes"])] if "limitBytes" in query else said
        while query.get("follow") == "true":
            running = container.running
            yield file.read()
            if not running:
                return
            time.sleep(0.1)
