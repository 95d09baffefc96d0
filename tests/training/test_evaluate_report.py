"""The report is one page that needs nothing else, runs nothing, and shows what matters first."""

import re
from datetime import UTC, datetime
from html.parser import HTMLParser
from pathlib import Path

import cv2
import numpy as np
import pytest
import typer
from typer.testing import CliRunner, Result

from andon.bundle import Bundle, write_bundle
from andon.errors import Mistake
from andon.preparation import Preparation
from andon.testing.models import proven_bundle
from andon_training.commands.evaluate import evaluate
from andon_training.commands.verify import verify
from andon_training.evaluate import chart
from andon_training.evaluate.labelled import Labelled
from andon_training.evaluate.pictures import heat_scale
from andon_training.evaluate.report import percent, report
from andon_training.evaluate.run import evaluate_bundle
from andon_training.evaluate.score import Scored

HOSTILE = "<script>alert(1)<"
VOID = {"meta", "img", "line", "rect", "circle", "path"}


def frame(brightest: int) -> bytes:
    image = np.full((32, 32), 20, np.uint8)
    image[8:12, 20:24] = brightest
    return cv2.imencode(".png", image)[1].tobytes()


@pytest.fixture
def bundle() -> Bundle:
    return proven_bundle(preparation=Preparation(width=32, height=32, channels=1), product=HOSTILE)


@pytest.fixture
def station(tmp_path: Path) -> Path:
    """Good frames of which two are called, and a defect with a name that wants to run, half of it missed."""
    root = tmp_path / "weld"
    for kind, levels in (("good", [*range(60, 80), 150, 160]), (HOSTILE, [*range(100, 108), *range(170, 178)])):
        (root / "test" / kind).mkdir(parents=True)
        for level in levels:
            (root / "test" / kind / f"{level}.png").write_bytes(frame(level))
    (root / "ground_truth" / HOSTILE).mkdir(parents=True)
    (root / "ground_truth" / HOSTILE / "170_mask.png").write_bytes(frame(255))
    return root


