"""Any frame by where it lies: from Kafka, from the store of large frames, or from what was kept."""

from dataclasses import replace
from pathlib import Path
from threading import Event, Thread
from typing import Any
from uuid import uuid4

import pytest
from taken import BEGAN, Camera, incident, opened, shot
from worlds import Lying, Sent, make_world

from andon.errors import Broken
from andon.evidence import DOSSIER, Dossier, KeptFrame
from andon.folder import Folder
from andon.ids import sha256_hex
from andon.records import (
    Answer,
    FramePlace,
    IncidentEvent,
    Told,
    write_event,
)
from andon.reviewed import write_reviewed
from andon.stage import Record
from andon.store import BlobStore
from andon.testing.hostile import jpeg, photo
from andon_console.frames.cache import Shelf, Turns
from andon_console.frames.frames import Frames, Gone
from andon_console.frames.readers import Busy, Readers
from andon_console.world import World


@pytest.fixture
def lying() -> Lying:
    return Lying()


@pytest.fixture
def camera(lying: Lying) -> Camera:
    return Camera(lying)


@pytest.fixture
def stores(tmp_path: Path) -> dict[str, str]:
    return {"evidence": str(tmp_path / "evidence"), "blobs": str(tmp_path / "blobs")}


@pytest.fixture
def world(lying: Lying, stores: dict[str, str]) -> World:
    return make_world(sent=Sent(), lying=lying, stores=stores)


def keep(url: str, event: IncidentEvent, image: bytes, score: bytes = b"", **other: Any) -> None:
    """What `andon evidence` writes of an incident."""
    store, frame = Folder(url), event.evidence[0].frame_id
    kept = {"name": f"{frame}.jpg", "size": len(image), "sha256": sha256_hex(image), "score": len(score), **other}
    dossier = Dossier(sentence="", turn=event, frames=(KeptFrame(frame_id=frame, **kept),))
    store.write(f"{event.incident_id}/{frame}.jpg", image)
    if score:
        store.write(f"{event.incident_id}/{frame}.score.json", score)
    store.write(f"{event.incident_id}/{DOSSIER}", write_event(dossier))


def why(found: bytes | Gone) -> str:
    assert isinstance(found, Gone), f"{len(found)} bytes were found"
    return found.why


def test_the_image_is_the_one_that_was_captured(world: World, camera: Camera) -> None:
    _, scored = camera.take(5)
    assert world.frames.image(shot(scored)) == camera.image


def test_a_frame_that_kafka_has_lost_says_since_when_kafka_keeps(world: World, camera: Camera, lying: Lying) -> None:
    frame, scored = camera.take(5)
    camera.take(60)
    lying.forget(frame)
    assert why(world.frames.image(shot(scored))).startswith("expired: Kafka keeps since 20")


def test_another_frame_in_its_place_is_never_shown_for_it(world: World, camera: Camera) -> None:
    _, scored = camera.take(5)
    camera.take(700, offset=5)
    assert "another frame lies in its place" in why(world.frames.image(shot(scored)))


def test_bytes_that_its_maker_did_not_count_are_not_shown(world: World, camera: Camera, lying: Lying) -> None:
    frame, scored = camera.take(5)
    lying.add(Record(frame.topic, frame.partition, 5, frame.key, jpeg(photo(seed=9)), frame.headers, 0))
    assert "not the bytes" in why(world.frames.image(shot(scored)))


@pytest.mark.parametrize("topic", ["audit", "verdicts", "frames.prepared", "payroll", "dead-letters"])
def test_no_other_topic_is_ever_read_as_frames(world: World, camera: Camera, lying: Lying, topic: str) -> None:
    frame, scored = camera.take(5)
    lying.add(Record(topic, 2, 5, frame.key, b"secret", frame.headers, 0))
    asked = replace(shot(scored), frame=FramePlace(topic=topic, partition=2, offset=5))
    before = lying.asked
    assert "nothing says where it lies" in why(world.frames.image(asked))
    assert lying.asked == before


