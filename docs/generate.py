"""`make docs`: writes the reference pages and schemas beside this file, from the code they describe."""

from pathlib import Path

from generator.asyncapi import asyncapi
from generator.metrics import metrics
from generator.reasons import reasons
from generator.schemas import schemas
from generator.settings import names, settings
from generator.topics import topics

HERE = Path(__file__).parent
RUNBOOKS = sorted((HERE / "runbooks").glob("*.md"))
SHIPPED = "../services/console/andon_console/runbooks"
"""Where the console has them, to show them where there is no docs/."""


KNOWN = "../services/alerting/andon_alerting/doctor/variables.txt"
"""Where `andon doctor` looks up whether a variable is one that is read."""


def pages() -> dict[str, str]:
    """Every generated file by its path below docs/."""
    made = {
        "topics.md": topics(),
        "settings.md": settings(),
        "metrics.md": metrics(),
        "reasons.md": reasons(),
        "asyncapi.json": asyncapi(),
        KNOWN: names(),
    }
    made |= {f"{SHIPPED}/{path.name}": path.read_text() for path in RUNBOOKS if path.name != "README.md"}
    return made | {f"schemas/{name}": text for name, text in schemas().items()}


def stale() -> list[str]:
    """Schemas on disk that no model makes any more."""
    made = pages()
    return [f"schemas/{path.name}" for path in (HERE / "schemas").glob("*") if f"schemas/{path.name}" not in made]


def write() -> None:
    """Writes them all, and removes the schemas of models that are gone."""
    for name in stale():
        (HERE / name).unlink()
    for name, text in pages().items():
        (HERE / name).parent.mkdir(exist_ok=True)
        (HERE / name).write_text(text)


if __name__ == "__main__":
    write()
