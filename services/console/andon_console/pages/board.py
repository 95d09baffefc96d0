"""The andon board: one tile a station."""

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from andon_console.pages.paper import Seen, page
from andon_console.safe.asked import Viewer

router = APIRouter()


@router.get("/")
def board(request: Request, world: Seen, _person: Viewer) -> Response:
    """Every station."""
    return page(request, "board.html.j2", stations=world.stations.all())
