"""`andon ingest`: whatever makes images, as frames on Kafka. Wiring only."""

import json
import os
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Annotated, Protocol

import typer

from andon.errors import Invalid, Mistake
from andon.ids import label, station_id, suggest_station
from andon.kafka.dead_letters import KafkaDeadLetters
from andon.kafka.reach import reach
from andon.kafka.sink import KafkaSink
from andon.run import Service, andon_version, serve
from andon.stage import Source, Stage
from andon.store import BlobStore
from andon_ingest.batch import BatchLimits
from andon_ingest.capture import Capture, frames, new_traces
from andon_ingest.claim_check import ClaimCheckSink
from andon_ingest.clock import Clock
from andon_ingest.files import find_files
from andon_ingest.folder import FolderSource, Replay
from andon_ingest.journal import Forgetful, Journal
from andon_ingest.observe import Tally, counted, skips_counted, summary
from andon_ingest.settings import IngestSettings
from andon_ingest.watch import Watch

MAX_PIXELS = 25_000_000
HELP = """Turn images into frames on Kafka: from a folder, a video file, HTTP push or a generator.

Each frame gets its identity (station, epoch, seq), its capture time and its sha256 here. One ingest serves a station.
"""
app = typer.Typer(help=HELP, no_args_is_help=True, rich_markup_mode="rich")

Json = Annotated[bool, typer.Option("--json", help="Print the capture as one JSON object, the last line of stdout.")]
Product = Annotated[str | None, typer.Option(help="What is being made; picks the bundle where stations make several.")]
OneStation = Annotated[
    str | None, typer.Option("--station", "-s", help="Its station; else the name of the folder or file.")
]


class CaptureSource(Source, Protocol):
    """A source that captures."""

    capture: Capture


Open = Callable[[IngestSettings, Clock], AbstractContextManager[CaptureSource]]


@app.command()
def folder(
    directory: Annotated[Path | None, typer.Argument(help="A folder of images, plain or in MVTec AD layout.")] = None,
    station: OneStation = None,
    sources: Annotated[
        list[str] | None, typer.Option("--from", help="STATION=DIR, for several stations at once.")
    ] = None,
    rate: Annotated[
        float, typer.Option(min=0, help="Frames a second from each station; 0: as fast as Kafka takes.")
    ] = 0,
    only: Annotated[
        list[str] | None,
        typer.Option(help="Patterns of paths below the folder, taken in this order; of MVTec AD folders, test/*"),
    ] = None,
    watch: Annotated[bool, typer.Option("--watch", help="Stay, and take new files as they are finished.")] = False,
    state: Annotated[
        Path | None,
        typer.Option(help="A restart goes on from this file. With --watch: ./andon-ingest.state"),
    ] = None,
    loop: Annotated[bool, typer.Option("--loop", help="Start over at the end.")] = False,
    count: Annotated[int | None, typer.Option(min=1, help="End after so many frames of each station.")] = None,
    product: Product = None,
    as_json: Json = False,
) -> None:
    """Replay a folder, or watch it for new files.

    Nothing is left out when Kafka is slow: the folder waits. Files not named as images are not looked at.

    Example: andon ingest folder data/press-4 --rate 5 --only 'test/good/*' --only 'test/*'

    Example: andon ingest folder /mnt/camera --station press-4 --watch
    """
    product, folders = _label(product), _folders(directory, station, sources or [])
    if loop and (watch or state):
        raise Mistake("--loop sends files again; it cannot go with --watch or --state, which send none twice")
    path = state or (Path("andon-ingest.state") if watch else None)

    @contextmanager
    def open_folder(settings: IngestSettings, clock: Clock) -> Iterator[FolderSource]:
        replay = Replay(rate, loop, count, product, settings.capture.max_image_bytes)
        memory = Journal(path) if path else Forgetful()
        resumed = memory.resume(folders)
        capture = _capture("folder", clock)
        if resumed:
            capture = Capture(resumed.epoch, "folder", new_traces(os.urandom), resumed.next_seq, resumed.skipped)
        watches = [Watch(s, d, settings.watch, memory.knows, clock) for s, d in folders.items()] if watch else []
        found = [] if watch else [file for s, d in folders.items() for file in find_files(s, d, only or [])]
        files = [file for file in found if not memory.knows(file)]
        limits = BatchLimits.of(settings.kafka)
        yield FolderSource(capture, files, replay, memory, limits, clock, watches, resumed.waiting if resumed else ())

    _ingest(open_folder, as_json, stations=folders)


