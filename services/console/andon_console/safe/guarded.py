"""The walls around every route, and around whatever answers when one crashes."""

from typing import Any, cast

from fastapi import FastAPI
from starlette.types import ASGIApp

from andon_console.safe.headers import SecurityHeaders
from andon_console.safe.hosts import KnownHosts
from andon_console.safe.limits import Limits
from andon_console.settings import ConsoleGroup


class Guarded(FastAPI):
    """FastAPI whose every answer passes the walls. `add_middleware` would put them inside Starlette's own last resort,
    whose answers to a crash they would miss."""

    def __init__(self, console: ConsoleGroup, **given: Any) -> None:
        self._console = console
        super().__init__(docs_url=None, redoc_url=None, openapi_url=None, **given)

    def build_middleware_stack(self) -> ASGIApp:
        """What uvicorn calls, from the inside out."""
        inside = Limits(super().build_middleware_stack())
        walls = SecurityHeaders(KnownHosts(inside, self._console), https=self._console.is_https)
        return cast(ASGIApp, walls)
