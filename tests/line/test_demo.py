"""`andon demo` as a newcomer runs it: real servers, every service its own process, figures at the end."""

import json
import os
import signal
import subprocess
import time
from pathlib import Path

import psutil
import pytest

from andon_demo.line import andon_command

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


def test_without_arguments_it_draws_parts_learns_them_and_pages_when_they_break(tmp_path: Path):
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


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL])
def test_whatever_ends_it_no_process_is_left_behind(number: int):
    process = subprocess.Popen(
        [andon_command(), "demo", "--stations", "1"],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        env=os.environ,
        start_new_session=True,
    )
    assert process.stderr is not None
    for line in process.stderr:
        if "streaming" in line:
            break
    time.sleep(2)
    family = psutil.Process(process.pid).children(recursive=True)
    assert len(family) >= 7  # three servers and four services
    process.send_signal(number)
    process.stderr.close()
    process.wait(60)
    _, alive = psutil.wait_procs(family, timeout=30)
    assert [each.name() for each in alive] == []