def test_a_large_frame_comes_out_of_its_store(world: World, camera: Camera, stores: dict[str, str]) -> None:
    dataref = BlobStore(stores["blobs"]).put(sha256_hex(camera.image), camera.image)
    _, scored = camera.take(5, dataref=dataref)
    assert world.frames.image(shot(scored)) == camera.image


def test_a_large_frame_outlives_its_record(world: World, camera: Camera, lying: Lying, stores: dict[str, str]) -> None:
    frame, scored = camera.take(5, dataref=BlobStore(stores["blobs"]).put(sha256_hex(camera.image), camera.image))
    lying.forget(frame)
    assert world.frames.image(shot(scored)) == camera.image


def test_a_claim_on_another_place_is_refused(world: World, camera: Camera, lying: Lying) -> None:
    frame, scored = camera.take(5, dataref="/etc/passwd")
    assert "not of this store" in why(world.frames.image(shot(scored)))
    lying.forget(frame)
    assert "not of this store" in why(world.frames.image(shot(scored)))


def test_what_an_incident_kept_is_shown_when_kafka_has_lost_it(
    world: World, camera: Camera, lying: Lying, stores: dict[str, str]
) -> None:
    frame, scored = camera.take(5, 2.0)
    event = incident(scored)
    opened(world, event)
    keep(stores["evidence"], event, camera.image, scored.value)
    lying.forget(frame)
    lying.forget(scored)
    assert world.frames.image(shot(scored)) == camera.image
    found = world.frames.score(FramePlace.of(scored), shot(scored).frame_id)
    assert found is not None
    assert found.heat_map


def test_what_was_kept_is_shown_while_kafka_is_away(
    world: World, camera: Camera, lying: Lying, stores: dict[str, str]
) -> None:
    _, scored = camera.take(5, 2.0)
    event = incident(scored)
    opened(world, event)
    keep(stores["evidence"], event, camera.image)
    lying.away = True
    assert world.frames.image(shot(scored)) == camera.image


def test_kept_bytes_that_are_not_what_was_kept_are_not_shown(
    world: World, camera: Camera, lying: Lying, stores: dict[str, str]
) -> None:
    frame, scored = camera.take(5, 2.0)
    event = incident(scored)
    opened(world, event)
    keep(stores["evidence"], event, camera.image, sha256="0" * 64)
    lying.forget(frame)
    assert "expired" in why(world.frames.image(shot(scored)))


def test_an_incidents_file_that_names_another_file_is_not_followed(
    world: World, camera: Camera, lying: Lying, stores: dict[str, str]
) -> None:
    frame, scored = camera.take(5, 2.0)
    secret = Path(stores["evidence"]).parent / "secret"
    secret.write_bytes(b"secret")
    event = incident(scored)
    opened(world, event)
    keep(stores["evidence"], event, camera.image, name="../../secret", size=6, sha256=sha256_hex(b"secret"))
    lying.forget(frame)
    assert "expired" in why(world.frames.image(shot(scored)))


def test_a_reviewed_frame_is_shown_when_kafka_has_lost_it(
    world: World, camera: Camera, lying: Lying, stores: dict[str, str]
) -> None:
    frame, scored = camera.take(5)
    known = shot(scored)
    answer = Answer(frame_id=known.frame_id, station=known.station, answer=Told.MISSED, by="mira", at=BEGAN)
    world.answers.hear(answer)
    write_reviewed(Folder(stores["evidence"]), answer, camera.image, b"", scored.value)
    lying.forget(frame)
    lying.forget(scored)
    assert world.frames.image(known) == camera.image
    assert world.frames.score(None, known.frame_id) is not None


def test_a_frame_of_which_nobody_knows_the_place_is_gone(world: World) -> None:
    answer = Answer(frame_id=uuid4(), station="weld-07", answer=Told.MISSED, by="mira", at=BEGAN)
    assert why(world.frames.image(answer)) == "nothing says where it lies"


