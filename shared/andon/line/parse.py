"""The text of a line file to a `Line`, or to every mistake in it with its place."""

import pathlib
from collections.abc import Iterator
from difflib import get_close_matches
from typing import Any

from pydantic import BaseModel, ValidationError

from andon.errors import Mistake
from andon.line.camera import Camera
from andon.line.doubts import doubts
from andon.line.found import MOST_TOLD, Found, LineMistake, Place, about, shown
from andon.line.line import Line
from andon.line.model import LineWords, PolicyWords, StationWords
from andon.line.policy import Policy
from andon.line.read import MAX_BYTES, Path, Reading, read
from andon.line.secrets import INSTEAD, is_secret
from andon.line.sentences import plain

KEY = "[key]"
PLACES: dict[type[BaseModel], str] = {
    StationWords: "under a station, or under 'defaults'",
    PolicyWords: "under 'policy'",
    LineWords: "at the top",
    Camera: "under 'camera'",
}
NEEDS = {"model_type": "needs names beneath it", "model_attributes_type": "needs names beneath it"}
NEEDS |= {"dict_type": "needs names beneath it", "mapping_type": "needs names beneath it"}
NEEDS |= {"missing": "is missing", "string_type": "takes one text", "tuple_type": "takes a list"}


def bytes_of(path: pathlib.Path) -> bytes:
    """What the file at `path` holds. Raises Mistake where there is none, or none that can be read."""
    try:
        if path.is_dir():
            raise Mistake(f"{path}: is a folder; name the file in it, such as {path / 'line.yaml'}")
        if path.exists() and not path.is_file():
            raise Mistake(f"{path}: is no ordinary file")
        with path.open("rb") as file:
            return file.read(MAX_BYTES + 1)
    except FileNotFoundError:
        raise Mistake(f"{path}: there is no such file") from None
    except (OSError, ValueError) as error:
        raise Mistake(f"{path}: cannot be read: {getattr(error, 'strerror', None) or error}") from None


def parse(data: bytes, name: str, policy: Policy | None = None) -> Line:
    """The line that `data`, of the file `name`, describes. Raises LineMistake with all that is wrong, or Mistake."""
    reading = read(data, name)
    found = [*reading.found, *doubts(reading)]
    try:
        words = LineWords.model_validate(reading.data)
    except ValidationError as error:
        raise LineMistake(name, [*found, *(_found(problem, reading) for problem in _first(error))]) from None
    if found:
        raise LineMistake(name, found)
    return Line(words, policy)


def _first(error: ValidationError) -> Iterator[Any]:
    """Enough of them: finding the words for each takes a while."""
    yield from error.errors(include_url=False, include_input=False)[: MOST_TOLD + 1]


def _found(problem: Any, reading: Reading) -> Found:
    path: Path = tuple(problem["loc"])
    if path[-1:] == (KEY,):
        return Found(reading.keys.get(path[:-1], reading.place(path[:-1])), _key_words(path[:-1], problem))
    if problem["type"] == "extra_forbidden":
        return Found(reading.keys.get(path, reading.place(path)), about(path[:-1], _unknown(path)))
    return Found(_value_place(path, reading), about(path, _plain(problem)))


def _value_place(path: Path, reading: Reading) -> Place:
    """Of what is empty or missing the name above it: there is nothing else to point at."""
    if path not in reading.values and isinstance(path[-1], int):
        path = path[:-1]  # one text where a list may stand
    if path in reading.values and path not in reading.empty:
        return reading.values[path]
    above = next((path[:size] for size in range(len(path), 0, -1) if path[:size] in reading.keys), ())
    return reading.keys.get(above, reading.place(path))


def _plain(problem: Any) -> str:
    if problem["type"] == "too_long":
        return f"{problem['ctx']['actual_length']} times; {problem['ctx']['max_length']} are the most"
    return NEEDS.get(problem["type"]) or str(problem["msg"]).removeprefix("Value error, ")


def _key_words(path: Path, problem: Any) -> str:
    """What is wrong with a name itself: that of a station, a cause or a product."""
    text, name = _plain(problem), shown(str(path[-1]))
    if path[:-1] == ("stations",):
        return text if text.startswith("station ") else f"station '{name}': {text}"
    return about(path[:-1], text if name in text else f"'{name}': {text}")


def _unknown(path: Path) -> str:
    """What to say of a name that is none."""
    name = str(path[-1])
    if is_secret(name):
        return f"'{shown(name)}': {INSTEAD}"
    here = _names(_model(path[:-1]))
    near = get_close_matches(plain(name.replace("_", " ").replace("-", " "))[:64], here, n=1, cutoff=0.6)
    if near:
        return f"there is no '{shown(name)}' here; try '{near[0]}'"
    return f"there is no '{shown(name)}' here" + (_elsewhere(name) or f"; there are {', '.join(here)}")


def _elsewhere(name: str) -> str:
    for model, place in PLACES.items():
        for near in get_close_matches(plain(name), _names(model), n=1, cutoff=0.8):
            return f"; '{near}' belongs {place}"
    return ""


def _model(path: Path) -> type[BaseModel]:
    """Which model has its names at `path`."""
    if not path:
        return LineWords
    below: dict[str, type[BaseModel]] = {"policy": PolicyWords, "camera": Camera}
    return below.get(str(path[-1]), StationWords)


def _names(model: type[BaseModel]) -> list[str]:
    return [field.alias or name for name, field in model.model_fields.items()]
