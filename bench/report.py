"""The figures as tables: for the terminal, for Markdown and for machines."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table as RichTable


@dataclass(frozen=True)
class Table:
    """One table: a title that says what is counted and in which unit, a head, rows of text and a remark below."""

    title: str
    head: Sequence[str]
    rows: Sequence[Sequence[str]]
    remark: str = ""

    def show(self, console: Console) -> None:
        """On the terminal."""
        table = RichTable(title=self.title, title_justify="left", caption=self.remark, caption_justify="left")
        for number, name in enumerate(self.head):
            table.add_column(name, justify="right" if number else "left")
        for row in self.rows:
            table.add_row(*row)
        console.print(table)

    def markdown(self) -> str:
        """As Markdown."""
        lines = [self.head, ["---", *["---:"] * (len(self.head) - 1)], *self.rows]
        body = "\n".join("| " + " | ".join(line) + " |" for line in lines)
        return f"## {self.title}\n\n{body}\n" + (f"\n{self.remark}\n" if self.remark else "")


@dataclass(frozen=True)
class Floor:
    """What must be reached: `value` at most `limit`."""

    what: str
    value: float
    limit: float
    unit: str

    @property
    def reached(self) -> bool:
        return self.value <= self.limit


def floors_table(floors: Sequence[Floor]) -> Table:
    """Floors, and whether they are reached."""
    rows = [
        [each.what, f"{each.value:.2f}", f"{each.limit:g}", each.unit, "yes" if each.reached else "NO"]
        for each in floors
    ]
    return Table("Floors", ["", "measured", "at most", "unit", "reached"], rows)


def write(
    path: Path, title: str, machine: Mapping[str, str], tables: Sequence[Table], figures: Mapping[str, Any]
) -> None:
    """`path`.md for people and `path`.json for machines."""
    path.parent.mkdir(parents=True, exist_ok=True)
    told = "\n".join(f"- {name}: {value}" for name, value in machine.items())
    parts = [f"# {title}", "Made by bench/; do not edit.", told, *(t.markdown() for t in tables)]
    path.with_suffix(".md").write_text("\n\n".join(part.rstrip() for part in parts) + "\n")
    path.with_suffix(".json").write_text(json.dumps({"machine": machine, **figures}, indent=2, default=asdict) + "\n")
