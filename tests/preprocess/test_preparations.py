"""Which preparation a station's frames get: that of the bundle which serves it."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from andon.assignments import Assignments
from andon.bundle import SUFFIX, Bundle
from andon.errors import Broken
from andon.ids import frame_id
from andon.manifest import BundleManifest
from andon.preparation import Preparation
from andon.records import Assignment, Frame, Proof, write_event
from andon.stage import Record
from andon.store import BundleStore
from andon.testing.models import proven_bundle
from andon.topics import MODELS
from andon_preprocess.preparations import Preparations
from andon_preprocess.prepare import UNASSIGNED

AT = datetime(2026, 3, 2, 14, 0, tzinfo=UTC)
SMALL = Preparation(width=8, height=8, channels=1)
LARGE = Preparation(width=16, height=16, channels=1)


class Followed:
    """The topic `models`, written by hand: `say` is heard at the next refresh."""

    def __init__(self) -> None:
        self.table = Assignments()
        self.closed = False
        self._unread: list[Record] = []

    def say(self, bundle: str, station: str = "*", product: str | None = None, second: int = 0) -> None:
        given = Assignment(station=station, product=product, bundle=bundle, at=AT.replace(second=second))
        self._unread.append(Record(MODELS, 0, 0, given.key, write_event(given)))

    def shadow(self, bundle: str, *shadows: str) -> None:
        given = Assignment(bundle=bundle, shadows=shadows, at=AT)
        self._unread.append(Record(MODELS, 0, 0, given.key, write_event(given)))

    def prove(self, bundle: str) -> None:
        proof = Proof(bundle=bundle, at=AT)
        self._unread.append(Record(MODELS, 0, 0, proof.key, write_event(proof)))

    def forget(self, key: bytes) -> None:
        self._unread.append(Record(MODELS, 0, 0, key, b""))

    def refresh(self) -> bool:
        changed = [self.table.apply(record) for record in self._unread]
        self._unread.clear()
        return any(changed)

    def close(self) -> None:
        self.closed = True


@pytest.fixture
def followed() -> Followed:
    return Followed()


@pytest.fixture
def store(tmp_path: Path) -> BundleStore:
    return BundleStore(str(tmp_path / "bundles"))


def frame(station: str = "weld-07", product: str | None = None) -> Frame:
    return Frame(station, 1, 0, frame_id(station, 1, 0), AT, product=product)


def bundle(preparation: Preparation) -> Bundle:
    return proven_bundle(preparation=preparation)


def test_a_station_without_an_assignment_gets_the_default(followed: Followed, store: BundleStore) -> None:
    assert Preparations(followed, store).of(frame()) is UNASSIGNED


def test_a_station_gets_what_its_active_bundle_wants(followed: Followed, store: BundleStore) -> None:
    followed.say(store.put(bundle(SMALL)))
    followed.refresh()
    assert Preparations(followed, store).of(frame()) == SMALL


def test_a_new_assignment_is_taken_in_between_turns(followed: Followed, store: BundleStore) -> None:
    preparations = Preparations(followed, store)
    followed.say(store.put(bundle(SMALL)))
    assert preparations.of(frame()) == Preparation()
    preparations.refresh()
    assert preparations.of(frame()) == SMALL
    followed.say(store.put(bundle(LARGE)))
    preparations.refresh()
    assert preparations.of(frame()) == LARGE


def test_each_station_and_product_gets_its_own(followed: Followed, store: BundleStore) -> None:
    followed.say(store.put(bundle(SMALL)), "weld-07")
    followed.say(store.put(bundle(LARGE)), "weld-07", "cup")
    followed.refresh()
    preparations = Preparations(followed, store)
    assert preparations.of(frame(product="cup")) == LARGE
    assert preparations.of(frame(product="plate")) == SMALL
    assert preparations.of(frame("press-1")) == Preparation()


def test_a_bundle_that_is_not_there_leaves_the_one_before_in_force(followed: Followed, store: BundleStore) -> None:
    preparations = Preparations(followed, store)
    for digest in (store.put(bundle(SMALL)), bundle(LARGE).digest):
        followed.say(digest)
        preparations.refresh()
    assert preparations.of(frame()) == SMALL


def test_a_bundle_that_cannot_be_read_leaves_the_one_before_in_force(followed: Followed, store: BundleStore) -> None:
    preparations = Preparations(followed, store)
    followed.say(store.put(bundle(SMALL)))
    preparations.refresh()
    digest = store.put(bundle(LARGE))
    Path(store.url, digest + SUFFIX).write_bytes(b"not a bundle")
    followed.say(digest)
    preparations.refresh()
    assert preparations.of(frame()) == SMALL


def test_the_only_bundle_not_being_there_means_the_default(followed: Followed, store: BundleStore) -> None:
    followed.say(bundle(SMALL).digest)
    followed.refresh()
    assert Preparations(followed, store).of(frame()) == Preparation()


def test_a_bundle_put_into_the_store_late_is_found_when_it_is_assigned_again(
    followed: Followed, store: BundleStore
) -> None:
    followed.say(bundle(SMALL).digest)
    followed.refresh()
    preparations = Preparations(followed, store)
    followed.say(store.put(bundle(SMALL)), second=1)
    preparations.refresh()
    assert preparations.of(frame()) == SMALL


def test_a_withdrawn_assignment_means_the_default_again(followed: Followed, store: BundleStore) -> None:
    followed.say(store.put(bundle(SMALL)))
    followed.refresh()
    preparations = Preparations(followed, store)
    followed.forget(b"*/*")
    preparations.refresh()
    assert preparations.of(frame()) == Preparation()


def test_the_store_is_asked_only_when_assignments_change(followed: Followed, store: BundleStore) -> None:
    followed.say(store.put(bundle(SMALL)))
    followed.refresh()
    preparations = Preparations(followed, store)
    for path in Path(store.url).iterdir():
        path.unlink()
    preparations.refresh()
    assert preparations.of(frame()) == SMALL


def test_a_store_that_fails_stops_the_process(followed: Followed, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("not a folder")
    followed.say("ab" * 32)
    followed.refresh()
    with pytest.raises(Broken):
        Preparations(followed, BundleStore(str(tmp_path / "file")))


def test_closing_stops_following(followed: Followed, store: BundleStore) -> None:
    Preparations(followed, store).close()
    assert followed.closed


def test_a_bundle_that_is_not_proven_yet_leaves_the_one_that_is_in_force(
    followed: Followed, store: BundleStore
) -> None:
    old, new = store.put(bundle(SMALL)), store.put(bundle(LARGE))
    preparations = Preparations(followed, store)
    followed.say(old)
    followed.prove(old)
    followed.say(new, second=1)
    preparations.refresh()
    assert preparations.of(frame()) == SMALL
    followed.prove(new)
    preparations.refresh()
    assert preparations.of(frame()) == LARGE


def test_shadows_of_a_station_are_looked_up_each_way_of_looking_once(followed: Followed, store: BundleStore) -> None:
    also_small = proven_bundle(preparation=SMALL, threshold=99.0)
    followed.shadow(store.put(bundle(SMALL)), store.put(also_small), store.put(bundle(LARGE)))
    followed.refresh()
    preparations = Preparations(followed, store)
    assert preparations.of(frame()) == SMALL
    assert preparations.of_shadows(frame()) == (SMALL, LARGE)


def test_a_station_without_shadows_has_none(followed: Followed, store: BundleStore) -> None:
    assert Preparations(followed, store).of_shadows(frame()) == ()
    followed.say(store.put(bundle(SMALL)))
    followed.refresh()
    assert Preparations(followed, store).of_shadows(frame()) == ()


class Failing(BundleStore):
    """A store that fails for all but one bundle."""

    held = ""

    def manifest(self, digest: str) -> BundleManifest:
        if digest == self.held:
            return super().manifest(digest)
        raise Broken("the store cannot be reached")


def test_a_shadow_that_cannot_be_read_stops_nothing_whatever_the_reason(followed: Followed, tmp_path: Path) -> None:
    store = Failing(str(tmp_path))
    digest = store.put(bundle(SMALL))
    object.__setattr__(store, "held", digest)
    followed.shadow(digest, store.put(bundle(LARGE)))
    followed.refresh()
    preparations = Preparations(followed, store)
    assert preparations.of(frame()) == SMALL
    assert preparations.of_shadows(frame()) == ()
