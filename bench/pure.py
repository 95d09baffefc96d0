"""What cannot be saved: the cost of decoding, resizing and the model, alone on a quiet process; and the yardstick."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from andon.bundle import Bundle
from andon.ids import sha256_hex
from andon.images.decode import decode
from andon.images.limits import ImageLimits
from andon.images.prepare import prepare
from andon.images.sniff import sniff
from andon.inference import Model, open_bundle
from andon.manifest import GoldenFrame
from andon.preparation import Preparation
from andon.records import Verdict
from andon.testing.models import tiny_bundle

ROUNDS = 15


@dataclass(frozen=True)
class Plain:
    """The plain loop: decode, resize, ONNX Runtime, one frame after the other in one process."""

    frames_per_s: float
    cpu_ms: float


def null_bundle(frame: bytes) -> Bundle:
    """A real bundle that passes its gate, around a model that only averages the channels; every frame is ok."""
    tensor = prepare(frame, Preparation()).tensor
    score = float(tensor.mean(axis=2).max())
    golden = GoldenFrame(
        name="golden/0.jpg",
        sha256=sha256_hex(frame),
        tensor_sha256=sha256_hex(tensor.tobytes()),
        verdict=Verdict.OK,
        score=score,
    )
    return tiny_bundle([golden], {golden.name: frame}, preparation=Preparation(), threshold=1000.0)


def image_ms(frames: Sequence[bytes], preparation: Preparation) -> float:
    """CPU-ms of decode and resize for one frame, as preprocess does them, on one thread: the least of ROUNDS."""
    cv2.setNumThreads(1)
    size = preparation.width, preparation.height

    def once() -> None:
        for data in frames:
            pixels = decode(data, sniff(data, ImageLimits()), preparation).pixels
            if (pixels.shape[1], pixels.shape[0]) != size:
                cv2.resize(pixels, size, interpolation=cv2.INTER_AREA)

    return _cpu_ms(once) / len(frames)


class ModelCost:
    """CPU-ms of `Model.run` for one frame in a batch of `size`, with the threads that scoring gives it."""

    def __init__(self, bundle: Bundle, frames: Sequence[bytes]) -> None:
        self._model: Model = open_bundle(bundle)
        preparation = bundle.manifest.preparation
        self._tensors = np.stack([prepare(data, preparation).tensor for data in frames])
        self._known: dict[int, float] = {}

    def __call__(self, size: int) -> float:
        """The least of ROUNDS: what another program on these cores adds is not the model's."""
        if size not in self._known:
            batch = self._tensors[np.arange(size) % len(self._tensors)]
            calls = max(1, 32 // size)
            self._known[size] = _cpu_ms(lambda: [self._model.run(batch) for _ in range(calls)]) / calls / size
        return self._known[size]

    def mixed(self, batches: dict[int, float]) -> float:
        """Over batches of several sizes; `batches` counts the frames in batches of each."""
        frames = sum(batches.values())
        return sum(self(size) * count for size, count in batches.items()) / frames if frames else 0.0


def plain_loop(frames: Sequence[bytes], bundle: Bundle, count: int) -> Plain:
    """`count` frames through cv2.imdecode, cv2.resize(INTER_AREA) and the model, batch of one."""
    model = open_bundle(bundle)
    size = bundle.manifest.preparation.width, bundle.manifest.preparation.height

    def one(data: bytes) -> None:
        pixels = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
        small = cv2.cvtColor(cv2.resize(pixels, size, interpolation=cv2.INTER_AREA), cv2.COLOR_BGR2RGB)
        model.run(small[np.newaxis])

    for data in frames:
        one(data)
    began, cpu = time.perf_counter(), time.process_time()
    for number in range(count):
        one(frames[number % len(frames)])
    wall_s = time.perf_counter() - began
    return Plain(count / wall_s, (time.process_time() - cpu) * 1000 / count)


def _cpu_ms(act: Callable[[], object]) -> float:
    act()
    return min(_once(act) for _ in range(ROUNDS))


def _once(act: Callable[[], object]) -> float:
    before = time.process_time()
    act()
    return (time.process_time() - before) * 1000
