"""`andon demo` as a newcomer runs it: real servers, every service its own process, figures at the end."""

import json
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import psutil
import pytest

from andon_demo.line import andon_command

sys.path.append(str(Path(__file__).parent))  # dashboard_queries.py

import dashboard_queries

pytestmark = [pytest.mark.servers, pytest.mark.timeout(600)]
FIELDS = {
    "stations",
    "captured",
    "scored",
    "dead_lettered",
    "skipped",
    "balanced",
    "incidents",
    "pages",
    "auroc",
    "false_call_rate",
    "escape_rate",
    "latency_ms",
    "frames_per_s",
    "wall_s",
}


def demo(*arguments: str) -> tuple[int, dict[str, object], str]:
    done = subprocess.run([andon_command(), "demo", *arguments], capture_output=True, text=True, timeout=500)
    return done.returncode, json.loads(done.stdout.splitlines()[-1]), done.stderr


def draw(folder: Path, stations: int) -> list[Path]:
    subprocess.run(
        [andon_command(), "ingest", "draw", str(folder), "--stations", str(stations), "--good", "60"],
        check=True,
        capture_output=True,
    )
    return sorted(folder.iterdir())


def test_without_arguments_it_draws_parts_learns_them_and_pages_when_they_break():
    status, figures, words = demo("--stations", "2", "--rate", "8", "--count", "60", "--exit", "--json")
    assert status == 0, words
    assert figures.keys() >= FIELDS
    assert figures["balanced"] is True
    assert (figures["stations"], figures["captured"], figures["scored"]) == (2, 120, 120)
    assert int(str(figures["incidents"])) >= 1
    assert figures["pages"] == figures["incidents"]
    token = words.split("/sign-in#")[1].split()[0]
    assert len(token) >= 43
    assert token not in str(figures)


def test_folders_of_images_are_stations_and_a_file_that_is_no_image_is_a_dead_letter(tmp_path: Path):
    first, second = draw(tmp_path / "parts", 2)
    (first / "test" / "good" / "zz-broken.jpg").write_bytes(b"\xff\xd8\xff this is no image")
    images = ["--images", str(first), "--images", str(second)]
    status, figures, words = demo(*images, "--rate", "0", "--exit", "--json", "--state", str(tmp_path / "state"))
    assert status == 0, words
    streamed = sum(len(list((folder / "test").rglob("*.jpg"))) for folder in (first, second))
    assert (figures["captured"], figures["dead_lettered"], figures["balanced"]) == (streamed, 1, True)
    assert set(figures["auroc"]) == {first.name, second.name}  # type: ignore[call-overload]
    assert all(area > 0.8 for area in figures["auroc"].values())  # type: ignore[attr-defined]
    assert (tmp_path / "state" / "logs" / "scoring.log").stat().st_size > 0


def test_a_folder_in_another_layout_is_a_mistake_told_before_anything_starts(tmp_path: Path):
    (tmp_path / "odd").mkdir()
    done = subprocess.run(
        [andon_command(), "demo", "--images", str(tmp_path / "odd")], capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 2
    assert "not in MVTec AD layout; it needs train/good" in done.stderr


@contextmanager
def running(words: Path, *arguments: str) -> Iterator[tuple["subprocess.Popen[str]", str]]:
    """A demo that streams and speaks into `words`, and where its Prometheus is; killed at the end if it still runs."""
    command = [andon_command(), "demo", *arguments]
    with (
        words.open("w") as said,
        subprocess.Popen(command, stdout=subprocess.PIPE, stderr=said, text=True, start_new_session=True) as process,
    ):
        try:
            told = told_until(process, words, "  streaming")
            yield process, told.partition("by its rules: ")[2].partition("/alerts")[0]
        finally:
            process.kill()


def told_until(process: "subprocess.Popen[str]", words: Path, last: str) -> str:
    """What it has said once it has said `last`."""
    while last not in (told := words.read_text()) and process.poll() is None:
        time.sleep(0.1)
    assert last in told, told
    return told


def without_data(prometheus: str, without: Collection[str], within_s: float) -> list[str]:
    """The queries of dashboards that never had data in that time, but for those `without`: where they stand."""
    deadline = time.monotonic() + within_s
    with httpx.Client(base_url=prometheus, timeout=10) as client:
        stations = eventually(lambda: dashboard_queries.choices(client, "station"), deadline)
        values = {"__rate_interval": "20s", "__range": "300s", "station": min(stations)}
        values |= dict.fromkeys(("line", "feature", "chart"), ".*")
        queries = list(dashboard_queries.asked(values))
        assert len(queries) > 100
        assert dashboard_queries.WITHOUT.keys() - {query.where for query in queries} == set()
        waiting = [query for query in queries if query.where not in without]
        while waiting and time.monotonic() < deadline:
            time.sleep(0.5)
            waiting = [query for query in waiting if not dashboard_queries.has_data(client, query)]
        return [query.where for query in waiting]


def eventually(ask: Callable[[], set[str]], deadline: float) -> set[str]:
    while not (found := ask()) and time.monotonic() < deadline:
        time.sleep(0.2)
    assert found
    return found


def test_every_query_of_the_dashboards_has_data_and_ctrl_c_ends_all_with_figures_that_balance(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("ANDON_LEDGER__REPORT_S", "2")
    with running(tmp_path / "words", "--stations", "1", "--json") as (process, prometheus):
        assert without_data(prometheus, dashboard_queries.WITHOUT, 180) == []
        family = psutil.Process(process.pid).children(recursive=True)
        assert len(family) >= 8  # four servers and four services
        process.send_signal(signal.SIGINT)
        assert process.stdout is not None
        figures = json.loads(process.stdout.read())
        assert process.wait(60) == 0
    assert figures["balanced"] is True
    _, alive = psutil.wait_procs(family, timeout=30)
    assert [each.name() for each in alive] == []


@pytest.mark.nightly
def test_where_drift_has_its_reference_the_dashboards_show_its_charts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("ANDON_DRIFT__LEARN_FRAMES", "1000")
    monkeypatch.setenv("ANDON_DRIFT__LEARN_HOURS", "0")
    long_enough_for = (dashboard_queries.REFERENCE, dashboard_queries.HEARTBEAT, dashboard_queries.INCIDENT)
    without = [where for where, why in dashboard_queries.WITHOUT.items() if why not in long_enough_for]
    with running(tmp_path / "words", "--stations", "2", "--rate", "20") as (_, prometheus):
        assert without_data(prometheus, without, 300) == []


def test_whatever_ends_it_no_process_is_left_behind(tmp_path: Path):
    with running(tmp_path / "words", "--stations", "1") as (process, _):
        time.sleep(2)
        family = psutil.Process(process.pid).children(recursive=True)
        assert len(family) >= 8  # four servers and four services
        process.kill()
        _, alive = psutil.wait_procs(family, timeout=30)
    assert [each.name() for each in alive] == []
