"""An ASGI application on a thread of its own."""

import asyncio
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Thread

import h11
import structlog
import uvicorn
from starlette.types import ASGIApp
from uvicorn.protocols.http.h11_impl import H11Protocol, RequestResponseCycle

from andon.errors import Mistake

HEAD_S = 15.0  # time for the head of a request; for its body it is whoever reads it who says how long
ANSWER_S = 10  # time for the answers to those who still waited, at the end


class Patient(H11Protocol):
    """uvicorn's own; but whoever does not come to the end of a request's head within HEAD_S (at most twice that) is
    hung up on, so that slow clients do not hold every connection there is."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Somebody is there."""
        super().connection_made(transport)
        self._look_later()

    def _look_later(self) -> None:
        self.loop.call_later(HEAD_S, self._look, self.cycle)

    def _look(self, before: RequestResponseCycle | None) -> None:
        if self.transport.is_closing():
            return
        if self.conn.their_state is h11.IDLE and self.cycle is before:
            self.transport.close()
        else:
            self._look_later()


@contextmanager
def serving(name: str, app: ASGIApp, host: str, port: int) -> Iterator[int]:
    """Serves while the block runs; yields the port. Requests in hand at its end are answered.

    Raises Mistake when the address cannot be had.
    """
    listener = _listen(host, port)
    config = uvicorn.Config(
        app,
        http=Patient,
        log_config=None,
        access_log=False,
        lifespan="off",
        ws="none",
        server_header=False,
        timeout_graceful_shutdown=ANSWER_S,
    )
    server = uvicorn.Server(config)
    thread = Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True, name=name)
    thread.start()
    bound = int(listener.getsockname()[1])
    structlog.get_logger().info("serving", what=name, host=host, port=bound)
    try:
        yield bound
    finally:
        server.should_exit = True
        thread.join(ANSWER_S + 2)
        listener.close()


def _listen(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        listener = socket.create_server((host, port), family=family, backlog=512)
        # asyncio sets it only where proto says TCP, and create_server leaves proto 0: answers took 40 ms
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return listener
    except OSError as error:
        raise Mistake(f"cannot listen on {host}:{port}: {error.strerror}; choose another with --port") from None
