"""What so many stations need: `python bench/capacity.py --stations 1000 --fps 1`.

Arithmetic and nothing else, from what bench/ measured (bench/results) and from what others published where nothing was
measured here. With `--write` the tables of docs/scaling.md are made anew.
"""

import math
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated

import typer
from capacity_figures import RESULTS, SERIES, Known, by_stations, figures
from report import Table
from rich.console import Console

from andon.topics import ALL, BY_NAME, FRAMES, HOUR_MS, PREPARED, SCORES

PAGE = Path(__file__).parents[1] / "docs" / "scaling.md"
SHOWN = (10, 1_000, 100_000)
MB, GB, TB = 1e6, 1e9, 1e12
MADE = re.compile(r"(<!-- bench/capacity.py: (\w+) -->\n).*?(<!-- end -->)", re.DOTALL)


@dataclass(frozen=True)
class Asked:
    """What is to be carried. `frame_bytes` of one encoded image; `side` of the square, in colour, that a model gets;
    `busy` is the share of a core, or of a card, that a process may take; `incidents` a station and day."""

    stations: int
    fps: float = 1.0
    frame_bytes: float = 200e3
    side: int = 256
    replication: int = 3
    hours: float = 24.0
    busy: float = 0.7
    incidents: float = 1.0

    @property
    def frames_per_s(self) -> float:
        """Of all stations."""
        return self.stations * self.fps

    @property
    def prepared_bytes(self) -> float:
        """Of one frame: uint8, three channels."""
        return float(3 * self.side**2)


SCORE_BYTES = 1116.0
"""Of one in Kafka, before compression: bench/results/drift.md."""
READERS = 5
"""Of scores: alerting, drift, ledger-watch, console, evidence."""
EVIDENCE_FRAMES, EVIDENCE_DAYS = 12, 90


def cores(asked: Asked, known: Known, name: str) -> float:
    """Of a service, busy all the time."""
    return asked.frames_per_s * known[name].value / 1000


def pods(asked: Asked, known: Known, name: str) -> int:
    """Of a service, one core each, none busier than it may be."""
    return max(1, math.ceil(cores(asked, known, name) / asked.busy))


STAGES = ("ingest", "preprocess", "scoring", "drift", "alerting", "ledger-watch")
"""Services that share the stations among as many pods as there are partitions; ingest shares the cameras."""


def partitions(asked: Asked, known: Known) -> int:
    """Six, doubled until the largest group can grow to twice its pods."""
    wanted = 2 * max(pods(asked, known, name) for name in STAGES)
    return 6 * 2 ** max(0, math.ceil(math.log2(wanted / 6)))


def fullest(asked: Asked, known: Known) -> float:
    """The fullest partition's stations to the mean, as hashing spreads them: 1 + sqrt(2 ln P / mean)."""
    parts = partitions(asked, known)
    return 1 + math.sqrt(2 * math.log(parts) * parts / asked.stations)


def replicas(asked: Asked, known: Known) -> int:
    """Of partitions of all of Andon's topics."""
    parts = partitions(asked, known)
    return asked.replication * sum(parts if topic.spread else 1 for topic in ALL)


def written(asked: Asked) -> float:
    """Bytes a second that producers write: images, prepared frames, scores."""
    return asked.frames_per_s * (asked.frame_bytes + asked.prepared_bytes + SCORE_BYTES)


def read(asked: Asked) -> float:
    """Bytes a second that services read."""
    return asked.frames_per_s * (asked.frame_bytes + asked.prepared_bytes + READERS * SCORE_BYTES)


def sent(asked: Asked) -> float:
    """Bytes a second that leave all brokers: to services and to the other replicas."""
    return read(asked) + (asked.replication - 1) * written(asked)


def brokers(asked: Asked, known: Known) -> int:
    """By what they take; as many as there are replicas at least."""
    return max(asked.replication, math.ceil(written(asked) / (known["broker"].value * MB)))


def on_a_broker(asked: Asked, known: Known) -> float:
    """Of those, the share of one."""
    return replicas(asked, known) / brokers(asked, known)


def images(asked: Asked) -> float:
    """Bytes of camera.frames on all brokers."""
    return _disk(asked, asked.frame_bytes, asked.hours)


def prepared(asked: Asked) -> float:
    """Bytes of frames.prepared on all brokers."""
    return _disk(asked, asked.prepared_bytes, _kept_h(PREPARED))


def scores(asked: Asked) -> float:
    """Bytes of scores on all brokers, as if they were not compressed."""
    return _disk(asked, SCORE_BYTES, _kept_h(SCORES))


