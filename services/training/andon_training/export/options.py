"""What can be chosen at export, and what comes of it."""

from dataclasses import dataclass
from typing import Literal

Covariance = Literal["full", "diagonal"]


@dataclass(frozen=True)
class ExportOptions:
    """How a trained model becomes ONNX. What a model does not know is left alone.

    `split` gives a frozen feature extractor (PaDiM's, PatchCore's) as a backbone of its own, which bundles share.
    PatchCore: `bank_size` keeps that many of its memory's cells (None: all), `num_neighbors` 1 scores a frame by its
    farthest cell alone (None: as trained). PaDiM: `covariance` "diagonal" forgets how features vary together.
    """

    split: bool = True
    bank_size: int | None = None
    num_neighbors: int | None = None
    covariance: Covariance = "full"


@dataclass(frozen=True)
class Exported:
    """A model as ONNX bytes: `model` takes frames, or, where there is a `backbone`, what that gives.

    A score or map value is the module's own plus `offset`, on the scale that `scale` says in words. `settings` are the
    choices that were used, for the bundle's record. `features` names the feature maps, [N, d, rows, columns], in the
    graph that takes frames; of a backbone they are its outputs, and so what the model takes.
    """

    model: bytes
    backbone: bytes | None
    scale: str
    offset: float
    settings: dict[str, int | float | str]
    features: tuple[str, ...] = ()

    @property
    def seen(self) -> bytes:
        """The graph that takes frames."""
        return self.backbone or self.model

    @property
    def size(self) -> int:
        """Bytes, the backbone's among them."""
        return len(self.model) + len(self.backbone or b"")
