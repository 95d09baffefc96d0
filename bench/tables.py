"""The figures of line.py as tables, for people."""

from collections.abc import Mapping
from typing import Any

from report import Floor, Table, floors_table
from rig import SERVICES

FLOOR_CPU_MS = 3.0
FLOOR_P99_MS = 150.0
SHARES = (50, 90, 99)


def beyond(run: Mapping[str, Any], image: float) -> dict[str, float]:
    """CPU-ms per frame of each service, without decode and resize, and without the model."""
    pure = {"preprocess": image, "scoring": run["model_cpu_ms"]}
    return {name: run["cpu_ms"][name] - pure.get(name, 0.0) for name in SERVICES}


def all_tables(figures: Mapping[str, Any]) -> list[Table]:
    """The figures, for people."""
    image = figures["image"]["decode_and_resize_cpu_ms"]
    bundles = figures["bundles"]
    loads = {
        f"{name}, {when}": bundle[key]
        for name, bundle in bundles.items()
        for when, key in (("saturation", "saturation"), ("half load", "half_load"))
    }
    floors = [
        *(Floor(f"services' CPU beyond, {name}", sum(beyond(run, image).values()), FLOOR_CPU_MS, "ms/frame")
          for name, run in loads.items()),
        *(Floor(f"camera to verdict p99, {name}", each["half_load"]["p99_ms"], FLOOR_P99_MS, "ms")
          for name, each in bundles.items()),
    ]  # fmt: skip
    return [
        floors_table(floors),
        _beyond_table("CPU-ms per frame beyond decode, resize and model", loads, image),
        _cpu_table("CPU-ms per frame, whole", loads, image),
        _speed_table(bundles),
        _plain_table(bundles, image),
        _stations_table(figures["stations"], image),
    ]


def _beyond_table(title: str, loads: Mapping[str, Any], image: float) -> Table:
    rows = []
    for name, run in loads.items():
        each = beyond(run, image)
        rows.append([name, *(f"{each[service]:.2f}" for service in SERVICES), f"{sum(each.values()):.2f}"])
    return Table(title, ["", *SERVICES, "all five"], rows)


def _cpu_table(title: str, loads: Mapping[str, Any], image: float) -> Table:
    names = (*SERVICES, "kafka", "redis")
    rows = [
        [
            name,
            *(f"{run['cpu_ms'][each]:.2f}" for each in names),
            f"{run['model_cpu_ms']:.2f}",
            f"{run['frames_in_a_graph_call']:.1f}",
        ]
        for name, run in loads.items()
    ]
    remark = f"Decode and resize alone: {image:.2f} CPU-ms. Kafka and Redis are the servers' own."
    return Table(title, ["", *names, "model alone", "frames a call"], rows, remark)


def _speed_table(bundles: Mapping[str, Any]) -> Table:
    rows = [
        [
            name,
            f"{each['saturation']['frames_per_s']:.0f}",
            f"{each['half_load']['frames_per_s']:.0f}",
            *(f"{each['half_load'][f'p{share}_ms']:.0f}" for share in SHARES),
            ", ".join(f"{ms:.0f}" for ms in each["after_pause_ms"]),
        ]
        for name, each in bundles.items()
    ]
    head = [
        "",
        "frames/s at saturation",
        "half load, frames/s",
        *(f"p{share} ms" for share in SHARES),
        "after a pause, ms",
    ]
    remark = (
        "Camera to verdict: from ce_time to the Kafka timestamp of the score. Kafka and Redis share the cores."
        " The pause: 10 s without a frame, then one."
    )
    return Table("Speed of the whole line", head, rows, remark)


def _plain_table(bundles: Mapping[str, Any], image: float) -> Table:
    rows = []
    for name, each in bundles.items():
        plain, line = each["plain_loop"], each["saturation"]
        services = sum(line["cpu_ms"][service] for service in SERVICES)
        rows.append(
            [
                name,
                f"{plain['frames_per_s']:.0f}",
                f"{line['frames_per_s']:.0f}",
                f"{line['frames_per_s'] / plain['frames_per_s']:.2f}",
                f"{plain['cpu_ms']:.2f}",
                f"{services:.2f}",
                f"{services / plain['cpu_ms']:.2f}",
            ]
        )
    head = ["", "loop frames/s", "line frames/s", "ratio", "loop CPU-ms", "four services CPU-ms", "ratio"]
    remark = (
        "The loop: one process, cv2.imdecode, cv2.resize INTER_AREA, ONNX Runtime on one frame at a time; nothing is"
        f" checked, kept or told. The line decodes at 1/4 where that is exact ({image:.2f} CPU-ms)."
    )
    return Table("Beside a plain loop on the same images", head, rows, remark)


def _stations_table(stations: Mapping[str, Any], image: float) -> Table:
    one, many = (beyond(run, image) for run in stations.values())
    rows = [[name, f"{one[name]:.2f}", f"{many[name]:.2f}", f"{many[name] / one[name]:.2f}"] for name in SERVICES]
    a, b = sum(one.values()), sum(many.values())
    whole = [sum(run["cpu_ms"][name] for name in SERVICES) for run in stations.values()]
    rows.append(["all five", f"{a:.2f}", f"{b:.2f}", f"{b / a:.2f}"])
    rows.append(["all five, whole", f"{whole[0]:.2f}", f"{whole[1]:.2f}", f"{whole[1] / whole[0]:.2f}"])
    title = "CPU-ms per frame beyond decode, resize and model, by stations (null model, saturation)"
    return Table(title, ["", "1 station", f"{list(stations)[1]} stations", "ratio"], rows)