@app.command()
def video(
    file: Annotated[Path, typer.Argument(help="A video file that FFmpeg can read.")],
    station: OneStation = None,
    fps: Annotated[
        float | None, typer.Option(min=0, help="Pictures a second; 0: as fast as Kafka takes. Else as the file says.")
    ] = None,
    live: Annotated[
        bool, typer.Option("--live", help="Wait for nobody, as a camera: count what Kafka is too slow for.")
    ] = False,
    lossless: Annotated[
        bool, typer.Option("--lossless", help="Encode as PNG; as JPEG of quality 95 otherwise.")
    ] = False,
    product: Product = None,
    as_json: Json = False,
) -> None:
    """Play a video file; each picture becomes a frame.

    Example: andon ingest video line-3.mp4 --station press-4 --fps 10
    """
    product, name = _label(product), _station(station or suggest_station(file.stem), "--station")
    if live and fps == 0:
        raise Mistake("--live keeps to a clock; give --fps above 0, or leave it to the file")

    @contextmanager
    def open_video(settings: IngestSettings, clock: Clock) -> Iterator[CaptureSource]:
        from andon_ingest.video import Playing, VideoFile, VideoSource, jpeg_encoder, png_encoder

        reader = VideoFile(file)
        playing = Playing(name, file.name, reader.fps if fps is None else fps, live, product)
        encode = png_encoder() if lossless else jpeg_encoder()
        limits = BatchLimits.of(settings.kafka)
        yield VideoSource(_capture("video", clock), reader, encode, playing, limits, clock)

    _ingest(open_video, as_json, stations=[name])


