"""What to do about a cause: its runbook, as HTML inside the console.

They are the pages of docs/runbooks, which `make docs` copies here, so that they are there wherever the console is.
"""

import re
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from markupsafe import Markup, escape

from andon.records import Cause, DriftCause

if TYPE_CHECKING:
    from markdown_it.token import Token

FOLDER = Path(__file__).parents[1] / "runbooks"
_ELSEWHERE = re.compile(r"\[([^\]]+)\]\((?!https?:)[^)]*\)")
_DOWN = {"h2": "h3", "h3": "h4"}


@cache
def runbook(cause: Cause, named: DriftCause | None = None) -> str:
    """HTML of the runbook, its headings below a page's h2; '' where there is none. What stands for the incident's own
    (`<station>`, `<incident>`, `<frame>`) is still so, escaped. Of what may have drifted only what is `named` is kept,
    and stands first.
    """
    from markdown_it import MarkdownIt

    try:
        text = (FOLDER / f"{cause.value}.md").read_text("utf-8")
    except FileNotFoundError:
        return ""
    made = MarkdownIt("commonmark", {"html": False})
    tokens = made.parse(_ELSEWHERE.sub(r"\1", about(text, named) if named else text))
    return str(made.renderer.render(_without_title(tokens), made.options, {}))


def filled(cause: Cause, own: Mapping[str, str], named: DriftCause | None = None) -> Markup:
    """The runbook with the incident's own names in its commands: `own` is by `station`, `incident`, `frame`."""
    html = runbook(cause, named)
    for name, value in own.items():
        html = html.replace(f"&lt;{name}&gt;", str(escape(value)))
    return Markup(html)  # noqa: S704  # ours, rendered without raw HTML; what is filled in is escaped


def about(text: str, named: DriftCause) -> str:
    """A runbook without the sections of what else may drift, that of `named` first."""
    title, *sections = re.split(r"(?m)^(?=## )", text)
    heads = [each.partition("\n")[0].removeprefix("## ").strip() for each in sections]
    own = [each for head, each in zip(heads, sections, strict=True) if head == named]
    rest = [each for head, each in zip(heads, sections, strict=True) if head not in list(DriftCause)]
    return "".join((title, *own, *rest))


def _without_title(tokens: "list[Token]") -> "list[Token]":
    end = next((at for at, each in enumerate(tokens) if each.type == "heading_close" and each.tag == "h1"), -1)
    for each in tokens:
        each.tag = _DOWN.get(each.tag, each.tag)
    return tokens[end + 1 :]
