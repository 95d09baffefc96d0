import os

import pytest

from andon.errors import Mistake
from andon.testing import hostile
from andon_ingest.files import Changed, File, find_files, is_image, looks_finished, read_file

NPY = hostile.npy_of("(2, 3, 4)", pixels=bytes(24))
JPEG, PNG = b"\xff\xd8\xff..\xff\xd9", b"\x89PNG\r\n\x1a\n..\0\0\0\0IEND\xaeB`\x82"


def write(folder, *names, data=JPEG):
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(data)


def names(folder, *only):
    return [file.name for file in find_files("s", folder, only)]


def file(folder, name):
    stat = (folder / name).stat()
    return File("s", folder, name, stat.st_size, stat.st_mtime_ns)


def test_a_plain_folder_is_read_by_name_with_its_sub_folders(tmp_path):
    write(tmp_path, "b.png", "a/2.jpg", "a/1.JPG", "c.jpeg")
    assert names(tmp_path) == ["a/1.JPG", "a/2.jpg", "b.png", "c.jpeg"]


def test_of_an_mvtec_folder_only_test_is_played_never_masks_or_training(tmp_path):
    write(tmp_path, "train/good/0.png", "test/good/1.png", "test/crack/2.png", "ground_truth/crack/2_mask.png")
    assert names(tmp_path) == ["test/crack/2.png", "test/good/1.png"]


def test_patterns_choose_and_order_and_repeat_nothing(tmp_path):
    write(tmp_path, "train/good/0.png", "test/good/1.png", "test/crack/2.png")
    assert names(tmp_path, "test/good/*", "test/*") == ["test/good/1.png", "test/crack/2.png"]
    assert names(tmp_path, "train/*") == ["train/good/0.png"]


def test_what_is_not_called_an_image_is_left_alone_and_every_image_is_taken(tmp_path):
    write(tmp_path, "readme.txt", ".hidden.png", ".cache/x.png", "part.jpg.tmp", "w.npy", "x.webp", "y.tiff")
    assert names(tmp_path) == ["w.npy", "x.webp", "y.tiff"]
    assert not is_image("Thumbs.db")


def test_a_link_to_a_folder_is_not_followed(tmp_path):
    write(tmp_path, "in/a.jpg")
    (tmp_path / "in" / "loop").symlink_to(tmp_path / "in", target_is_directory=True)
    assert names(tmp_path / "in") == ["a.jpg"]


def test_a_pattern_that_fits_nothing_is_told_with_what_there_is(tmp_path):
    write(tmp_path, "test/good/1.png")
    with pytest.raises(Mistake, match=r"no image matches test/bad/\*; images lie in test/good"):
        find_files("s", tmp_path, ["test/bad/*"])


def test_an_empty_or_missing_folder_is_a_mistake(tmp_path):
    with pytest.raises(Mistake, match="no image"):
        find_files("s", tmp_path)
    with pytest.raises(Mistake, match="cannot be read"):
        find_files("s", tmp_path / "nowhere")


def test_a_file_is_read_whole_up_to_the_limit(tmp_path):
    write(tmp_path, "a.jpg", data=b"12345")
    assert read_file(file(tmp_path, "a.jpg"), 5) == b"12345"
    assert read_file(file(tmp_path, "a.jpg"), 4) is None


def test_a_watched_file_that_changed_since_it_was_found_is_not_read(tmp_path):
    write(tmp_path, "a.jpg")
    found = file(tmp_path, "a.jpg")
    os.utime(tmp_path / "a.jpg", ns=(1, 1))
    with pytest.raises(Changed):
        read_file(found, 100, unchanged=True)
    assert read_file(found, 100) == JPEG


@pytest.mark.parametrize(
    ("data", "finished"),
    [
        (JPEG, True),
        (JPEG[:-2], False),
        (PNG, True),
        (PNG[:-4], False),
        (NPY, True),
        (NPY[:-1], False),
        (NPY[:20], False),
        (NPY[:6], False),
        (hostile.NPY_MAGIC + b"\3\0" + NPY[8:], True),
        (b"GIF89a", True),
    ],
)
def test_an_image_without_its_end_looks_unfinished_and_one_that_never_will_be_whole_does_not(tmp_path, data, finished):
    write(tmp_path, "a.jpg", data=data)
    assert looks_finished(file(tmp_path, "a.jpg")) is finished
