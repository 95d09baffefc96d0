"""Split what services need into layers that their images share: lists of pinned packages, for pip.

    layers.py FOLDER OUT NAME...

FOLDER holds the pinned requirements of the services NAME, one file each. OUT gets a list for every layer of LAYERS:
what all the services have in common that need the layer's own package, less what lies below it. The Dockerfile puts one
onto the other.
"""

import sys
from pathlib import Path

LAYERS = {"every": "pydantic", "store": "s3fs", "images": "opencv-python-headless", "models": "onnxruntime"}
"""From the bottom up, and the package by which a service shows that it needs the layer."""
Pins = dict[str, str]


def main() -> None:
    """Write OUT/every.txt, OUT/store.txt and so on."""
    folder, out, *names = sys.argv[1:]
    services = [pins((Path(folder) / f"{name}.txt").read_text()) for name in names]
    below: Pins = {}
    for layer, package in LAYERS.items():
        found = shared([service for service in services if package in service])
        (Path(out) / f"{layer}.txt").write_text("".join(less(found, below).values()))
        below |= found


def pins(text: str) -> Pins:
    """Each pinned package of a requirements file: its name, and its lines with hashes. A name may be pinned twice."""
    found: Pins = {}
    for line in text.splitlines(keepends=True):
        if line[0] not in "# ":
            name = line.partition("==")[0]
        found[name] = found.get(name, "") + line
    return found


def shared(services: list[Pins]) -> Pins:
    """What stands in every one of them, to the letter."""
    first, *others = services
    return {name: lines for name, lines in first.items() if all(other.get(name) == lines for other in others)}


def less(these: Pins, those: Pins) -> Pins:
    """What of `these` is not in `those`."""
    return {name: lines for name, lines in these.items() if name not in those}


if __name__ == "__main__":
    main()
