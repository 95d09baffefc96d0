"""The command line: what it accepts, and how it says what it does not."""

from dataclasses import replace

import pytest
from prometheus_client import CollectorRegistry
from typer.testing import CliRunner

from andon.errors import Mistake
from andon.metrics import Metrics
from andon_ingest.batch import BatchLimits
from andon_ingest.capture import Skip, frames
from andon_ingest.clock import Clock
from andon_ingest.folder import FolderSource, Replay
from andon_ingest.inbox import Inbox
from andon_ingest.journal import Forgetful
from andon_ingest.main import CaptureSource, app
from andon_ingest.observe import Tally, counted, skips_counted, summary


def mistake(*arguments):
    result = CliRunner().invoke(app, list(arguments))
    assert isinstance(result.exception, Mistake), result.output
    return str(result.exception)


@pytest.mark.parametrize("command", ["folder", "video", "http", "generate"])
def test_every_sub_command_teaches_with_an_example(command):
    result = CliRunner().invoke(app, [command, "--help"], env={"COLUMNS": "200"})
    assert f"andon ingest {command}" in result.output
    assert "Example" in result.output


def test_a_folder_that_cannot_name_a_station_is_told_a_name_that_can(tmp_path):
    (tmp_path / "Weld 07").mkdir()
    assert "try 'weld-07'" in mistake("folder", str(tmp_path / "Weld 07"))


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ([], "which folder"),
        (["--from", "press-4"], "STATION=DIRECTORY"),
        (["--from", "Press=."], "try 'press'"),
        (["--from", "a=.", "--from", "a=/"], "named twice"),
        (["--from", "a=.", "--station", "b"], "STATION=DIR"),
        (["--from", "a=no/such/place"], "no such folder: no/such/place"),
        (["--from", "a=.", "--loop", "--watch"], "--loop"),
    ],
)
def test_mistakes_are_told_before_anything_starts(arguments, words):
    assert words in mistake("folder", *arguments)


def test_a_product_that_cannot_be_is_told_before_anything_starts():
    assert "--product" in mistake("generate", "--product", "a\nb")


def test_the_metrics_count_captured_and_skipped_by_station(new_capture, shot):
    metrics, tally, capture = Metrics(CollectorRegistry()), Tally(), new_capture()
    export = skips_counted(capture, metrics)
    handle = counted(frames, metrics, tally)
    handle([capture.take(shot(b"one")), capture.take(shot(b"two"))], None)
    capture.skip("press-4", Skip.BUSY, 3)
    export()
    export()
    capture.skip("press-4", Skip.BUSY)
    export()
    value = metrics.registry.get_sample_value
    assert value("andon_frames_captured_total", {"station": "press-4"}) == 2
    assert value("andon_frames_skipped_total", {"station": "press-4", "reason": "busy"}) == 4
    assert summary(capture, tally) == {
        "captured": 2,
        "earlier": 0,
        "delivered": 2,
        "skipped": {"busy": 4},
        "dead_lettered": 0,
        "epoch": {"press-4": capture.epoch},
    }


def test_a_station_that_is_known_counts_from_nought_so_that_a_rate_sees_its_first_frame(new_capture, shot):
    metrics = Metrics(CollectorRegistry())
    handle = counted(frames, metrics, Tally(), ["press-4", "press-5"])
    handle([new_capture().take(shot(b"one"))], None)
    value = metrics.registry.get_sample_value
    assert value("andon_frames_captured_total", {"station": "press-4"}) == 1
    assert value("andon_frames_captured_total", {"station": "press-5"}) == 0


def test_the_summary_tells_dead_letters_from_deliveries(new_capture, shot):
    capture, tally = new_capture(), Tally()
    record = capture.take(replace(shot(b""), left_out_bytes=9))
    counted(frames, Metrics(CollectorRegistry()), tally)([record], None)
    assert (tally.captured, tally.delivered, tally.dead_lettered) == (1, 0, 1)


def test_every_source_says_whose_capture_it_is(new_capture):
    sources: list[CaptureSource] = [
        Inbox(new_capture(), BatchLimits(), Clock()),
        FolderSource(new_capture(), [], Replay(), Forgetful(), BatchLimits(), Clock()),
    ]
    assert all(source.capture.epoch == 1700000000000 for source in sources)
