"""A trained torch model becomes ONNX, raw, and is proven equal. Needs torch.

`build` makes it, `embedding` lets it say what a picture is like, `parity` proves it, `compare` says what each option
costs and gains.
"""

from andon_training.export.build import export
from andon_training.export.compare import Row, compare_options
from andon_training.export.embedding import embedding_too
from andon_training.export.options import Exported, ExportOptions
from andon_training.export.parity import prove_export

__all__ = ["ExportOptions", "Exported", "Row", "compare_options", "embedding_too", "export", "prove_export"]
