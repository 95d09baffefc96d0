"""The console as an ASGI application."""

from fastapi import APIRouter, FastAPI
from starlette.middleware.gzip import GZipMiddleware

from andon.run import andon_version
from andon_console.pages import board, live, sign_in
from andon_console.pages.errors import add_errors
from andon_console.pages.static import Kept
from andon_console.safe.door import Door
from andon_console.safe.headers import SecurityHeaders
from andon_console.safe.roster import Roster
from andon_console.safe.tries import Tries
from andon_console.world import World

ROUTERS: tuple[APIRouter, ...] = (board.router, live.router, sign_in.router)


def build_app(world: World, roster: Roster) -> FastAPI:
    """All routes over one world. Everything but signing in asks who it is (`andon_console.safe.asked`)."""
    app = FastAPI(title="Andon console", version=andon_version(), docs_url=None, redoc_url=None)
    app.state.world = world
    app.state.roster = roster
    app.state.tries = Tries()
    app.state.door = Door(world.settings.console, roster)
    for router in ROUTERS:
        app.include_router(router)
    app.mount("/static", Kept())
    add_errors(app)
    app.add_middleware(GZipMiddleware, minimum_size=2000)
    app.add_middleware(SecurityHeaders, https=world.settings.console.is_https)
    return app
