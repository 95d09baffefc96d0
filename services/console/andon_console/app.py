"""The console as an ASGI application."""

from fastapi import APIRouter, FastAPI
from starlette.middleware.gzip import GZipMiddleware

from andon.run import andon_version
from andon_console.pages import (
    acts,
    audit,
    board,
    browse,
    drifting,
    frames,
    incident,
    incidents,
    letter,
    letters,
    live,
    live_board,
    models,
    models_at,
    models_bundle,
    models_compare,
    models_threshold,
    openapi,
    rates,
    review,
    reviewed,
    sign_in,
    station,
    verdicts,
)
from andon_console.pages.errors import add_errors
from andon_console.pages.static import Kept
from andon_console.safe.door import Door
from andon_console.safe.guarded import Guarded
from andon_console.safe.roster import Roster
from andon_console.safe.streams import Streams
from andon_console.safe.tries import Tries
from andon_console.world import World

ROUTERS: tuple[APIRouter, ...] = (
    incidents.router,
    incident.router,
    acts.router,
    verdicts.router,
    models.router,
    models_compare.router,
    models_threshold.router,
    models_at.router,
    models_bundle.router,
    board.router,
    frames.router,
    station.router,
    drifting.router,
    browse.router,
    live_board.router,
    live.router,
    sign_in.router,
    audit.router,
    review.router,
    rates.router,
    reviewed.router,
    letters.router,
    letter.router,
    openapi.router,
)


def build_app(world: World, roster: Roster) -> FastAPI:
    """All routes over one world. Everything but signing in asks who it is (`andon_console.safe.asked`)."""
    app = Guarded(world.settings.console, title="Andon console", version=andon_version())
    app.state.world = world
    app.state.roster = roster
    app.state.tries = Tries()
    app.state.refusals = Tries()
    app.state.streams = Streams()
    app.state.door = Door(world.settings.console, roster)
    for router in ROUTERS:
        app.include_router(router)
    app.mount("/static", Kept())
    add_errors(app)
    app.add_middleware(GZipMiddleware, minimum_size=2000, compresslevel=5)
    return app
