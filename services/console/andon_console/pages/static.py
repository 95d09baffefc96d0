"""Scripts and styles; nothing secret, so nobody needs to sign in for them."""

from starlette.responses import Response
from starlette.staticfiles import StaticFiles
from starlette.types import Scope

from andon_console.pages.paper import STATIC


class Kept(StaticFiles):
    """Files; those whose address changes with them are kept by browsers for ever."""

    def __init__(self) -> None:
        super().__init__(directory=STATIC)

    async def get_response(self, path: str, scope: Scope) -> Response:
        """The file."""
        answer = await super().get_response(path, scope)
        versioned = b"v=" in scope["query_string"]  # what scripts import of each other is not; it is asked for anew
        answer.headers["Cache-Control"] = "public, max-age=31536000, immutable" if versioned else "no-cache"
        return answer
