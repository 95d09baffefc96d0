"""What somebody sees when it cannot be had: a sentence and what to do, never a traceback."""

from contextlib import suppress
from urllib.parse import quote

import structlog
from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from fastapi.responses import RedirectResponse
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response

from andon.errors import Broken, Invalid, Mistake
from andon.records import Did
from andon_console.pages.paper import HX_REQUEST, page
from andon_console.safe.asked import NotAllowed, NotSignedIn
from andon_console.safe.tries import Tries

WORDS = {
    403: "This is not yours to do.",
    404: "There is no such page.",
    405: "That cannot be done here.",
    410: "It is not kept any more.",
    408: "It did not arrive in time.",
    413: "That is too large.",
    422: "That cannot be understood.",
    429: "That is too much at once.",
    503: "Something Andon needs does not answer. Nothing was changed.",
}


def told(request: Request, status: int, text: str) -> Response:
    """A page for people, a sentence for parts of pages, JSON for programs."""
    if "text/html" not in request.headers.get("Accept", "") and request.headers.get(HX_REQUEST) != "true":
        return JSONResponse({"detail": text}, status)
    title = WORDS.get(status, "It went wrong.")
    return page(request, "error.html.j2", status=status, title=title, text=text)


def add_errors(app: FastAPI) -> None:
    """Handlers for all that may be raised."""

    @app.exception_handler(NotSignedIn)
    async def _nobody(request: Request, _error: NotSignedIn) -> Response:
        is_page = request.method == "GET" and "text/html" in request.headers.get("Accept", "")
        if is_page and request.headers.get(HX_REQUEST) != "true":
            wanted = request.url.path + (f"?{request.url.query}" if request.url.query else "")
            return RedirectResponse(f"/sign-in?next={quote(wanted)}", 303)
        return told(request, 401, "Sign in first; your session may have ended.")

    @app.exception_handler(NotAllowed)
    def _not_allowed(request: Request, error: NotAllowed) -> Response:
        request.state.person = error.person
        structlog.get_logger().warning("refused", by=error.person.name, path=request.url.path, why=str(error))
        _put_down(request, error)
        return told(request, 403, str(error))

    @app.exception_handler(ClientDisconnect)
    async def _gone(_request: Request, _error: ClientDisconnect) -> Response:
        return Response(status_code=408)  # nobody is there to read it

    @app.exception_handler(RequestValidationError)
    async def _odd(request: Request, error: RequestValidationError) -> Response:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"][1:]) or "the request"
        return told(request, 422, f"{where}: {first['msg']}"[:300])

    @app.exception_handler(HTTPException)
    async def _http(request: Request, error: HTTPException) -> Response:
        answer = told(request, error.status_code, str(error.detail))
        answer.headers.update(error.headers or {})
        return answer

    @app.exception_handler(Mistake)
    async def _mistake(request: Request, error: Mistake) -> Response:
        return told(request, 422, str(error))

    @app.exception_handler(Invalid)
    async def _invalid(request: Request, error: Invalid) -> Response:
        return told(request, 422, error.detail)

    @app.exception_handler(Broken)
    async def _broken(request: Request, error: Broken) -> Response:
        return told(request, 503, f"{error}. Try again in a moment.")

    @app.exception_handler(Exception)
    async def _bug(request: Request, error: Exception) -> Response:
        structlog.get_logger().error("page_crashed", path=request.url.path, error=repr(error), exc_info=error)
        return told(request, 500, "That is a mistake of Andon's; the log of the console has it.")


def _put_down(request: Request, error: NotAllowed) -> None:
    """A refusal in the audit log; of somebody who is refused without end, the console's own log has the rest."""
    refusals: Tries = request.app.state.refusals
    if refusals.may(error.person.name):
        refusals.wrong(error.person.name)
        with suppress(Broken):  # it was refused, and the log says so
            request.app.state.world.desk.write(error.person, Did.REFUSED, subject=request.url.path, detail=str(error))
