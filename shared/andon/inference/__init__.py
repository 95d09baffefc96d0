"""A model, opened safely and run on whole batches: uint8 [N, H, W, C] in, raw `score` [N] and `map` [N, h, w] out, and
where the model has it an `embedding` [N, d].

`session` is what the runtimes have in common, `ort` and `openvino` are the runtimes, `model` is what they serve.
"""

from andon.inference.device import Device, Runtime, check_device, prove_device
from andon.inference.model import EMBEDDING, INPUT, MAP, SCORE, Backbone, Features, Model, Outputs, judge_outputs
from andon.inference.opening import open_backbone, open_bundle, open_model
from andon.inference.session import DOMAINS, Session

__all__ = [
    "DOMAINS",
    "EMBEDDING",
    "INPUT",
    "MAP",
    "SCORE",
    "Backbone",
    "Device",
    "Features",
    "Model",
    "Outputs",
    "Runtime",
    "Session",
    "check_device",
    "judge_outputs",
    "open_backbone",
    "open_bundle",
    "open_model",
    "prove_device",
]
