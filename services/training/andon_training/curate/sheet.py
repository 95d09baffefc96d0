"""The contact sheet: one page with every picture that something was found about, and why. Self-contained, no script."""

import base64
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from importlib.resources import files
from pathlib import Path
from shlex import quote
from typing import NamedTuple

import cv2
from jinja2 import Environment, StrictUndefined

from andon.errors import Invalid, Mistake
from andon.images.limits import ImageLimits
from andon.images.preview import preview
from andon.images.sniff import sniff
from andon.preparation import Preparation
from andon_training.curate.findings import DROPPED, Curation, Finding, Kind
from andon_training.printable import printable
from andon_training.progress import Progress, silent

TEMPLATE = "sheet.html.j2"
MARK = b'<meta name="generator" content="andon curate">'
MARK_WITHIN = 1024  # bytes from the start
SIDE = 220  # pixels of a picture's longer side
QUALITY = 80
SHOWN = 40  # pictures of a kind
SHOWN_REPEATS = 4  # of one frame

ReadBytes = Callable[[str], bytes]


class Words(NamedTuple):
    """How a kind is introduced to a person: what it is, and what to do."""

    title: str
    told: str


WORDS = {
    Kind.UNREADABLE: Words("Unreadable", "A line would refuse them, too. Fetch them again, or send JPEG, PNG or .npy."),
    Kind.BLACK: Words("Black", "Nothing to see. Was the light off, the lens covered?"),
    Kind.FLAT: Words("Flat", "One even tone: nothing to see. Was the part absent, the picture blown out?"),
    Kind.REPEAT: Words("Repeats", "The same file again, byte for byte. The first is kept."),
    Kind.NEAR_DUPLICATE: Words(
        "Near-duplicates",
        "The same picture again: saved once more, or the camera froze or outran the line. The first is kept.",
    ),
    Kind.ALIKE: Words("Alike", "They repeat others, but too many frames here do. Did the line stand still?"),
    Kind.OTHER_SIZE: Words("Another size", "Another camera or setting? A model sees all frames at one size."),
    Kind.DARK: Words("Dark", "Darker than the frames they look like. Keep them if the line will see such light."),
    Kind.OVEREXPOSED: Words("Overexposed", "Brighter than the frames they look like: in white nothing is seen."),
    Kind.BLURRED: Words("Blurred", "Out of focus or smeared. A model that learns from them misses fine defects."),
    Kind.MISFRAMED: Words("Mis-framed", "The part lies elsewhere, is cut or absent; all others hold it in one place."),
    Kind.ODD: Words("Odd ones out", "Unlike all others: another product, a hand in the picture, a defect?"),
}


@dataclass(frozen=True, slots=True)
class Shown:
    """A frame on the sheet. `picture`: a data URI, or None where there is none."""

    name: str
    picture: str | None
    says: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Row:
    """One frame, or one that is kept and those that repeat it; `more` repeats are not shown."""

    shown: tuple[Shown, ...]
    original: Shown | None = None
    more: int = 0


@dataclass(frozen=True, slots=True)
class Section:
    """All of one kind. A frame is shown with everything found about it, under the first kind only; `unshown` names
    those for whom there was no room, `elsewhere` counts those shown under an earlier kind.
    """

    kind: Kind
    words: Words
    dropped: bool
    frames: int
    rows: tuple[Row, ...]
    unshown: tuple[str, ...]
    elsewhere: int


def sheet(
    curation: Curation,
    read: ReadBytes,
    *,
    folder: str,
    keep: str,
    made_at: datetime,
    andon_version: str,
    progress: Progress = silent,
) -> bytes:
    """The page, UTF-8. `read` gives the encoded image of a frame; only what is shown is read again."""
    show = _Shower(curation, read, progress)
    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    environment.filters["printable"] = printable
    template = environment.from_string(files(__package__).joinpath(TEMPLATE).read_text(encoding="utf-8"))
    page = template.render(
        curation=curation,
        sections=tuple(_sections(curation, show)),
        typical=tuple(show(name) for name in curation.typical),
        folder=folder,
        command=f"andon fit {quote(folder)} --keep {quote(keep)}",
        made_at=made_at,
        andon_version=andon_version,
        looked_at=frozenset(finding.frame for finding in curation.findings if not finding.dropped),
    )
    return page.encode("utf-8") + b"\n"


def refuse_other(path: Path) -> None:
    """Raises Mistake when there is a file at `path` that is no contact sheet."""
    try:
        with path.open("rb") as file:
            ours = MARK in file.read(MARK_WITHIN)
    except FileNotFoundError:
        return
    except OSError as error:
        raise Mistake(f"{path}: cannot be read: {error.strerror or error}") from error
    if not ours:
        raise Mistake(f"{path}: is no contact sheet; --sheet names another file, --force replaces it")


class _Shower:
    """Makes pictures, each read once."""

    def __init__(self, curation: Curation, read: ReadBytes, progress: Progress) -> None:
        self._read, self._progress = read, progress
        self._pictures: dict[str, str | None] = {}
        self._says: dict[str, tuple[str, ...]] = {}
        for finding in curation.findings:
            self._says[finding.frame] = (*self._says.get(finding.frame, ()), finding.says)

    def __call__(self, name: str) -> Shown:
        """The frame, its picture, and everything found about it."""
        if name not in self._pictures:
            self._pictures[name] = picture(self._read(name))
            self._progress("pictures", len(self._pictures), len(self._pictures))
        return Shown(name, self._pictures[name], self._says.get(name, ()))


def picture(data: bytes) -> str | None:
    """A small JPEG of an encoded image as a data URI, as wide as it is; None where it cannot be decoded."""
    try:
        header = sniff(data, ImageLimits())
        longer = max(header.width, header.height)
        width, height = (max(8, round(side * SIDE / longer)) for side in (header.width, header.height))
        tensor = preview(data, Preparation(width=width, height=height))
    except Invalid:
        return None
    encoded = cv2.imencode(".jpg", cv2.cvtColor(tensor, cv2.COLOR_RGB2BGR), [cv2.IMWRITE_JPEG_QUALITY, QUALITY])[1]
    return "data:image/jpeg;base64," + base64.b64encode(encoded.tobytes()).decode()


def _sections(curation: Curation, show: _Shower) -> Iterable[Section]:
    shown: set[str] = set()
    for kind in Kind:
        found = curation.of(kind)
        fresh = [finding for finding in found if finding.frame not in shown]
        shown |= {finding.frame for finding in fresh}
        if found:
            yield _section(kind, len(found), fresh, show)


def _section(kind: Kind, frames: int, fresh: Sequence[Finding], show: _Shower) -> Section:
    rows, room, unshown = [], SHOWN, []
    for original, group in _groups(fresh):
        taken = group[: min(room, SHOWN_REPEATS if original else 1)]
        room -= len(taken)
        unshown += group[len(taken) :]
        if taken:
            first = show(original) if original else None
            rows.append(Row(tuple(show(name) for name in taken), first, len(group) - len(taken)))
    return Section(kind, WORDS[kind], kind in DROPPED, frames, tuple(rows), tuple(unshown), frames - len(fresh))


def _groups(findings: Iterable[Finding]) -> list[tuple[str | None, list[str]]]:
    """Frames by what they repeat; each that repeats nothing by itself."""
    together: dict[tuple[str | None, str], list[str]] = {}
    for finding in findings:
        key = (finding.repeats, "" if finding.repeats else finding.frame)
        together.setdefault(key, []).append(finding.frame)
    return [(original, group) for (original, _), group in together.items()]
