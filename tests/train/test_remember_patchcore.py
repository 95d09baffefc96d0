"""PatchCore from `andon train` remembers false calls as `andon fit` does: no score rises, whatever form it has."""

from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import cache
from typing import Any

import cv2
import numpy as np
import pytest
from export_models import frames, made

from andon.bundle import Bundle
from andon.ids import frame_id, sha256_hex
from andon.images.prepare import prepare
from andon.inference import open_bundle
from andon.manifest import GoldenFrame
from andon.records import Answer, Told, Verdict
from andon.testing.models import tiny_bundle
from andon_training.anomalib_models.trained import Trained
from andon_training.export import ExportOptions, embedding_too, export
from andon_training.memory.banks import find_head
from andon_training.memory.graph import Wiring
from andon_training.memory.remember import remember

FORMS = {
    "as trained": ExportOptions(),
    "one neighbour": ExportOptions(num_neighbors=1),
    "one graph": ExportOptions(split=False),
    "small": ExportOptions(bank_size=40),
}


@dataclass(frozen=True)
class Frame:
    """A frame that people say is good."""

    seq: int
    data: bytes

    @property
    def answer(self) -> Answer:
        at = datetime(2026, 3, 2, tzinfo=UTC)
        return Answer(frame_id=frame_id("s", 1, self.seq), station="s", answer=Told.FALSE_CALL, at=at)

    def image(self) -> bytes:
        return self.data


def png(image: Any) -> bytes:
    return cv2.imencode(".png", cv2.cvtColor(image, cv2.COLOR_RGB2BGR))[1].tobytes()


def odd(seed: int) -> Frame:
    """A frame with a bright square that no frame of the memory has."""
    image = frames(1, 64, 64, seed=seed)[0].copy()
    image[20:44, 20:44] = np.random.default_rng(seed).integers(0, 2, (24, 24, 1)) * 255
    return Frame(seed, png(image))


def stricter(known: Bundle, frame: Frame) -> Bundle:
    """The same at a threshold that calls `frame`, too, and still passes its golden frame."""
    golden = known.manifest.golden[0]
    threshold = (golden.score + float(scores(known, [frame.data]).score[0])) / 2
    return replace(known, manifest=known.manifest.model_copy(update={"threshold": threshold}))


def scores(bundle: Bundle, images: list[bytes]) -> Any:
    tensors = np.stack([prepare(each, bundle.manifest.preparation).tensor for each in images])
    return open_bundle(bundle).run(tensors)


@cache
def trained() -> Trained:
    return made("patchcore")


@cache
def bundle(form: str) -> Bundle:
    """Of a small PatchCore; anything odd is above its threshold, and its golden frame below."""
    model = trained()
    exported = embedding_too(export(model, FORMS[form]), frames(24, 64, 64, seed=1))
    good = png(frames(1, 64, 64, seed=1)[0])
    image = prepare(good, model.preparation).tensor

    def of(threshold: float, score: float) -> Bundle:
        golden = GoldenFrame(
            name="golden/good-1.png",
            sha256=sha256_hex(good),
            tensor_sha256=sha256_hex(image.tobytes()),
            verdict=Verdict.OK,
            score=score,
        )
        parts = {"preparation": model.preparation, "model": exported.model, "backbone": exported.backbone}
        return tiny_bundle([golden], {golden.name: good}, threshold=threshold, **parts)

    plain = of(1e9, 0.0)
    own, *others = scores(plain, [good, *(odd(seed).data for seed in range(50, 60))]).score.tolist()
    return of(own + (min(others) - own) / 4, own)


@pytest.mark.parametrize("form", FORMS)
def test_a_false_call_is_remembered_and_no_score_and_no_place_of_a_map_rises(form: str) -> None:
    before = bundle(form)
    found = remember(before, [odd(50)])
    random = np.random.default_rng(3)
    noise = [png(random.integers(0, 256, (64, 64, 3), np.uint8)) for _ in range(10)]
    images = [odd(50).data, *(odd(seed).data for seed in range(60, 70)), *noise, *map(png, frames(20, 64, 64, seed=9))]
    old, new = scores(before, images), scores(found.bundle, images)
    assert old.score[0] > before.manifest.threshold >= new.score[0]
    assert (new.score <= old.score * (1 + 1e-5)).all()
    assert (new.map <= old.map * (1 + 1e-5) + 1e-5).all()
    np.testing.assert_allclose(new.embedding, old.embedding, atol=1e-3)
    assert found.still_called == ()
    assert (found.bundle.backbone is None) == (form == "one graph")


@pytest.mark.parametrize("form", ["as trained", "one neighbour"])
def test_more_can_be_remembered_later(form: str) -> None:
    once = remember(bundle(form), [odd(50)])
    second = max(map(odd, range(51, 70)), key=lambda each: scores(once.bundle, [each.data]).score[0])
    twice = remember(stricter(once.bundle, second), [second])
    heads = [find_head(Wiring(each.model)) for each in (bundle(form), once.bundle, twice.bundle)]
    sizes = [len(head.banks[0].cells) for head in heads if head is not None]
    assert sizes == [sizes[0], sizes[0] + once.cells[0], sizes[0] + once.cells[0] + twice.cells[0]]
    images = [odd(50).data, second.data, *(odd(seed).data for seed in range(50, 60))]
    assert (scores(twice.bundle, images).score <= scores(once.bundle, images).score * (1 + 1e-5)).all()
    assert scores(twice.bundle, [second.data]).score <= twice.bundle.manifest.threshold
