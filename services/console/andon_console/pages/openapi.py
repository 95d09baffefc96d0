"""The console's routes for programs: an OpenAPI document, for whoever may look at the pages."""

from fastapi import APIRouter, FastAPI
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from andon_console.safe.asked import Viewer

router = APIRouter()


@router.get("/openapi.json", include_in_schema=False)
def openapi(request: Request, _person: Viewer) -> Response:
    """The document."""
    app: FastAPI = request.app
    return JSONResponse(app.openapi())
