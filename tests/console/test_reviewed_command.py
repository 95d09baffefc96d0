"""`andon reviewed`: what there is, and an export that never touches what is not its own."""

import json
from pathlib import Path
from uuid import uuid4

import pytest
from shelves import Shelf, own_id, png
from typer.testing import CliRunner, Result

from andon.bundle import write_whole
from andon.cli import build
from andon.errors import Mistake
from andon.records import Told
from andon.reviewed import remove
from andon_console.reviewed import save as saving


@pytest.fixture
def shelf(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Shelf:
    made = Shelf(str(tmp_path / "evidence"))
    monkeypatch.setenv("ANDON_EVIDENCE__URL", made.store.url)
    return made


@pytest.fixture
def out(tmp_path: Path) -> Path:
    return tmp_path / "out"


def run(*words: object) -> Result:
    return CliRunner(env={"COLUMNS": "200"}).invoke(build("reviewed"), ["reviewed", *map(str, words)])


def exports(*words: object) -> dict[str, object]:
    result = run("export", *words, "--json")
    assert result.exit_code == 0, result.output + str(result.exception)
    found: dict[str, object] = json.loads(result.stdout)
    return found


def mistake(*words: object) -> str:
    result = run("export", *words)
    assert isinstance(result.exception, Mistake), result.output
    return str(result.exception)


def files(folder: Path) -> dict[str, bytes]:
    return {each.relative_to(folder).as_posix(): each.read_bytes() for each in folder.rglob("*") if each.is_file()}


def test_it_counts_by_station_and_answer(shelf: Shelf):
    for number, said in enumerate((Told.REAL, Told.REAL, Told.FALSE_CALL, Told.UNSURE)):
        shelf.put(number, said, outlined=said is Told.REAL, defect="scratch")
    shelf.put(9, Told.MISSED, station="press-1")
    press, weld = json.loads(run("--json").stdout)
    assert (press["station"], press["frames"], press["answers"]["missed"]) == ("press-1", 1, 1)
    assert weld["answers"] == {"real": 2, "missed": 0, "false_call": 1, "good": 0, "unsure": 1}
    assert (weld["defects"], weld["outlined"]) == ({"scratch": 2}, 2)
    text = run().output
    assert "5 reviewed frames of 2 stations" in text
    assert "scratch 2" in text


def test_it_says_so_where_there_is_nothing(shelf: Shelf):
    assert "holds no reviewed frames at all" in run().stderr
    assert json.loads(run("--json").stdout) == []
    shelf.put(1, Told.GOOD)
    assert "holds no reviewed frames of press-1" in run("--station", "press-1").stderr


def test_station_product_and_time_choose(shelf: Shelf):
    shelf.put(1, Told.GOOD, product="cup")
    shelf.put(2, Told.GOOD, product="lid")
    shelf.put(3, Told.GOOD, station="press-1")
    count = lambda *words: sum(each["frames"] for each in json.loads(run(*words, "--json").stdout))  # noqa: E731
    assert count() == 3
    assert count("--station", "weld-07") == 2
    assert count("--station", "weld-07", "--station", "press-1") == 3
    assert count("--product", "cup") == 1
    assert count("--since", "2026-03-02T14:00:02+00:00") == 2


@pytest.mark.parametrize(
    ("words", "said"), [(("--station", "../x"), "--station"), (("--since", "soon"), "--since 'soon'")]
)
def test_what_nobody_can_mean_is_said_in_a_sentence(shelf: Shelf, out: Path, words: tuple[str, ...], said: str):
    assert said in mistake(out, *words)
    assert not out.exists()


def test_nothing_to_export_is_a_mistake_and_makes_no_folder(shelf: Shelf, out: Path):
    assert "holds no reviewed frames at all" in mistake(out)
    assert not out.exists()


def test_it_says_what_comes_next(shelf: Shelf, out: Path):
    shelf.put(1, Told.REAL)
    result = run("export", out)
    assert f"andon evaluate BUNDLE {out}/weld-07" in result.stderr
    assert "3 files written" in result.stderr


def test_a_second_export_keeps_what_is_there_and_takes_in_what_is_new(shelf: Shelf, out: Path):
    shelf.put(1, Told.REAL, outlined=True)
    first = exports(out)
    assert (first["written"], first["kept"]) == (4, 0)
    before = {each: each.stat().st_mtime_ns for each in out.rglob("*.png")}
    again = exports(out)
    assert (again["written"], again["kept"]) == (0, 4)
    shelf.put(2, Told.GOOD)
    assert exports(out)["written"] == 3  # the image, the sheet and the README
    assert {each: each.stat().st_mtime_ns for each in before} == before


def test_an_image_that_is_there_is_not_fetched_again(shelf: Shelf, out: Path):
    shelf.put(1, Told.GOOD)
    exports(out)
    kept = next(Path(shelf.store.url).rglob("*.png"))
    kept.unlink()
    assert exports(out)["left_out"] == []


def test_a_frame_whose_answer_changed_moves_and_one_that_was_withdrawn_goes(shelf: Shelf, out: Path):
    shelf.put(1, Told.GOOD)
    gone = shelf.put(2, Told.REAL, defect="dent")
    shelf.put(3, Told.GOOD)
    exports(out)
    assert (out / "weld-07" / "test" / "dent").is_dir()
    shelf.put(1, Told.REAL, defect="scratch")
    remove(shelf.store, gone.model_copy(update={"answer": Told.WITHDRAWN}))
    assert exports(out)["removed"] == 2
    places = {name.rpartition("/")[0] for name in files(out) if str(own_id(1)) in name}
    assert places == {"weld-07/test/scratch"}
    assert not (out / "weld-07" / "test" / "dent").exists()


def test_what_no_export_wrote_is_never_overwritten(shelf: Shelf, out: Path):
    shelf.put(1, Told.GOOD)
    write_whole(out / "README.txt", b"mine")
    assert "README.txt: another file is there, which no export wrote" in mistake(out)
    assert (out / "README.txt").read_bytes() == b"mine"


def test_what_somebody_changed_since_is_neither_overwritten_nor_removed(shelf: Shelf, out: Path):
    answer = shelf.put(1, Told.REAL)
    shelf.put(2, Told.GOOD)
    exports(out)
    image = next(out.rglob(f"{own_id(1)}.png"))
    image.write_bytes(b"edited")
    assert "another file is there" in mistake(out)
    remove(shelf.store, answer.model_copy(update={"answer": Told.WITHDRAWN}))
    assert exports(out)["changed_by_others"] == [image.relative_to(out).as_posix()]
    assert image.read_bytes() == b"edited"


def test_foreign_files_in_the_folder_stay(shelf: Shelf, out: Path):
    shelf.put(1, Told.REAL)
    write_whole(out / "weld-07" / "test" / "defect" / "own.png", b"mine")
    exports(out)
    remove(shelf.store, shelf.put(1, Told.REAL).model_copy(update={"answer": Told.WITHDRAWN}))
    shelf.put(2, Told.GOOD)
    exports(out)
    assert (out / "weld-07" / "test" / "defect" / "own.png").read_bytes() == b"mine"


def test_one_folder_holds_one_export(shelf: Shelf, out: Path):
    shelf.put(1, Told.GOOD)
    exports(out)
    before = files(out)
    assert "holds an export of something else" in mistake(out, "--format", "coco")
    assert files(out) == before


@pytest.mark.parametrize("at", range(1, 7))
def test_killed_at_any_file_the_same_command_goes_on(
    shelf: Shelf, out: Path, monkeypatch: pytest.MonkeyPatch, at: int, tmp_path: Path
):
    for number in range(4):
        shelf.put(number, Told.GOOD)
    done: list[Path] = []

    def killed(path: Path, data: bytes) -> None:
        if len(done) == at - 1:
            raise KeyboardInterrupt
        done.append(path)
        write_whole(path, data)

    with monkeypatch.context() as patch:
        patch.setattr(saving, "write_whole", killed)
        assert run("export", out).exit_code != 0
    shelf.put(9, Told.REAL, outlined=True)  # the world went on
    assert exports(out)["left_out"] == []
    exports(tmp_path / "fresh")
    own = {name: data for name, data in files(out).items() if not name.startswith(".")}
    assert own == {name: data for name, data in files(tmp_path / "fresh").items() if not name.startswith(".")}


def test_a_ledger_that_was_changed_never_leads_out_of_the_folder(shelf: Shelf, out: Path, tmp_path: Path):
    from andon.ids import sha256_hex

    shelf.put(1, Told.GOOD)
    exports(out)
    outside = tmp_path / "outside"
    outside.write_bytes(b"x")
    with (out / ".andon-export.jsonl").open("a") as ledger:
        for name in ("../outside", str(outside), "a/../../outside"):
            ledger.write(json.dumps({"name": name, "sha256": sha256_hex(b"x")}) + "\n")
        ledger.write('{"name": "cut sh')
    exports(out)
    assert outside.exists()


def test_a_dry_run_writes_nothing_and_says_how_much_it_would(shelf: Shelf, out: Path):
    shelf.put(1, Told.REAL, outlined=True)
    told = exports(out, "--dry-run")
    assert (told["dry_run"], told["written"], told["frames"]) == (True, 4, 1)
    assert "would write 4 files of 1 reviewed frames" in run("export", out, "--dry-run").stderr
    assert not out.exists()


def test_a_damaged_image_is_left_out_and_told(shelf: Shelf, out: Path):
    shelf.put(1, Told.GOOD)
    shelf.put(2, Told.GOOD)
    path = next(Path(shelf.store.url).rglob(f"{own_id(1)}.png"))
    path.write_bytes(png(1)[:-1])
    result = run("export", out)
    assert f"left out {own_id(1)}: checksum_mismatch" in result.stderr
    assert "1 frames left out" in result.stderr
    assert not any(str(own_id(1)) in name for name in files(out))


def test_a_folder_that_cannot_be_written_is_said_in_a_sentence(shelf: Shelf, tmp_path: Path):
    shelf.put(1, Told.GOOD)
    (tmp_path / "file").write_bytes(b"")
    assert "name a folder that can be written" in mistake(tmp_path / "file" / "out")


def test_a_remote_store_is_exported_alike(out: Path, monkeypatch: pytest.MonkeyPatch):
    shelf = Shelf(f"memory://{uuid4()}")
    monkeypatch.setenv("ANDON_EVIDENCE__URL", shelf.store.url)
    for number in range(70):
        shelf.put(number, Told.GOOD)
    assert exports(out)["written"] == 72
