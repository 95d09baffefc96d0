"""The keep list: which frames of a folder a fit learns from. Written for people to edit, and never over their edits."""

from pathlib import Path, PurePosixPath
from shlex import quote

from andon.errors import Mistake
from andon.ids import sha256_hex
from andon_training.curate.findings import Curation, Finding
from andon_training.printable import printable

OUT = "#"
CHECKSUM = "# checksum of the other lines, as written: "
ENCODING, ODD_BYTES = "utf-8", "surrogateescape"  # a file's name may be any bytes


def keep_list(curation: Curation, folder: str) -> bytes:
    """The list for the frames of `folder`: kept ones as paths, dropped ones as comments, each finding above its frame.

    Raises Mistake when a path cannot stand on a line.
    """
    found: dict[str, list[Finding]] = {}
    for finding in curation.findings:
        found.setdefault(finding.frame, []).append(finding)
    kept = frozenset(curation.kept)
    lines = [*_header(folder, len(kept), len(curation.frames)), ""]
    for frame in curation.frames:
        lines += map(_told, found.get(frame, []))
        lines.append(_line(frame) if frame in kept else OUT + _line(frame))
    return _bytes([f"{CHECKSUM}{_checksum(lines)}", *lines])


def read_keep(path: Path, folder: Path) -> list[Path]:
    """The frames that the keep list at `path` names, as paths of files in `folder`, in its order.

    Raises Mistake, naming the line, when one is not a file in `folder`, lies outside or is named twice, and when the
    list names none or cannot be read.
    """
    seen: dict[Path, int] = {}
    for number, line in enumerate(_lines(_read(path)), 1):
        if not line.strip() or line.startswith(OUT):
            continue
        frame = _frame(line, folder, f"{path}:{number}")
        if frame in seen:
            raise Mistake(f"{path}:{number}: {line!r} stands on line {seen[frame]} already; remove one of them")
        seen[frame] = number
    if not seen:
        raise Mistake(f"{path}: names no frame; put one path a line, within {folder}")
    return list(seen)


def refuse_edited(path: Path) -> None:
    """Raises Mistake when there is a file at `path` that is no keep list as it was written, but edited, or another."""
    if path.exists() and not _untouched(_read(path)):
        raise Mistake(
            f"{path}: was edited since it was written, or is no keep list; --keep names another, --force replaces it"
        )


def _header(folder: str, kept: int, frames: int) -> list[str]:
    return [
        f"{OUT} {kept} of the {frames} frames of {printable(folder)}, one path a line, within it. To learn from these:",
        f"{OUT}     andon fit {quote(printable(folder))} --keep THIS-FILE",
        f"{OUT} Put {OUT} before a path to leave its frame out; remove it to learn from a dropped frame all the same.",
        f"{OUT} andon curate does not write over a list that somebody has edited.",
    ]


def _told(finding: Finding) -> str:
    return f"{OUT} {'dropped' if finding.dropped else 'look'}: {printable(finding.says)}"


def _line(frame: str) -> str:
    if frame.splitlines() != [frame]:
        raise Mistake(f"{frame!r}: a file name with a line break cannot stand in a keep list; rename the file")
    return f"./{frame}" if frame.startswith(OUT) or frame != frame.strip() else frame


def _frame(line: str, folder: Path, where: str) -> Path:
    named = PurePosixPath(line if (folder / line).is_file() else line.strip())
    if named.is_absolute() or ".." in named.parts:
        raise Mistake(f"{where}: {line!r} lies outside {folder}; give a path within it")
    frame = folder / named
    if not frame.is_file():
        raise Mistake(
            f"{where}: {line!r} is no file in {folder}; remove the line, or give the folder the list was made for"
        )
    return frame


def _untouched(data: bytes) -> bool:
    first, *others = _lines(data) or [""]
    return first == f"{CHECKSUM}{_checksum(others)}"


def _checksum(lines: list[str]) -> str:
    return sha256_hex(_bytes(lines))


def _bytes(lines: list[str]) -> bytes:
    return "".join(f"{line}\n" for line in lines).encode(ENCODING, ODD_BYTES)


def _lines(data: bytes) -> list[str]:
    text = data.removeprefix(b"\xef\xbb\xbf").decode(ENCODING, ODD_BYTES)
    return [line.removesuffix("\r") for line in text.removesuffix("\n").split("\n")]


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise Mistake(f"{path}: cannot be read: {error.strerror or error}") from error
