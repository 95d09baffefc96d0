"""docs/scaling.md says what the arithmetic gives, and the arithmetic stands on what bench/ measured."""

import json
import math
import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from andon.topics import ALL, BY_NAME, FRAMES, PREPARED, SCORES
from andon_alerting.evidence.settings import KeepingSettings

ROOT = Path(__file__).parents[2]
BENCH, RESULTS = ROOT / "bench", ROOT / "bench" / "results"
PAGE = (ROOT / "docs" / "scaling.md").read_text()


@pytest.fixture
def capacity(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """bench/capacity.py, as its command finds it."""
    monkeypatch.syspath_prepend(str(BENCH))
    import capacity

    return capacity


@pytest.fixture
def thousand(capacity: ModuleType) -> Any:
    return capacity.Asked(1000)


def test_the_tables_of_the_page_are_what_the_arithmetic_gives(capacity: ModuleType):
    made = capacity.filled(PAGE, capacity.figures())
    assert made == PAGE, "make them anew: python bench/capacity.py --write"
    assert made.count("| ---") > 3


def test_another_measurement_makes_another_table(capacity: ModuleType, tmp_path: Path):
    for each in RESULTS.glob("*.*"):
        (tmp_path / each.name).write_bytes(each.read_bytes())
    line = json.loads((RESULTS / "line.json").read_text())
    line["bundles"]["fitted bundle"]["half_load"]["cpu_ms"]["preprocess"] *= 3
    (tmp_path / "line.json").write_text(json.dumps(line))
    made = capacity.filled(PAGE, capacity.figures(tmp_path), tmp_path)
    row = r"\| pods of preprocess \| 1 \| (\d+) \|"
    assert int(re.findall(row, made)[0]) > 2 * int(re.findall(row, PAGE)[0])


def test_every_figure_that_was_measured_is_the_one_in_its_file(capacity: ModuleType):
    known = capacity.figures()
    half = json.loads((RESULTS / "line.json").read_text())["bundles"]["fitted bundle"]["half_load"]["cpu_ms"]
    for name in ("ingest", "preprocess", "scoring", "alerting", "redis"):
        assert known[name].value == half[name]
    for name, pattern in (
        ("drift", r"andon drift on Kafka and Redis \| [\d,]+ \| (\d+) \|"),
        ("ledger-watch", r"andon ledger-watch on Kafka and Redis \| [\d,]+ \| (\d+) \|"),
    ):
        (told,) = re.findall(pattern, (RESULTS / known[name].source).read_text())
        assert round(1000 * known[name].value) == int(told)
    (told,) = re.findall(r"\| 200 \| 2400 \| [\d.]+ \| (\d+) \|", (RESULTS / "evidence.md").read_text())
    assert round(known["evidence"].value) == int(told)


def test_what_was_not_measured_has_a_source_on_the_page(capacity: ModuleType):
    for each in capacity.figures().values():
        if numbered := re.fullmatch(r"\[(\d)\]", each.source):
            assert re.search(rf"^{numbered[1]}\. \[.+\]\(https://", PAGE, re.MULTILINE), each
        else:
            assert (RESULTS / each.source.partition(",")[0]).exists(), each


def test_twice_the_stations_are_twice_the_bytes_and_cores(capacity: ModuleType, thousand: Any):
    known, twice = capacity.figures(), replace(thousand, stations=2000)
    for of in (capacity.written, capacity.sent, capacity.images, capacity.prepared, capacity.scores):
        assert of(twice) == pytest.approx(2 * of(thousand))
    for name in capacity.STAGES:
        assert capacity.cores(twice, known, name) == pytest.approx(2 * capacity.cores(thousand, known, name))


def test_what_is_written_is_every_byte_of_a_frame_on_its_way(capacity: ModuleType, thousand: Any):
    assert capacity.written(thousand) == 1000 * (200_000 + 256 * 256 * 3 + capacity.SCORE_BYTES)
    assert capacity.sent(thousand) == capacity.read(thousand) + 2 * capacity.written(thousand)
    assert capacity.images(thousand) == 3 * 1000 * 200_000 * 86_400


def test_a_group_can_grow_to_twice_its_pods(capacity: ModuleType):
    known = capacity.figures()
    for stations in (1, 10, 77, 1000, 5000, 100_000):
        asked = capacity.Asked(stations)
        most = max(capacity.pods(asked, known, name) for name in capacity.STAGES)
        assert 2 * most <= capacity.partitions(asked, known) <= max(6, 4 * most)


def test_no_pod_is_busier_than_was_asked(capacity: ModuleType):
    known = capacity.figures()
    for stations in (1, 10, 1000, 100_000):
        asked = capacity.Asked(stations, busy=0.5)
        for name in capacity.STAGES:
            assert capacity.cores(asked, known, name) / capacity.pods(asked, known, name) <= 0.5


def test_replicas_of_partitions_are_those_of_every_topic(capacity: ModuleType, thousand: Any):
    parts = capacity.partitions(thousand, capacity.figures())
    spread = [topic for topic in ALL if topic.spread]
    assert capacity.replicas(thousand, capacity.figures()) == 3 * (len(spread) * parts + len(ALL) - len(spread))
    assert capacity.on_a_broker(thousand, capacity.figures()) < capacity.figures()["replicas"].value


def test_the_fullest_partition_is_about_as_full_as_hashing_makes_it(capacity: ModuleType, thousand: Any):
    """A thousand times a thousand stations thrown on the partitions."""
    import numpy as np

    known = capacity.figures()
    parts, rng = capacity.partitions(thousand, known), np.random.default_rng(1)
    thrown = [np.bincount(rng.integers(0, parts, 1000), minlength=parts).max() for _ in range(1000)]
    seen = float(np.mean(thrown)) * parts / 1000
    assert seen <= capacity.fullest(thousand, known) < 1.15 * seen


def test_a_bound_as_told_holds_images_as_long_as_was_asked(capacity: ModuleType, thousand: Any):
    known, bound = capacity.figures(), BY_NAME[FRAMES].retention_bytes or 0
    assert capacity.lasts_h(thousand, known) < 1
    assert capacity.lasts_h(capacity.Asked(1), known) == 24
    minutes, days = numbers("prepared frames last N minutes, and scores N day")
    assert minutes == round(60 * capacity.lasts_h(thousand, known, PREPARED, thousand.prepared_bytes))
    assert days == round(capacity.lasts_h(thousand, known, SCORES, capacity.SCORE_BYTES) / 24)
    asked = replace(thousand, hours=bound / 2**30 / capacity.bound_gib(thousand, known) * 24)
    assert capacity.bound_gib(asked, known) == pytest.approx(bound / 2**30)


def numbers(pattern: str) -> list[float]:
    """The numbers in the one place of the page that reads so, line breaks aside; N stands for each."""
    (found,) = re.findall(pattern.replace("N", r"([\d.,]*\d)"), re.sub(r"\s+", " ", PAGE))
    return [float(each.replace(",", "")) for each in ([found] if isinstance(found, str) else found)]


def test_what_is_told_in_words_is_what_the_arithmetic_gives(capacity: ModuleType, thousand: Any):
    known, many = capacity.figures(), capacity.Asked(100_000)
    assert numbers("a day of images is N TB") == [round(capacity.images(thousand) / 1e12)]
    written, sent = numbers("N MB/s written, N GB/s sent")
    assert written == round(capacity.written(thousand) / 1e6)
    assert sent == round(capacity.sent(thousand) / 1e9, 1)
    both = [round(capacity.cores(thousand, known, name)) for name in ("preprocess", "scoring")]
    assert numbers("CPU of preprocess and scoring\\*\\*: N and N cores") == both
    (cores,) = numbers("reads every score: N cores")
    assert cores == round(capacity.cores(capacity.Asked(10_000), known, "console"), 1)
    brokers, petabytes, series = numbers("everything at once: N brokers, N PB, N million series")
    assert (brokers, petabytes) == (capacity.brokers(many, known), round(capacity.images(many) / 1e15))
    assert series == 100_000 * capacity.SERIES.value / 1e6
    assert numbers("N brokers in clusters of six") == [100 * capacity.brokers(thousand, known)]
    assert capacity.brokers(thousand, known) == 6


def test_the_retention_that_is_shown_is_enough_for_the_time_that_is_shown(capacity: ModuleType, thousand: Any):
    ms, bound = numbers("retention.ms=N,retention.bytes=N")
    assert numbers("of 1,000 stations on N partitions") == [capacity.partitions(thousand, capacity.figures())]
    (hour,) = numbers("add-config retention.bytes=N")
    each = thousand.prepared_bytes / thousand.frame_bytes / thousand.hours
    needed = capacity.bound_gib(thousand, capacity.figures()) * 2**30 * each
    assert needed < hour < 1.2 * needed
    hours = ms / 3_600_000
    needed = capacity.bound_gib(replace(thousand, hours=hours), capacity.figures()) * 2**30
    assert needed < bound < 1.2 * needed
    assert hours == 4


def test_evidence_passes_its_bound_where_the_page_says(capacity: ModuleType):
    (stations,) = numbers("at about N stations")
    row = next(each for each in capacity.ROWS if each.what.startswith("evidence"))
    gigabytes = row.of(capacity.Asked(int(stations)), capacity.figures())
    assert 1e9 * gigabytes == pytest.approx(KeepingSettings().max_bytes, rel=0.05)


def test_a_prepared_batch_is_as_large_as_the_page_says(thousand: Any):
    from andon.settings import KafkaSettings

    usual = KafkaSettings()
    (count,) = numbers("at 512x512 N[.]")
    assert count == math.floor(usual.batch_bytes / (3 * 512 * 512))
    assert usual.batch_records * thousand.prepared_bytes < usual.batch_bytes


def test_the_command_tells_of_any_line():
    command = [sys.executable, str(BENCH / "capacity.py"), "--stations", "400", "--fps", "5", "--side", "512"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, env={"COLUMNS": "200"}, check=True)
    assert re.search(r"frames a second +│ +2,000 ", done.stdout)
    assert "side = 512" in done.stdout