class Page(HTMLParser):
    """What a browser would find: tags, addresses, text; and whether every tag is closed in order."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.addresses: list[str] = []
        self.handlers: list[str] = []
        self.alts: list[str] = []
        self.text = ""
        self._open: list[str] = []
        self.feed(text)
        assert self._open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.addresses += [value or "" for name, value in attrs if name in {"src", "href", "xlink:href", "data"}]
        self.handlers += [name for name, _ in attrs if name.startswith("on")]
        self.alts += [value or "" for name, value in attrs if name == "alt"]
        if tag not in VOID:
            self._open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)

    def handle_endtag(self, tag: str) -> None:
        if tag not in VOID:
            assert self._open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data


def page_of(bundle: Bundle, station: Path) -> str:
    found = evaluate_bundle(bundle, station)
    return report(found, name="weld.andon", made_at=datetime(2026, 5, 4, tzinfo=UTC), andon_version="1").decode()


def test_the_page_runs_nothing_and_fetches_nothing(bundle: Bundle, station: Path) -> None:
    text = page_of(bundle, station)
    page = Page(text)
    assert not {"script", "iframe", "object", "embed", "link", "form"} & set(page.tags)
    assert page.handlers == []
    assert page.addresses
    assert all(address.startswith("data:image/jpeg;base64,") for address in page.addresses)
    assert "http://" not in text
    assert "https://" not in text
    assert "@import" not in text
    assert not re.search(r"url\(", text)
    assert "default-src 'none'" in text


def test_a_name_that_wants_to_run_is_shown_as_it_is(bundle: Bundle, station: Path) -> None:
    page = Page(page_of(bundle, station))
    assert page.text.count(HOSTILE) >= 3  # the product, the defect's row, a picture


def test_the_page_says_which_bundle_it_is_about_and_how_it_did(bundle: Bundle, station: Path) -> None:
    text = Page(page_of(bundle, station)).text
    assert bundle.digest in text
    assert "2 of 22 good" in text
    assert "8 of 16 defective" in text
    assert "2026-05-04 00:00 UTC" in text


def test_the_worst_come_first(bundle: Bundle, station: Path) -> None:
    """Misses from the lowest score up, then false calls and catches from the highest down; six of each at most."""
    shown = [alt for alt in Page(page_of(bundle, station)).alts if not alt.startswith("heat map")]
    assert shown == [
        *(f"{HOSTILE}/{level}.png" for level in range(100, 106)),
        "good/160.png",
        "good/150.png",
        *(f"{HOSTILE}/{level}.png" for level in range(177, 171, -1)),
    ]


def test_light_and_dark_readers_are_both_served(bundle: Bundle, station: Path) -> None:
    assert "prefers-color-scheme: dark" in page_of(bundle, station)


def test_frames_of_one_sort_make_a_page_too(bundle: Bundle, station: Path) -> None:
    for path in (station / "test" / "good").iterdir():
        path.unlink()
    text = Page(page_of(bundle, station)).text
    assert "no good frames" in text
    assert "There are no good frames here" in text


def scored(value: float) -> Scored:
    return Scored(Labelled(Path("x.png"), "good"), value, np.full((2, 2), value, np.float32))


def test_a_colour_means_the_same_in_every_picture() -> None:
    for frames in ([scored(0.1)], [scored(50.0)]):
        scale = heat_scale(2.0, frames)
        assert scale.shares(np.array([0.0, 2.0, 4.0, 9.0], np.float32)).tolist() == [0, 0.5, 1, 1]


def test_a_threshold_below_zero_lies_in_the_middle_of_the_colours_too() -> None:
    scale = heat_scale(-3.0, [scored(-7.0), scored(5.0)])
    assert scale.shares(np.array([-7.0, -3.0, 1.0], np.float32)).tolist() == [0, 0.5, 1]


def test_the_histogram_holds_every_frame() -> None:
    good, defective = np.linspace(0, 1, 50).tolist(), [*np.linspace(0.5, 2, 30).tolist(), 1000.0]
    drawn = chart.histogram(good, defective, 1.0)
    counts = dict.fromkeys(("good", "defective"), 0)
    for bar in drawn.bars:
        counts[bar.side] += int(bar.told.split()[0])
    assert counts == {"good": 50, "defective": 31}
    assert "in the last bar: 1, up to 1e+03" in drawn.note


def test_a_histogram_of_one_score_is_drawn() -> None:
    assert len(chart.histogram([2.0, 2.0], [], 2.0).bars) == 1


def test_ticks_are_round_numbers() -> None:
    assert [tick.text for tick in chart.across(0.13, 2.4).ticks()] == ["0.5", "1", "1.5", "2"]
    assert [tick.text for tick in chart.across(-3, 12).ticks()] == ["0", "5", "10"]


@pytest.mark.parametrize(("share", "said"), [(0.0, "0 %"), (1.0, "100 %"), (0.00045, "0.045 %"), (0.968, "96.8 %")])
def test_a_share_is_said_in_as_many_digits_as_matter(share: float, said: str) -> None:
    assert percent(share).replace("\N{NO-BREAK SPACE}", " ") == said


@pytest.fixture(scope="module")
def app() -> typer.Typer:
    commands = typer.Typer()
    commands.command("evaluate")(evaluate)
    commands.command("verify")(verify)
    return commands


def run(app: typer.Typer, *args: object) -> Result:
    return CliRunner().invoke(app, ["evaluate", *map(str, args)], catch_exceptions=False)


@pytest.fixture
def file(bundle: Bundle, tmp_path: Path) -> Path:
    path = tmp_path / "bundles" / "weld.andon"
    write_bundle(bundle, path)
    return path


def test_the_report_lies_beside_the_bundle_unless_told_otherwise(
    app: typer.Typer, file: Path, station: Path, tmp_path: Path
) -> None:
    assert str(file.with_name("weld.test.html")) in run(app, file, station).stderr.replace("\n", "")
    assert sorted(path.name for path in file.parent.iterdir()) == ["weld.andon", "weld.test.html"]
    run(app, file, station, "--report", tmp_path / "new" / "page.html")
    assert (tmp_path / "new" / "page.html").read_bytes().startswith(b"<!doctype html>")


def test_without_a_report_nothing_is_written(app: typer.Typer, file: Path, station: Path) -> None:
    run(app, file, station, "--no-report")
    assert [path.name for path in file.parent.iterdir()] == ["weld.andon"]


def test_the_report_never_takes_the_place_of_the_bundle_or_a_folder(
    app: typer.Typer, file: Path, station: Path
) -> None:
    for place, said in ((file, "is the bundle"), (station, "is a folder")):
        with pytest.raises(Mistake, match=said):
            run(app, file, station, "--report", place)


def test_ctrl_c_leaves_nothing_behind(
    app: typer.Typer, file: Path, station: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(*_args: object, **_more: object) -> bytes:
        raise KeyboardInterrupt

    monkeypatch.setattr("andon_training.evaluate.report.galleries", interrupted)
    result = run(app, file, station)
    assert result.exit_code != 0
    assert [path.name for path in file.parent.iterdir()] == ["weld.andon"]
