"""Drift on pictures: real frames that go wrong little by little, until the drift service says so and why.

    python bench/driftbench/images.py [--sets magtile solar ...] [--data FOLDER] [--frames 2000] [--replay 10000]

A reference is learned from clean frames (5,000 or as many as the charts ask for), then each ramp spoils fresh ones a
little more with every frame. Told: at which frame and severity it was flagged, what image AUROC the bundle had lost by
then, whether the cause is right. Goes on where it stopped: what was measured lies in --cache. One core.

Writes bench/results/driftbench-images.md, .json and .png (drawn parts only: the real frames are not ours to show; the
sheet with all of them goes to the cache).
"""

import argparse
import json
import os
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import cv2
from images_camera import Camera
from images_measure import Measure, Rows, fitted
from images_picture import Pair, sheet
from images_ramps import CLEAN, RAMPS, Spoiler
from images_sets import SETS, Set, read_set
from images_table import write_table
from images_watch import Flag, findings, learned

from andon.records import Baseline, Cause, DriftCause, FindingKind
from andon_drift.numbers import Scale
from andon_training.evaluate.metrics import auroc

HOME = Path(__file__).parents[2]
RESULTS = HOME / "bench" / "results" / "driftbench-images"
LEAST, MOST = 5_000, 20_000
FRAMES, CHUNK = 2_000, 200
REFERENCE_SEED, REPLAY_SEED, RAMP_SEED, LABELLED_SEED = 1, 2, 3, 4


@dataclass(frozen=True)
class Row:
    """What came of one ramp. `frame` None: never flagged. AUROCs are None where the set or the ramp has none."""

    set: str
    ramp: str
    most: str
    abrupt: bool
    frame: int | None
    severity: float | None
    by: str
    named: DriftCause | None
    right: bool
    sentence: str
    auroc_clean: float | None
    auroc_there: float | None
    auroc_end: float | None

    @property
    def lost(self) -> float | None:
        """Points of AUROC lost where it was flagged; where it never was, at the end."""
        now = self.auroc_there if self.frame is not None else self.auroc_end
        return None if self.auroc_clean is None or now is None else 100 * (self.auroc_clean - now)


@dataclass(frozen=True)
class Clean:
    """A set's clean side: how many frames the reference took, how many false flags the replay gave."""

    set: str
    about: str
    reference: int
    replay: int
    flags: list[str]


class Bench:
    """One set: its bundle, its frames, its cache."""

    def __init__(self, images: Set, cache: Path, frames: int, seed: int = RAMP_SEED) -> None:
        self.images, self.frames, self.seed = images, frames, seed
        self.cache = cache / images.name
        self.cache.mkdir(parents=True, exist_ok=True)
        self.measure = Measure(fitted(images, self.cache / "bundle.andon"))
        height, width = images.stream[0].shape[:2]
        self.scale = Scale(width, height, self.measure.bundle.manifest.threshold)

    def stream(self, name: str, spoiler: Spoiler, seed: int, frames: int) -> Iterator[Rows]:
        """Measured frames, a chunk at a time; measured only as far as somebody reads."""
        for begin in range(0, frames, CHUNK):
            file = self.cache / f"{name}-{begin:05d}.npz"
            if not file.exists():
                self._measured(spoiler, seed, begin).save(file)
            yield Rows.load(file)

    def _measured(self, spoiler: Spoiler, seed: int, begin: int) -> Rows:
        camera = Camera(self._scenes(spoiler), 100_000 * seed + begin)
        pictures = [camera.take(spoiler, self.severity(spoiler, begin + i)) for i in range(CHUNK)]
        batches = [self.measure.rows(pictures[i : i + 8]) for i in range(0, CHUNK, 8)]
        return sum(batches[1:], batches[0])

    def _scenes(self, spoiler: Spoiler) -> list:
        """What the camera looks at: another product in the same picture size."""
        if not spoiler.product:
            return list(self.images.relit[spoiler.relit][0] if spoiler.relit else self.images.stream)
        return [cv2.resize(each, (self.scale.width, self.scale.height)) for each in self.images.other]

    def severity(self, spoiler: Spoiler, frame: int) -> float:
        """At that frame of the ramp."""
        return 1.0 if spoiler.abrupt else min(1.0, frame / self.frames)

    def ramps(self, names: list[str] | None) -> list[Spoiler]:
        """Those of RAMPS that can be had of these frames; of `names`, where given."""
        can = (each for each in RAMPS if self.images.colour or not each.colour)
        has = (each for each in can if not each.relit or each.relit in self.images.relit)
        return [each for each in has if not names or each.name in names]

    def reference(self) -> tuple[Baseline, int]:
        """Learned from as few frames as the charts will take."""
        wanted = LEAST
        while True:
            rows = list(self.stream("reference", CLEAN, REFERENCE_SEED, wanted))
            try:
                return learned(sum(rows[1:], rows[0]), self.scale), wanted
            except ValueError:
                if wanted >= MOST:
                    raise
                wanted = min(MOST, 2 * wanted)

    def auroc(self, spoiler: Spoiler, severity: float) -> float | None:
        """Of the bundle, on labelled frames that are all spoilt so much."""
        if spoiler.product:
            return None
        file = self.cache / f"auroc-{spoiler.name if severity else 'clean'}-{severity:.4f}.json"
        if not file.exists():
            relit = spoiler.relit if severity else ""
            frames = self.images.relit[relit] if relit else (self.images.good, self.images.defective)
            good, bad = (self._scores(which, spoiler, severity) for which in frames)
            file.write_text(json.dumps(auroc(good, bad)))
        return float(json.loads(file.read_text()))

    def _scores(self, images: object, spoiler: Spoiler, severity: float) -> list[float]:
        camera = Camera(images, LABELLED_SEED)
        pictures = [camera.take_one(i, spoiler, severity) for i in range(len(images))]
        return [
            float(score)
            for i in range(0, len(pictures), 8)
            for score in self.measure.rows(pictures[i : i + 8]).values[:, -1]
        ]

    def ramp(self, base: Baseline, spoiler: Spoiler) -> tuple[Row, Flag | None]:
        """One ramp, measured until it is flagged."""
        usual = (self.seed, self.frames) == (RAMP_SEED, FRAMES)
        name = spoiler.name if usual else f"{spoiler.name}-{self.seed}-{self.frames}"
        stream = self.stream(name, spoiler, self.seed, self.frames)
        flag = next((each for each in findings(base, self.scale, stream) if begins(each)), None)
        severity = self.severity(spoiler, flag.frame) if flag else None
        row = Row(
            set=self.images.name,
            ramp=spoiler.name,
            most=spoiler.most,
            abrupt=spoiler.abrupt,
            frame=flag.frame if flag else None,
            severity=severity,
            by=", ".join(sorted({name for name, _ in flag.charts})) if flag else "",
            named=(named := flag.finding.drift.named if flag and flag.finding.drift else None),
            right=named in spoiler.right,
            sentence=flag.finding.sentence if flag else "",
            auroc_clean=self.auroc(spoiler, 0.0),
            auroc_there=self.auroc(spoiler, severity) if severity is not None else None,
            auroc_end=self.auroc(spoiler, 1.0),
        )
        return row, flag

    def replay(self, base: Baseline, frames: int) -> list[str]:
        """What is flagged, wrongly, in clean frames."""
        stream = self.stream("replay", CLEAN, REPLAY_SEED, frames)
        found = (each for each in findings(base, self.scale, stream) if each.finding.kind is FindingKind.BEGAN)
        return [f"frame {each.frame}: {each.finding.sentence}" for each in found]

    def pair(self, spoiler: Spoiler, row: Row) -> Pair:
        """A frame as it was, and as it was at the flag (at the end, where there was none)."""
        severity = 1.0 if row.severity is None else row.severity
        then, now = (Camera(self._scenes(each), RAMP_SEED).take_one(0, each, severity) for each in (CLEAN, spoiler))
        return Pair(then, now, f"{row.ramp} {severity:.0%}", row.named or "not flagged", row.right)


