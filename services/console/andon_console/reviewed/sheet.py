"""metadata.csv: one row a frame, what was said of it and by what it was inspected."""

import csv
from dataclasses import dataclass, field
from io import StringIO

from andon_console.reviewed.files import File, text_file
from andon_console.reviewed.marks import By
from andon_console.reviewed.options import Options
from andon_console.reviewed.picture import Picture

COLUMNS = (
    "file", "mask", "outlined_by", "split", "station", "product", "frame_id", "captured_at", "answer", "defect",
    "answered_at", "note", "audit", "verdict", "score", "threshold", "bundle", "sha256",
)  # fmt: skip
FORMULA = ("=", "+", "-", "@", "\t", "\r")


@dataclass
class Sheet:
    """Grows as frames are exported."""

    options: Options
    rows: list[tuple[object, ...]] = field(default_factory=list)

    def add(self, picture: Picture, file: str, *, split: str = "", mask: str = "", by: By = By.NOBODY) -> None:
        """One more frame."""
        said = picture.answer
        names = (plain(said.by),) if self.options.names else ()
        self.rows.append((
            file, mask, by.value, split, said.station, plain(said.product), said.frame_id, _moment(said.captured_at),
            said.answer.value, plain(said.defect), _moment(said.at), plain(said.note), int(said.audit),
            said.verdict, said.score, said.threshold, said.bundle, picture.frame.reviewed.sha256, *names,
        ))  # fmt: skip

    def file(self) -> File:
        """Of all rows."""
        text = StringIO()
        writer = csv.writer(text, lineterminator="\n")
        writer.writerow((*COLUMNS, "answered_by") if self.options.names else COLUMNS)
        writer.writerows(self.rows)
        return text_file("metadata.csv", text.getvalue())


def plain(text: str | None) -> str:
    """Words of people, which no spreadsheet takes for a formula."""
    return f"'{text}" if text and text.startswith(FORMULA) else text or ""


def _moment(at: object) -> str:
    return at.isoformat() if hasattr(at, "isoformat") else ""
