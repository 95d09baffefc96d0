"""Pretrained weights: from files an operator brought, from the hub cache, or random; never from the network unasked.

anomalib builds its feature extractors with timm, and timm loads what they were pretrained with in one function,
`load_pretrained`. While `supplied` lasts, this module stands in for that function.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from andon.errors import Mistake
from andon.ids import sha256_hex
from andon_training.anomalib_models.onnx_weights import onnx_state
from andon_training.anomalib_models.quiet import offline, replaced

RANDOM = "random"
NAMED = 3  # tensors named in a mistake


@dataclass(frozen=True)
class Weights:
    """Where pretrained weights come from: `files`, or `random` ones, or else the hub cache, filled if `download`."""

    files: tuple[Path, ...] = ()
    random: bool = False
    download: bool = False

    @classmethod
    def asked(cls, given: Sequence[str], download: bool) -> "Weights":
        """What `--weights`, given any number of times, means. Raises Mistake for a file that is not there."""
        if RANDOM in given:
            if len(given) > 1 or download:
                raise Mistake("--weights random: goes with no other --weights and no --download")
            return cls(random=True)
        files = tuple(Path(each) for each in given)
        for file in files:
            if not file.is_file():
                raise Mistake(f"--weights {file}: no such file")
        return cls(files, download=download)

    @property
    def words(self) -> str:
        """As the bundle records it."""
        return RANDOM if self.random else ", ".join(file.name for file in self.files) or "hub cache"


@dataclass
class Supply:
    """What was given to the feature extractors while a model was built.

    `loaded` holds their names; `absent` the parameters that no file had, by name: the model must not use them.
    """

    loaded: list[str] = field(default_factory=list)
    absent: dict[str, Any] = field(default_factory=dict)

    def check(self, module: Any, weights: Weights, size: tuple[int, int]) -> None:
        """Raises Mistake when what `module`, a torch module, says of a frame of `size` needs what was in no file."""
        used = {id(each) for each in module.parameters()} - _unneeded(module, size)
        missing = [name for name, each in self.absent.items() if id(each) in used]
        if missing:
            some = ", ".join(missing[:NAMED])
            raise Mistake(
                f"--weights {weights.words}: {len(missing)} of the tensors that {' and '.join(self.loaded)} "
                f"needs are not in it, such as {some}; are these the weights of another model?"
            )


def _unneeded(module: Any, size: tuple[int, int]) -> set[int]:
    """The parameters of feature extractors whose features are finite: what is absent is NaN, and so not needed."""
    import torch
    from anomalib.models.components import TimmFeatureExtractor

    found: set[int] = set()
    for extractor in (each for each in module.modules() if isinstance(each, TimmFeatureExtractor)):
        with torch.no_grad():
            features = extractor.eval()(torch.zeros(1, 3, *size)).values()
        if all(bool(each.isfinite().all()) for each in features):
            found |= {id(each) for each in extractor.parameters()}
    return found


@contextmanager
def supplied(weights: Weights) -> Iterator[Supply]:
    """While this lasts, whatever timm builds as pretrained has its weights from `weights`. Raises Mistake."""
    from timm.models import _builder

    supply = Supply()
    load = _builder.load_pretrained

    def instead(model: Any, pretrained_cfg: Mapping[str, Any] | None = None, **more: Any) -> None:
        settings = dict(pretrained_cfg or model.pretrained_cfg)
        name = str(settings.get("architecture") or type(model).__name__)
        if weights.random:
            return
        supply.loaded.append(name)
        if weights.files:
            _from_files(weights, load, model, settings, more, supply)
        else:
            _from_cache(load, model, settings, more)

    with offline(weights.download), replaced(_builder, "load_pretrained", instead):
        yield supply


def read_state(file: Path) -> dict[str, Any]:
    """The tensors of a safetensors or PyTorch file, by name. Nothing in it is run. Raises Mistake."""
    from timm.models import load_state_dict

    try:
        state: dict[str, Any] = load_state_dict(str(file))
    except Exception as error:  # torch, pickle and safetensors each have their own
        raise Mistake(f"--weights {file}: not a safetensors or PyTorch file of tensors: {_line(error)}") from error
    return state


def weights_digest(weights: Weights) -> str:
    """sha256, in hex, of the files one after the other; "" without files."""
    return sha256_hex(b"".join(file.read_bytes() for file in weights.files)) if weights.files else ""


def _from_files(
    weights: Weights, load: Callable[..., None], model: Any, settings: dict[str, Any], more: Any, supply: Supply
) -> None:
    """The first file that fits; where none fits wholly, the one that fits best."""
    best: dict[str, Any] | None = None
    problems = []
    for file in weights.files:
        try:
            missing = _load(load, model, settings, more, file)
        except Mistake as error:
            problems.append(str(error))
            continue
        if not missing:
            return
        best = missing if best is None or len(missing) < len(best) else best
    if best is None:
        raise Mistake("; ".join(problems))
    for parameter in best.values():
        parameter.data.fill_(float("nan"))
    supply.absent |= best


def _load(load: Callable[..., None], model: Any, settings: dict[str, Any], more: Any, file: Path) -> dict[str, Any]:
    """Loads; the parameters of `model` that `file` does not have. Raises Mistake when their shapes are others."""
    state = _state(file, model)
    found: dict[str, Any] = {}
    take = model.load_state_dict

    def tolerant(given: Any, **_strict: bool) -> Any:
        found["result"] = take(given, strict=False)
        return found["result"]

    source: dict[str, Any] = {"file": str(file)} if state is None else {"state_dict": state}
    model.load_state_dict = tolerant
    try:
        load(model, pretrained_cfg=settings | {"source": ""} | source, **more)
    except (RuntimeError, KeyError) as error:
        raise Mistake(f"--weights {file}: not the weights of {settings.get('architecture')}: {_line(error)}") from error
    finally:
        del model.load_state_dict
    named = dict(model.named_parameters())
    missing = found["result"].missing_keys if found else ()  # a network that reads files itself is trusted to say so
    return {name: named[name] for name in missing if name in named}


def _state(file: Path, model: Any) -> dict[str, Any] | None:
    """The tensors in `file`; None for one that only the network itself can read."""
    if file.suffix == ".npz":
        return None
    return onnx_state(file, model) if file.suffix == ".onnx" else read_state(file)


def _from_cache(load: Callable[..., None], model: Any, settings: dict[str, Any], more: Any) -> None:
    try:
        load(model, pretrained_cfg=settings, **more)
    except (OSError, RuntimeError) as error:
        raise Mistake(missing_words(settings)) from error


def missing_words(settings: Mapping[str, Any]) -> str:
    """Which file to bring from where, and what to do then; `settings` is timm's own record of the weights."""
    from huggingface_hub import constants, hf_hub_url

    name, hub = settings.get("architecture"), settings.get("hf_hub_id")
    file = settings.get("hf_hub_filename") or "model.safetensors"
    where = hf_hub_url(hub, file) if hub else settings.get("url")
    if not where:
        return f"no pretrained weights of {name} exist; bring your own with --weights FILE, or try --weights random"
    cache = f"the hub cache {constants.HF_HUB_CACHE}" if hub else "torch's hub cache"
    return (
        f"the weights of {name} ({hub or 'timm'}) are not in {cache}. Bring {where} to this machine and repeat the "
        f"command with --weights {str(where).rpartition('/')[2]}; or, where the network may be used, with --download"
    )


def _line(error: Exception) -> str:
    return next((line.strip() for line in str(error).splitlines() if line.strip()), type(error).__name__)[:300]
