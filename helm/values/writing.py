"""What the chart has from elsewhere, written and compared: settings, schema, tables, copies, rendered examples."""

import json
from collections.abc import Callable, Iterable
from pathlib import Path

from values import examples, guards_files
from values.readme import readme
from values.schema import schema
from values.services import known

CHART = Path(__file__).parents[1] / "andon"
STEPS: tuple[Callable[[], dict[str, str]], ...] = (
    guards_files.files,
    lambda: {"settings.json": _json(known()), "values.schema.json": _json(schema())},
    lambda: {"README.md": readme((CHART / "README.md").read_text())},
    examples.files,
)
"""Each gives texts by their path within the chart; later ones read what earlier ones wrote."""


def stale() -> list[str]:
    """The files that are not as they must be, and rendered ones that no example gives any more."""
    wanted = {path: text for step in STEPS for path, text in step().items()}
    wrong = [path for path, text in wanted.items() if _held(path) != text]
    return sorted({*wrong, *_gone(wanted), *guards_files.stale(CHART)})


def write() -> None:
    """Makes them so."""
    guards_files.write(CHART)
    written = set()
    for step in STEPS:
        for path, text in step().items():
            (CHART / path).parent.mkdir(parents=True, exist_ok=True)
            (CHART / path).write_text(text)
            written.add(path)
    for path in _gone(written):
        (CHART / path).unlink()


def _gone(wanted: Iterable[str]) -> set[str]:
    return {str(each.relative_to(CHART)) for each in CHART.glob("examples/*/rendered/*")} - set(wanted)


def _held(path: str) -> str | None:
    return (CHART / path).read_text() if (CHART / path).is_file() else None


def _json(of: object) -> str:
    return json.dumps(of, indent=1, ensure_ascii=False) + "\n"