def _disk(asked: Asked, each: float, hours: float) -> float:
    return asked.replication * asked.frames_per_s * each * hours * 3600


def _kept_h(topic: str) -> float:
    return (BY_NAME[topic].retention_ms or 0) / HOUR_MS


def lasts_h(asked: Asked, known: Known, topic: str = FRAMES, each: float | None = None) -> float:
    """For how long a topic holds a record of `each` bytes, with the bounds that `andon topics create` sets."""
    size = asked.frame_bytes if each is None else each
    bound = BY_NAME[topic].retention_bytes or 0
    return min(_kept_h(topic), bound * partitions(asked, known) / (asked.frames_per_s * size) / 3600)


def bound_gib(asked: Asked, known: Known) -> float:
    """What retention.bytes of camera.frames must be, a partition, for the fullest to hold its images so long."""
    each = asked.frames_per_s * asked.frame_bytes / partitions(asked, known)
    return each * fullest(asked, known) * asked.hours * 3600 / 2**30


@dataclass(frozen=True)
class Row:
    """One line of the table: what, how it is written, and the arithmetic in words."""

    what: str
    how: str
    of: Callable[[Asked, Known], float]
    formula: str


def _pods(name: str) -> Row:
    return Row(f"pods of {name}", ",.0f", lambda a, k: pods(a, k, name), "`f x ms / 1000 / busy`, up")


def _cards(a: Asked, k: Known) -> float:
    return math.ceil(a.frames_per_s / k["gpu"].value / a.busy)


def _prepared_last(a: Asked, k: Known) -> float:
    return lasts_h(a, k, PREPARED, a.prepared_bytes)


def _scores_last(a: Asked, k: Known) -> float:
    return lasts_h(a, k, SCORES, SCORE_BYTES) / 24


def _prometheus(a: Asked, k: Known) -> float:
    return a.stations * SERIES.value * k["series"].value * 1000


def _evidence(a: Asked, _: Known) -> float:
    return a.stations * a.incidents * EVIDENCE_FRAMES * a.frame_bytes * EVIDENCE_DAYS


ROWS = (
    Row("frames a second", ",.0f", lambda a, _: a.frames_per_s, "`f = stations x fps`"),
    Row("images, MB/s", ",.1f", lambda a, _: a.frames_per_s * a.frame_bytes / MB, "`f x B`"),
    Row("prepared frames, MB/s", ",.1f", lambda a, _: a.frames_per_s * a.prepared_bytes / MB, "`f x 3 side²`"),
    Row("written to Kafka, MB/s", ",.1f", lambda a, _: written(a) / MB, "`f x (B + 3 side² + S)`"),
    Row(
        "sent by all brokers, MB/s", ",.1f", lambda a, _: sent(a) / MB, "`f x (B + 3 side² + 5 S) + (R - 1) x written`"
    ),
    Row("brokers, by what they take", ",.0f", brokers, "`written / 67`, up; `R` at least"),
    Row("partitions `P` of a topic", ",.0f", partitions, "6, doubled until twice the most pods fit"),
    Row("fullest partition to the mean", ".2f", fullest, "`1 + sqrt(2 ln P x P / stations)`"),
    Row("replicas of partitions on a broker", ",.0f", on_a_broker, "`R x (spread topics x P + others) / brokers`"),
    Row("disk for a day of images, TB", ",.2f", lambda a, _: images(a) / TB, "`R x f x B x 24 h`"),
    Row("disk for prepared frames, TB", ",.2f", lambda a, _: prepared(a) / TB, "`R x f x 3 side² x 1 h`"),
    Row("disk for scores, TB, uncompressed", ",.2f", lambda a, _: scores(a) / TB, "`R x f x S x 14 d`"),
    Row("images last, h", ",.1f", lasts_h, "`20 GiB x P / (f x B)`; 24 at most"),
    Row("prepared frames last, h", ",.2f", _prepared_last, "`4 GiB x P / (f x 3 side²)`; 1 at most"),
    Row("scores last, days, uncompressed", ",.1f", _scores_last, "`4 GiB x P / (f x S)`; 14 at most"),
    Row("`retention.bytes` for a day of them, GiB", ",.0f", bound_gib, "`f x B / P x fullest x 24 h`"),
    *map(_pods, STAGES),
    Row("cores of a console", ",.2f", lambda a, k: cores(a, k, "console"), "`f x ms / 1000`: each reads every score"),
    Row("cards in place of the pods of scoring", ",.0f", _cards, "`f / 600 / busy`, up: EfficientAD-S"),
    Row("memory for fitted bundles, GiB", ",.1f", lambda a, k: a.stations * k["head"].value / 1024, "`stations x MiB`"),
    Row("cores of Redis", ",.2f", lambda a, k: cores(a, k, "redis"), "`f x ms / 1000`"),
    Row("data in Redis, MB", ",.1f", lambda a, k: a.stations * k["hash"].value / 1000, "`stations x kB`"),
    Row("series, at most", ",.0f", lambda a, _: a.stations * SERIES.value, "`stations x 300`"),
    Row("memory of Prometheus, GB", ",.2f", lambda a, k: _prometheus(a, k) / GB, "`series x 3 kB`"),
    Row(
        "evidence of 90 days, GB", ",.1f", lambda a, k: _evidence(a, k) / GB, "`stations x incidents a day x 12 B x 90`"
    ),
)


