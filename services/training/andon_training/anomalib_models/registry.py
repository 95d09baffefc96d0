"""anomalib's image models by name, and their own parameters by name and type: read off anomalib, not kept in a list."""

import inspect
import json
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from enum import Enum
from pathlib import Path
from typing import Any, get_origin, get_type_hints

from pydantic import ConfigDict, TypeAdapter, ValidationError

from andon.errors import Mistake

OURS = {"self", "pre_processor", "post_processor", "evaluator", "visualizer"}
_LISTS = (list, tuple, Sequence)


@dataclass(frozen=True)
class Parameter:
    """One parameter of a model: `kind` is its annotation, `default` what it is unless set."""

    name: str
    kind: Any
    default: Any

    @property
    def words(self) -> str:
        """As the list of parameters says it: `backbone=resnet18`."""
        return f"{self.name}={_word(self.default)}"

    def read(self, text: str) -> Any:
        """The value that `text` means. Raises Mistake when it is none of its kind."""
        adapter: TypeAdapter[Any] = _adapter(self.kind)
        problem = ""
        for value in _readings(text, self.kind):
            try:
                return adapter.validate_python(value)
            except ValidationError as error:
                problem = problem or error.errors()[0]["msg"]
        raise Mistake(f"--set {self.name}={text}: {problem}; its default is {_word(self.default)}")


@dataclass(frozen=True)
class ModelKind:
    """An anomalib image model: its name as `andon train` takes it, its class, and its parameters by name."""

    name: str
    model: Any
    parameters: Mapping[str, Parameter]

    def read(self, pairs: Sequence[str]) -> dict[str, Any]:
        """The parameters that `pairs`, each `name=value`, set. Raises Mistake, listing those there are."""
        found = {}
        for pair in pairs:
            name, sign, text = pair.partition("=")
            if not sign:
                raise Mistake(f"--set {pair}: write it as name=value")
            if name not in self.parameters:
                raise Mistake(f"{self.name} has no parameter {name}{_near(name, self.parameters)}; {self.tell()}")
            found[name] = self.parameters[name].read(text)
        return found

    def tell(self) -> str:
        """A sentence: which parameters there are, with their defaults."""
        return f"its parameters are {', '.join(each.words for each in self.parameters.values()) or 'none'}"


def model_kinds() -> dict[str, ModelKind]:
    """Every image model that the installed anomalib has and that is trained on pictures, by name."""
    from anomalib.models import image
    from anomalib.models.components import AnomalibModule

    classes = [each for each in vars(image).values() if inspect.isclass(each) and issubclass(each, AnomalibModule)]
    kinds = [_kind(each) for each in classes if {*inspect.signature(each.__init__).parameters} >= OURS]
    return {kind.name: kind for kind in sorted(kinds, key=lambda kind: kind.name)}


def model_kind(name: str) -> ModelKind:
    """The model called `name`; case, '-' and '_' do not matter. Raises Mistake, listing the models there are."""
    kinds = model_kinds()
    plain = {_plain(each): kind for each, kind in kinds.items()}
    if _plain(name) not in plain:
        raise Mistake(f"no anomalib model {name}{_near(name, kinds)}; there are {', '.join(kinds)}")
    return plain[_plain(name)]


def _kind(model: Any) -> ModelKind:
    given = inspect.signature(model.__init__).parameters
    parameters = {
        name: Parameter(name, _hint(model, each.annotation), each.default)
        for name, each in given.items()
        if name not in OURS
    }
    return ModelKind(model.__module__.split(".")[-2], model, parameters)


def _hint(model: Any, annotation: Any) -> Any:
    """The type that `annotation`, maybe a string, means where `model` was written."""
    known = {"Path": Path, "Sequence": Sequence, **vars(sys.modules[model.__module__])}
    holder = type("Holder", (), {"__annotations__": {"it": annotation}})
    return get_type_hints(holder, globalns=known)["it"]


def _readings(text: str, kind: Any) -> list[Any]:
    """What `text` may stand for, most likely first: JSON, names parted by commas, or itself."""
    if text.lower() in {"none", "null"}:
        return [None, text]
    try:
        found = [json.loads(text)]
    except ValueError:
        found = []
    listed = any(get_origin(each) in _LISTS for each in (kind, *getattr(kind, "__args__", ())))
    return [*found, *([text.split(",")] if listed else []), text]


def _adapter(kind: Any) -> TypeAdapter[Any]:
    try:
        return TypeAdapter(kind, config=ConfigDict(arbitrary_types_allowed=True))
    except Exception as error:  # pydantic raises several kinds for an annotation that it cannot read
        raise Mistake(f"a parameter of kind {kind} cannot be set from the command line") from error


def _word(value: Any) -> str:
    if isinstance(value, Enum):
        return str(value.value)
    return ",".join(map(str, value)) if isinstance(value, list | tuple) else str(value)


def _plain(name: str) -> str:
    return name.lower().replace("_", "").replace("-", "")


def _near(name: str, names: Mapping[str, Any]) -> str:
    near = get_close_matches(name.lower(), names, n=1)
    return f"; did you mean {near[0]}?" if near else ""