def begins(flag: Flag) -> bool:
    """Whether it says that something drifted; that more frames are called is another finding."""
    return flag.finding.kind is FindingKind.BEGAN and flag.finding.cause is Cause.DRIFT


def main() -> None:
    """Measures, writes, prints."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sets", nargs="+", choices=sorted(SETS), default=list(SETS))
    beside = HOME.parent / "shared" / "data"
    parser.add_argument("--data", type=Path, default=Path(os.environ.get("ANDON_TEST_DATA", beside)))
    parser.add_argument("--cache", type=Path, default=HOME / ".cache" / "driftbench")
    parser.add_argument("--frames", type=int, default=FRAMES, help="of a ramp, from nothing to all")
    parser.add_argument("--replay", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=RAMP_SEED, help="of the ramps: another one draws other frames")
    parser.add_argument("--ramps", nargs="+", choices=[each.name for each in RAMPS])
    asked = parser.parse_args()
    cv2.setNumThreads(1)
    rows, clean, pairs = [], [], {}
    for name in asked.sets:
        bench = Bench(read_set(name, asked.data), asked.cache, asked.frames, asked.seed)
        began = time.monotonic()
        base, frames = bench.reference()
        print(f"{name}: reference of {frames} frames, {time.monotonic() - began:.0f} s", flush=True)
        for spoiler in bench.ramps(asked.ramps):
            row, _ = bench.ramp(base, spoiler)
            rows.append(row)
            pairs[name, spoiler.name] = bench.pair(spoiler, row)
            print(f"  {told(row)}", flush=True)
        flags = bench.replay(base, asked.replay)
        clean.append(Clean(name, bench.images.about, frames, asked.replay, flags))
        print(f"  clean replay of {asked.replay}: {len(flags)} flags {flags}", flush=True)
    cv2.imwrite(str(asked.cache / "all.png"), sheet(pairs, asked.sets))
    if set(asked.sets) == set(SETS) and not asked.ramps and asked.seed == RAMP_SEED and asked.frames == FRAMES:
        cv2.imwrite(f"{RESULTS}.png", sheet(pairs, ["parts"]))
        figures = {"ramps": [asdict(row) for row in rows], "clean": [asdict(each) for each in clean]}
        Path(f"{RESULTS}.json").write_text(json.dumps(figures, indent=1) + "\n")
        write_table(Path(f"{RESULTS}.md"), rows, clean)
        print(f"wrote {RESULTS}.md, .json and .png")


def told(row: Row) -> str:
    """One line for whoever watches."""
    if row.frame is None:
        return f"{row.ramp}: not flagged; AUROC lost at the end {row.lost}"
    lost = "-" if row.lost is None else f"{row.lost:+.1f}"
    mark = "right" if row.right else "WRONG"
    return (
        f"{row.ramp}: {row.named} ({mark}) at {row.frame} ({row.severity:.0%}) by {row.by}; lost {lost}; {row.sentence}"
    )


if __name__ == "__main__":
    main()
