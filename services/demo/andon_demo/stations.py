"""The demo's stations: what they learn from, and what then streams."""

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from andon.errors import Mistake
from andon.ids import station_id, suggest_station
from andon.kafka import KafkaSink
from andon.records import Assignment, write_event
from andon.settings import KafkaSettings
from andon.stage import Message
from andon.topics import MODELS
from andon_demo.line import last_json, run_to_end

FIT_WITHIN_S = 600.0
DECIDED = ("--size", "256", "--method", "gaussian-per-position", "--lighting", "levelled", "--as-it-lies")
"""What a fit would choose for drawn parts, said beforehand: the trials take longer than all the rest."""


@dataclass(frozen=True)
class Station:
    """A station and the MVTec AD folder it learns from (train/good)."""

    name: str
    folder: Path


def stations_of(folders: Sequence[Path]) -> list[Station]:
    """One station a folder, called like it. Raises Mistake for a folder that is no MVTec AD layout, or twice."""
    found: dict[str, Station] = {}
    for folder in folders:
        name = suggest_station(folder.resolve().name)
        if not (folder / "train" / "good").is_dir() or not (folder / "test").is_dir():
            raise Mistake(f"{folder}: not in MVTec AD layout; it needs train/good, and test/good or test/<defect>")
        if name in found:
            raise Mistake(f"{folder}: station {name!r} is there already; give the folders different names")
        found[name] = Station(station_id(name), folder)
    return list(found.values())


def fit_all(
    stations: Sequence[Station], budget: str, state: Path, env: Mapping[str, str], decided: Sequence[str] = ()
) -> dict[str, str]:
    """Fits a bundle for each, two at a time; answers digests by station. `decided` are further options of the fit."""
    with ThreadPoolExecutor(2, "fit") as pool:
        digests = pool.map(lambda station: _fit(station, budget, state, env, decided), stations)
    return {station.name: digest for station, digest in zip(stations, digests, strict=True)}


def _fit(station: Station, budget: str, state: Path, env: Mapping[str, str], decided: Sequence[str]) -> str:
    name = f"fit-{station.name}"
    out = state / f"{station.name}.andon"
    store = env["ANDON_STORE__BUNDLES"]
    options = ["--out", str(out), "--store", store, "--budget", budget, "--json", *decided]
    arguments = ["fit", str(station.folder), *options]
    process = run_to_end(name, arguments, state / "logs", env, FIT_WITHIN_S)
    told = last_json(process.log, "digest") or {}
    return str(told["digest"])


def assign_all(kafka: KafkaSettings, digests: Mapping[str, str]) -> None:
    """Lets each station's bundle serve it."""
    at = datetime.now(UTC)
    given = [
        Assignment(station=name, bundle=digest, by="demo", why="fitted by the demo", at=at)
        for name, digest in digests.items()
    ]
    sink = KafkaSink(kafka, compression="zstd")
    sink.send([Message(MODELS, each.key, write_event(each)) for each in given], lambda: None)
    sink.close()
