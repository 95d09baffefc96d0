"""An ASGI application on a thread of its own."""

import socket
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Thread

import structlog
import uvicorn
from starlette.types import ASGIApp

from andon.errors import Mistake

ANSWER_S = 10  # time for the answers to those who still waited, at the end


@contextmanager
def serving(name: str, app: ASGIApp, host: str, port: int) -> Iterator[int]:
    """Serves while the block runs; yields the port. Requests in hand at its end are answered.

    Raises Mistake when the address cannot be had.
    """
    listener = _listen(host, port)
    config = uvicorn.Config(
        app,
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