def test_a_score_is_read_at_its_place_and_only_for_its_own_frame(world: World, camera: Camera) -> None:
    _, scored = camera.take(5)
    place = FramePlace.of(scored)
    found = world.frames.score(place, shot(scored).frame_id)
    assert found is not None
    assert found.seq == 5
    assert world.frames.score(place, uuid4()) is None


def test_kafka_away_is_broken_and_not_gone(world: World, camera: Camera, lying: Lying) -> None:
    _, scored = camera.take(5)
    lying.away = True
    with pytest.raises(Broken, match="cannot reach Kafka"):
        world.frames.image(shot(scored))


def test_nobody_waits_for_a_kafka_that_is_known_to_be_away(camera: Camera, lying: Lying, world: World) -> None:
    _, scored = camera.take(5)
    frames = Frames(Readers(lambda: lying), BlobStore("memory://b"), world.frames._kept, "camera.frames", lambda: True)
    with pytest.raises(Broken):
        frames.image(shot(scored))
    assert lying.asked == 0


def test_since_when_kafka_keeps_is_asked_once_in_a_while(camera: Camera, lying: Lying, world: World) -> None:
    time = [0.0]
    frames = Frames(
        Readers(lambda: lying), BlobStore("memory://b"), world.frames._kept, "camera.frames", clock=lambda: time[0]
    )
    camera.take(5)
    asked = [frames.held_since("camera.frames", 2), frames.held_since("camera.frames", 2)]
    assert (asked[0], lying.asked) == (asked[1], 1)
    time[0] = 31.0
    frames.held_since("camera.frames", 2)
    assert lying.asked == 2


class Pooled(Lying):
    """One that says when it was closed."""

    closed = False

    def close(self) -> None:
        self.closed = True


class Opening:
    """Opens readers, and remembers them."""

    def __init__(self) -> None:
        self.opened: list[Pooled] = []

    def __call__(self) -> Pooled:
        self.opened.append(Pooled())
        return self.opened[-1]


def test_a_reader_is_used_again() -> None:
    opening = Opening()
    readers = Readers(opening)
    for _ in range(3):
        with readers.lent():
            pass
    assert len(opening.opened) == 1
    readers.close()
    assert opening.opened[0].closed


def test_a_reader_that_failed_is_closed_and_another_opened() -> None:
    opening = Opening()
    readers = Readers(opening)
    with pytest.raises(Broken), readers.lent():
        raise Broken("it did not answer")
    with readers.lent():
        pass
    assert [each.closed for each in opening.opened] == [True, False]


def test_who_finds_no_reader_free_is_told_so() -> None:
    readers = Readers(Lying, most=1, wait_s=0.01)
    with readers.lent(), pytest.raises(Busy), readers.lent():
        pass
    with readers.lent():
        pass


def test_what_nobody_wanted_longest_goes_first() -> None:
    shelf = Shelf(room=80)
    for name in "abcdefgh":
        shelf.put(name, bytes(10))
    shelf.get("a")
    shelf.put("i", bytes(10))
    assert [name for name in "abcdefghi" if shelf.get(name) is None] == ["b"]
    assert shelf.size == 80


def test_one_picture_never_fills_the_shelf() -> None:
    shelf = Shelf(room=80)
    shelf.put("large", bytes(11))
    assert shelf.get("large") is None
    assert shelf.size == 0


def test_what_is_put_again_is_counted_once() -> None:
    shelf = Shelf(room=80)
    shelf.put("a", bytes(10))
    shelf.put("a", bytes(5))
    assert shelf.size == 5


def test_only_so_many_wait_for_their_turn() -> None:
    turns, inside, leave = Turns(at_once=1, waiting=0), Event(), Event()

    def hold() -> None:
        with turns.one():
            inside.set()
            leave.wait(10)

    thread = Thread(target=hold)
    thread.start()
    assert inside.wait(10)
    with pytest.raises(Busy), turns.one():
        pass
    leave.set()
    thread.join(10)
    with turns.one():
        pass


def test_a_turn_at_work_is_waited_for_only_so_long() -> None:
    turns = Turns(at_once=1, wait_s=0.01)
    with turns.work(), pytest.raises(Busy), turns.work():
        pass