def needs(asked: Sequence[Asked], known: Known) -> Table:
    """What each of `asked` needs."""
    head = ["", *(f"{each.stations:,} stations" for each in asked), "how"]
    rows = [[row.what, *(format(row.of(each, known), row.how) for each in asked), row.formula] for row in ROWS]
    return Table("What so many stations need", head, rows, _frame(asked[0]))


def _frame(asked: Asked) -> str:
    return (
        f"fps = {asked.fps:g}, B = {asked.frame_bytes / 1000:g} kB an image, side = {asked.side} pixels, "
        f"R = {asked.replication} replicas, S = {SCORE_BYTES / 1000:.1f} kB a score, busy = {asked.busy:g}."
    )


def stands_on(known: Known) -> Table:
    """The figures."""
    rows = [[each.what, f"{each.value:.4g}", each.unit, each.source] for each in (*known.values(), SERIES)]
    return Table("What it stands on", ["", "measured", "unit", "where"], rows)


def flat(results: Path = RESULTS) -> Table:
    """What a frame costs, and what a station takes, by how many stations there are."""
    counts, costs, held = by_stations(results)
    rows = []
    for name, each in costs.items():
        more = 2**20 / 1000 * (held[name][-1] - held[name][0]) / (counts[-1] - counts[0])
        cells = [*(f"{ms:.3f}" for ms in each), f"{each[-1] / each[0]:.2f}"]
        rows.append([name, *cells, f"{max(0.0, more):.0f}"])
    head = ["CPU-ms of a frame", *(f"{count:,} stations" for count in counts), "ratio", "kB of memory a station"]
    return Table("What a frame costs, by stations", head, rows)


def filled(page: str, known: Known, results: Path = RESULTS) -> str:
    """The page with its tables made anew."""
    shown = [Asked(stations) for stations in SHOWN]
    tables = {"needs": needs(shown, known), "figures": stands_on(known), "flat": flat(results)}
    return MADE.sub(lambda found: f"{found[1]}{_bare(tables[found[2]])}{found[3]}", page)


def _bare(table: Table) -> str:
    """As Markdown, without its title: the page has its own."""
    return table.markdown().partition("\n\n")[2]


def main(
    stations: Annotated[int, typer.Option(min=1, help="How many stations.")] = 1000,
    fps: Annotated[float, typer.Option(min=0.001, help="Frames a second of each.")] = 1.0,
    kilobytes: Annotated[float, typer.Option(min=1, help="Of one encoded image.")] = 200.0,
    side: Annotated[int, typer.Option(min=8, help="Of the square that the model gets, pixels.")] = 256,
    replication: Annotated[int, typer.Option(min=1, help="Copies that Kafka keeps.")] = 3,
    hours: Annotated[float, typer.Option(min=0.1, help="For how long images are kept.")] = 24.0,
    busy: Annotated[float, typer.Option(min=0.1, max=1, help="How busy a core may be.")] = 0.7,
    write: Annotated[bool, typer.Option("--write", help="Make the tables of docs/scaling.md anew.")] = False,
) -> None:
    """What so many stations need, by arithmetic."""
    known = figures()
    if write:
        PAGE.write_text(filled(PAGE.read_text(), known))
        return
    asked = Asked(stations, fps, 1000 * kilobytes, side, replication, hours, busy)
    Console(highlight=False).print(_frame(asked))
    for table in (needs([asked], known), stands_on(known)):
        replace(table, remark="").show(Console(highlight=False))


if __name__ == "__main__":
    typer.run(main)