@app.command()
def http(
    host: Annotated[str | None, typer.Option(help="Address to bind; ANDON_PUSH__HOST otherwise.")] = None,
    port: Annotated[int | None, typer.Option(min=0, max=65535, help="Port; ANDON_PUSH__PORT otherwise.")] = None,
    stations: Annotated[
        list[str] | None, typer.Option("--station", "-s", help="Only these; any may push otherwise.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Take images by HTTP: POST /stations/STATION/frames is answered 202 once Kafka has the frame.

    Readings of sensors, too: POST /signals/STATION with JSON.

    Example: andon ingest http --port 8700

    Example: curl -H 'Content-Type: image/jpeg' --data-binary @part.jpg localhost:8700/stations/press-4/frames
    """
    from andon_ingest.signals.inbox import ReadingTray

    allowed = frozenset(_station(name, "--station") for name in stations or [])
    readings = ReadingTray(BatchLimits(), Clock())

    @contextmanager
    def open_http(settings: IngestSettings, clock: Clock) -> Iterator[CaptureSource]:
        from andon.asgi import serving
        from andon_ingest.inbox import Inbox
        from andon_ingest.push import Push

        push = settings.push
        inbox = Inbox(_capture("http", clock), BatchLimits.of(settings.kafka), clock)
        receiver = Push(inbox, readings, push, settings.capture.max_image_bytes, allowed, clock)
        with serving("push", receiver.app(), host or push.host, push.port if port is None else port):
            yield inbox

    _ingest(open_http, as_json, readings, allowed)


@app.command()
def generate(
    stations: Annotated[int, typer.Option(min=1, max=10_000, help="How many stations.")] = 1,
    rate: Annotated[float, typer.Option(min=0, help="Parts a second at each station; 0: as fast as Kafka takes.")] = 2,
    defects: Annotated[float, typer.Option(min=0, max=1, help="Share of defective parts.")] = 0.05,
    good_first: Annotated[int, typer.Option(min=0, help="Parts of each station before the first defect may come.")] = 0,
    run: Annotated[int, typer.Option(min=1, help="Defective parts come in runs of so many.")] = 1,
    count: Annotated[int | None, typer.Option(min=1, help="End after so many parts of each station.")] = None,
    seed: Annotated[int, typer.Option(min=0, help="Same seed, same parts.")] = 0,
    prefix: Annotated[str, typer.Option(help="Stations are called PREFIX-1, PREFIX-2, ...")] = "station",
    product: Product = None,
    as_json: Json = False,
) -> None:
    """Draw parts with and without defects: a line without cameras. A frame's ce_subject tells the truth.

    Example: andon ingest generate --stations 4 --rate 2 --defects 0.02 --count 500
    """
    product = _label(product)
    names = [_station(f"{prefix}-{number}", "--prefix") for number in range(1, stations + 1)]

    @contextmanager
    def open_generator(settings: IngestSettings, clock: Clock) -> Iterator[CaptureSource]:
        from andon.images.opencv import configure_opencv

        configure_opencv(MAX_PIXELS)
        from andon_ingest.generate import GeneratorSource, Made, Station

        made = Made(rate, defects, count, good_first, run, seed, product=product)
        drawn = {name: Station(made, style) for style, name in enumerate(names)}
        yield GeneratorSource(_capture("generate", clock), drawn, made, BatchLimits.of(settings.kafka), clock)

    _ingest(open_generator, as_json, stations=names)


@app.command()
def draw(
    directory: Annotated[Path, typer.Argument(help="Where a folder for each station goes.")],
    stations: Annotated[int, typer.Option(min=1, max=64, help="How many stations.")] = 1,
    good: Annotated[int, typer.Option(min=1, help="Good parts of each to learn from.")] = 100,
    defective: Annotated[int, typer.Option(min=0, help="Defective parts of each kind, to try on.")] = 4,
    seed: Annotated[int, typer.Option(min=0, help="Same seed, same parts.")] = 0,
    prefix: Annotated[str, typer.Option(help="Stations are called PREFIX-1, PREFIX-2, ...")] = "station",
) -> None:
    """Draw the parts of `generate` into folders in MVTec AD layout, to fit a bundle from. Needs no Kafka.

    Example: andon ingest draw parts --stations 2 && andon fit parts/station-1
    """
    from andon.images.opencv import configure_opencv

    configure_opencv(MAX_PIXELS)
    from andon_ingest.draw import draw_folder

    for style in range(stations):
        name = _station(f"{prefix}-{style + 1}", "--prefix")
        count = draw_folder(directory / name, style, seed, good, defective)
        typer.echo(f"{directory / name}: {count} parts")


def _ingest(open_source: Open, as_json: bool, readings: Source | None = None, stations: Iterable[str] = ()) -> None:
    """Every sub-command ends here: one stage, from the source to `camera.frames`; pushed readings have their own.
    `stations` are those that are known before their first frame."""

    def wire(service: Service, settings: IngestSettings) -> None:
        tally = Tally()
        reach(settings.kafka)
        with open_source(settings, Clock()) as source:
            stage = Stage(
                name="ingest",
                source=source,
                handle=counted(frames, service.metrics, tally, stations),
                sink=ClaimCheckSink(KafkaSink(settings.kafka), BlobStore(settings.store.frames)),
                dead_letters=KafkaDeadLetters(settings.kafka, settings.dead_letters, service.name, andon_version()),
            )
            more = [] if readings is None else [_readings_stage(service, settings, readings)]
            service.run(stage, *more, each_turn=[skips_counted(source.capture, service.metrics)])
        _tell(summary(source.capture, tally), as_json)

    serve("ingest", IngestSettings, wire)


def _readings_stage(service: Service, settings: IngestSettings, source: Source) -> Stage:
    from andon_ingest.signals.inbox import readings

    return Stage(
        name="ingest-signals",
        source=source,
        handle=readings,
        sink=KafkaSink(settings.kafka, compression="zstd"),
        dead_letters=KafkaDeadLetters(settings.kafka, settings.dead_letters, service.name, andon_version()),
    )


def _tell(figures: Mapping[str, object], as_json: bool) -> None:
    if as_json:
        sys.stdout.write(json.dumps(figures) + "\n")
        return
    skipped = figures["skipped"] or "nothing"
    typer.echo(
        f"captured {figures['captured']}, delivered {figures['delivered']}, "
        f"dead-lettered {figures['dead_lettered']}, skipped {skipped}"
    )


def _capture(origin: str, clock: Clock) -> Capture:
    return Capture(clock.unix_ms(), origin, new_traces(os.urandom))


def _folders(directory: Path | None, station: str | None, sources: list[str]) -> dict[str, Path]:
    """Each station's folder. Raises Mistake for names that cannot be, and for a station named twice."""
    pairs = [_pair(text) for text in sources]
    if directory is not None:
        pairs.insert(0, (_station(station or directory.resolve().name, "--station"), directory))
    elif station:
        raise Mistake("--station names the station of DIRECTORY, and none is given; with --from write STATION=DIR")
    if not pairs:
        raise Mistake("which folder? andon ingest folder DIRECTORY --station NAME, or --from NAME=DIRECTORY")
    folders = dict(pairs)
    if len(folders) < len(pairs):
        raise Mistake("a station is named twice; each has one folder")
    missing = [str(path) for path in folders.values() if not path.is_dir()]
    if missing:
        raise Mistake(f"no such folder: {', '.join(missing)}")
    return folders


def _pair(text: str) -> tuple[str, Path]:
    name, equals, path = text.partition("=")
    if not equals or not path:
        raise Mistake(f"--from {text!r}: write STATION=DIRECTORY")
    return _station(name, "--from"), Path(path)


def _station(name: str, option: str) -> str:
    try:
        return station_id(name)
    except Invalid as invalid:
        raise Mistake(f"{option}: {invalid.detail}") from None


def _label(product: str | None) -> str | None:
    try:
        return None if product is None else label(product, "--product")
    except Invalid as invalid:
        raise Mistake(invalid.detail) from None
