"""`andon curate`: the keep list, the contact sheet, what is told, and what is never written over."""

import json
import os
import re
from pathlib import Path

import cv2
import numpy as np
import pytest
import typer
from typer.testing import CliRunner

from andon.errors import Mistake
from andon_training.commands.curate import curate
from andon_training.curate import read_keep
from andon_training.curate.keep import refuse_edited

FRAMES = 24
runner = CliRunner()


def frame(seed: int) -> np.ndarray:
    random = np.random.default_rng(seed)
    image = cv2.GaussianBlur(random.normal(0, 40, (96, 96)).astype(np.float32), (0, 0), 1.5)
    cv2.circle(image, (48, 48), 28, 40.0, -1)
    return np.clip(image + 100 + random.normal(0, 3, image.shape), 0, 255).astype(np.uint8)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Good frames, a repeat, a JPEG of one of them, a black frame, half a file."""
    monkeypatch.chdir(tmp_path)
    good = tmp_path / "weld-07"
    good.mkdir()
    for seed in range(FRAMES):
        cv2.imwrite(str(good / f"{seed:02}.png"), frame(seed))
    (good / "30 copy.png").write_bytes((good / "03.png").read_bytes())
    cv2.imwrite(str(good / "31.jpg"), frame(4), [cv2.IMWRITE_JPEG_QUALITY, 90])
    cv2.imwrite(str(good / "32.png"), np.zeros((96, 96), np.uint8))
    (good / "33.png").write_bytes((good / "05.png").read_bytes()[:400])
    cv2.imwrite(str(good / "#<b>.png"), (frame(99) * 0.3).astype(np.uint8))
    return good


def run(*words: str) -> dict[str, object]:
    app = typer.Typer()
    app.command()(curate)
    result = runner.invoke(app, [*words, "--json"], catch_exceptions=False)
    assert result.exit_code == 0
    told: dict[str, object] = json.loads(result.stdout.splitlines()[-1])
    return told


def test_the_last_line_tells_counts_and_places(folder: Path) -> None:
    told = run("weld-07")
    assert told["counts"] == {
        "unreadable": 1,
        "black": 1,
        "repeat": 1,
        "near-duplicate": 1,
        "dark": 1,
        "odd": 1,
    }
    assert (told["frames"], told["kept"], told["dropped"], told["to_look_at"]) == (FRAMES + 5, FRAMES + 1, 4, 1)
    assert (told["keep"], told["sheet"]) == ("weld-07.keep.txt", "weld-07.curated.html")


def test_nothing_is_deleted_moved_or_written_in_the_folder(folder: Path) -> None:
    before = {path: path.read_bytes() for path in folder.iterdir()}
    run("weld-07")
    assert {path: path.read_bytes() for path in folder.iterdir()} == before


def test_the_keep_list_names_the_kept_frames(folder: Path) -> None:
    run("weld-07")
    kept = read_keep(Path("weld-07.keep.txt"), folder)
    assert kept == [folder / "#<b>.png", *(folder / f"{seed:02}.png" for seed in range(FRAMES))]


def test_the_keep_list_says_how_to_use_it_and_why_a_frame_is_out(folder: Path) -> None:
    run("weld-07")
    text = Path("weld-07.keep.txt").read_text(encoding="utf-8")
    assert "andon fit weld-07 --keep" in text
    assert "# dropped: the same as 03.png, byte for byte\n#30 copy.png\n" in text
    assert re.search(r"# look: dark: .*\n(# look: .*\n)*\./#<b>\.png\n", text)


def test_a_dropped_frame_comes_back_and_a_kept_one_goes_by_one_character(folder: Path) -> None:
    run("weld-07")
    path = Path("weld-07.keep.txt")
    text = (
        path.read_text(encoding="utf-8").replace("\n#30 copy.png\n", "\n30 copy.png\n").replace("\n07.png", "\n#07.png")
    )
    path.write_text(text, encoding="utf-8")
    kept = {frame.name for frame in read_keep(path, folder)}
    assert "30 copy.png" in kept
    assert "07.png" not in kept


def test_an_mvtec_folder_is_listed_from_its_top(folder: Path) -> None:
    deeper = folder.parent / "mvtec" / "train"
    deeper.mkdir(parents=True)
    folder.rename(deeper / "good")
    run("mvtec")
    assert folder.parent / "mvtec" / "train" / "good" / "00.png" in read_keep(
        Path("mvtec.keep.txt"), folder.parent / "mvtec"
    )


def test_a_second_look_replaces_an_untouched_list(folder: Path) -> None:
    run("weld-07")
    (folder / "00.png").unlink()
    run("weld-07")
    assert "00.png" not in Path("weld-07.keep.txt").read_text(encoding="utf-8").split("\n")


def test_an_edited_list_is_never_written_over_unless_forced(folder: Path) -> None:
    run("weld-07")
    path = Path("weld-07.keep.txt")
    edited = path.read_text(encoding="utf-8").replace("\n07.png", "\n#07.png")
    path.write_text(edited, encoding="utf-8")
    with pytest.raises(Mistake, match="was edited since"):
        run("weld-07")
    assert path.read_text(encoding="utf-8") == edited
    run("weld-07", "--force")
    assert "\n07.png" in path.read_text(encoding="utf-8")


@pytest.mark.parametrize("text", ["", "00.png\n", "# checksum of the other lines, as written: 00\n00.png\n"])
def test_another_persons_file_counts_as_edited(tmp_path: Path, text: str) -> None:
    path = tmp_path / "keep.txt"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(Mistake, match="is no keep list"):
        refuse_edited(path)


def test_a_page_that_is_no_contact_sheet_is_never_written_over(folder: Path) -> None:
    page = Path("index.html")
    page.write_text("<html>mine</html>", encoding="utf-8")
    with pytest.raises(Mistake, match="no contact sheet"):
        run("weld-07", "--sheet", "index.html")
    assert page.read_text(encoding="utf-8") == "<html>mine</html>"
    assert not Path("weld-07.keep.txt").exists()


def test_the_contact_sheet_stands_alone(folder: Path) -> None:
    run("weld-07")
    page = Path("weld-07.curated.html").read_text(encoding="utf-8")
    sources = re.findall(r'src="([^"]{0,24})', page)
    assert sources
    assert all(source.startswith("data:image/jpeg;base64,") for source in sources)
    assert "<script" not in page
    assert not re.search(r'(href|src)="(?!#|data:)', page)


def test_the_contact_sheet_shows_each_frame_once_with_all_that_was_found(folder: Path) -> None:
    run("weld-07")
    page = Path("weld-07.curated.html").read_text(encoding="utf-8")
    assert page.count("<b>#&lt;b&gt;.png</b>") == 1
    dark = page[page.index("<b>#&lt;b&gt;.png</b>") :].split("</figure>")[0]
    assert "dark: " in dark
    assert "odd one out: " in dark
    assert "1 of them stands above" in page


def test_a_duplicate_stands_beside_what_it_repeats(folder: Path) -> None:
    run("weld-07")
    page = Path("weld-07.curated.html").read_text(encoding="utf-8")
    group = page[page.index('<div class="group">') :].split("</section>")[0]
    assert re.findall(r"<b>(.*?)</b>", group) == ["03.png", "30 copy.png"]


def test_more_frames_than_fit_are_named(folder: Path) -> None:
    for i in range(50):
        (folder / f"more{i}.png").write_bytes((folder / f"{i % FRAMES:02}.png").read_bytes()[:300])
    run("weld-07")
    page = Path("weld-07.curated.html").read_text(encoding="utf-8")
    assert "11 frames without a picture here" in page
    assert "more9.png" in page


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("nowhere",), "not a folder"),
        (("empty",), "no JPEG, PNG or .npy"),
        (("weld-07", "--keep", "empty"), "is a folder"),
        (("weld-07", "--keep", "weld-07/00.png"), "is a frame"),
        (("weld-07", "--keep", "both", "--sheet", "both"), "name two files"),
    ],
)
def test_what_cannot_be_done_is_told_before_anything_is_looked_at(
    folder: Path, words: tuple[str, ...], says: str
) -> None:
    Path("empty").mkdir()
    with pytest.raises(Mistake, match=says):
        run(*words)
    assert not Path("weld-07.keep.txt").exists()


@pytest.mark.skipif(os.name != "posix" or os.geteuid() == 0, reason="the superuser may write anywhere")
def test_a_place_that_cannot_be_written_is_told(folder: Path) -> None:
    Path("locked").mkdir(mode=0o500)
    with pytest.raises(Mistake, match="cannot be written"):
        run("weld-07", "--keep", "locked/keep.txt")


def test_a_file_in_place_of_a_folder_is_told(folder: Path) -> None:
    Path("file").write_text("", encoding="utf-8")
    with pytest.raises(Mistake, match=r"file/keep\.txt"):
        run("weld-07", "--keep", "file/keep.txt")


def test_a_name_with_a_line_break_cannot_be_listed(folder: Path) -> None:
    (folder / "00.png").rename(folder / "00\n.png")
    with pytest.raises(Mistake, match="line break"):
        run("weld-07")


@pytest.mark.skipif(os.name != "posix", reason="names are bytes on POSIX alone")
def test_a_name_of_any_bytes_is_listed_and_read_back(folder: Path) -> None:
    odd = Path(os.fsdecode(os.fsencode(folder) + b"/00\xff .png"))
    (folder / "00.png").rename(odd)
    run("weld-07")
    assert odd in read_keep(Path("weld-07.keep.txt"), folder)


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("gone.png", r"keep.txt:3: 'gone.png' is no file in"),
        ("../secret.png", r"keep.txt:3: '../secret.png' lies outside"),
        ("/etc/hosts", r"keep.txt:3: '/etc/hosts' lies outside"),
        ("00.png", r"keep.txt:3: '00.png' stands on line 2 already"),
        ("./00.png", r"keep.txt:3: './00.png' stands on line 2 already"),
    ],
)
def test_a_bad_line_of_a_keep_list_is_named(folder: Path, line: str, says: str) -> None:
    path = Path("keep.txt")
    path.write_text(f"# by hand\n00.png\n{line}\n", encoding="utf-8")
    with pytest.raises(Mistake, match=says):
        read_keep(path, folder)


def test_a_keep_list_without_frames_is_a_mistake(folder: Path) -> None:
    Path("keep.txt").write_text("# nothing\n\n", encoding="utf-8")
    with pytest.raises(Mistake, match="names no frame"):
        read_keep(Path("keep.txt"), folder)


def test_a_keep_list_that_is_not_there_is_a_mistake(folder: Path) -> None:
    with pytest.raises(Mistake, match="cannot be read"):
        read_keep(Path("keep.txt"), folder)


def test_what_an_editor_does_to_a_keep_list_does_no_harm(folder: Path) -> None:
    """A byte order mark, Windows line ends, spaces, no line end at the end."""
    Path("keep.txt").write_bytes("\ufeff00.png\r\n  01.png \r\n30 copy.png".encode())
    found = read_keep(Path("keep.txt"), folder)
    assert [path.name for path in found] == ["00.png", "01.png", "30 copy.png"]
