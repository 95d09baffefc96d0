"""Only what keeps examples can be given one more; people are told before they ask."""

from datetime import UTC, datetime

import pytest

from andon.errors import Broken
from andon.manifest import BundleManifest, Training
from andon.records import Assignment, write_event
from andon.stage import Record
from andon_console.live.serving import Models
from andon_console.models.memory import why_no_memory

BUNDLE = "4be1" * 16


class Store:
    """Bundles that were made by one method; None: the store does not answer."""

    def __init__(self, method: str | None) -> None:
        self.method = method

    def manifest(self, digest: str) -> BundleManifest:
        assert digest == BUNDLE
        if self.method is None:
            raise Broken("the bundle store does not answer")
        return BundleManifest.model_construct(
            training=Training(method=self.method, extractor="andon-s8s16", frames=20, frames_offered=20)
        )


@pytest.fixture
def models() -> Models:
    made = Models()
    given = Assignment(station="weld-07", bundle=BUNDLE, at=datetime.now(UTC))
    made.take([Record("models", 0, 0, given.key, write_event(given))])
    return made


@pytest.mark.parametrize("method", ["memory-bank", "patchcore", "Patchcore", None])
def test_a_bundle_with_a_memory_or_one_that_cannot_be_read_now_may_be_asked_for(models: Models, method: str | None):
    assert why_no_memory(models, Store(method), "weld-07", None) == ""


def test_one_without_is_told_with_what_to_do_instead(models: Models):
    said = why_no_memory(models, Store("gaussian-per-position"), "weld-07", "lid")
    assert said == (
        "bundle 4be14be14be1 (gaussian-per-position) keeps no examples that one could be added to; "
        "let it learn anew with them among the good frames: andon fit --reviewed weld-07"
    )


def test_where_nothing_serves_there_is_none(models: Models):
    assert "no bundle serves weld-08" in why_no_memory(models, Store("memory-bank"), "weld-08", None)
