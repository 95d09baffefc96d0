import pytest
from pydantic import ValidationError

from andon.preparation import Box, Preparation

TRIANGLE = ((0.0, 0.0), (0.5, 0.0), (0.0, 0.5))


def test_the_default_is_256_by_256_rgb() -> None:
    assert Preparation().shape == (256, 256, 3)


def test_the_digest_is_the_same_in_every_process_and_version() -> None:
    """A changed digest orphans every bundle: change `recipe` on purpose, or this number never."""
    assert Preparation().digest == "fbdef7e5850d16530e836d0a5bd121a561c1cdf4e5c891793b3c7bcb60a1ea8e"


def test_more_planes_than_three_changed_no_digest_that_a_bundle_holds() -> None:
    grey = Preparation(
        width=128,
        height=96,
        channels=1,
        crop=Box(x=3, y=4, width=50, height=60),
        masks=(TRIANGLE,),
        depth_range=(64, 4095),
    )
    assert grey.digest == "30295a3cfd737d3f6d15fa83bb4b92ee24e7478f58e696c2dd1b230a4a9ed049"
    assert Preparation(channels=1).digest == "1b7f10de5e242b71960d3e28ab4c9f3d75fdb0adcac2ac068ce7fbba658e1e8c"


@pytest.mark.parametrize("channels", [1, 2, 3, 4, 8, 16])
def test_a_tensor_has_one_to_sixteen_channels(channels: int) -> None:
    one = Preparation(width=512, height=512, channels=channels)
    assert one.shape == (512, 512, channels)
    assert Preparation.model_validate_json(one.model_dump_json()).digest == one.digest


@pytest.mark.parametrize(
    "other",
    [
        Preparation(width=255),
        Preparation(height=255),
        Preparation(channels=1),
        Preparation(channels=4),
        Preparation(crop=Box(x=0, y=0, width=10, height=10)),
        Preparation(masks=(TRIANGLE,)),
        Preparation(depth_range=(0, 4095)),
    ],
)
def test_every_field_is_in_the_digest(other: Preparation) -> None:
    assert other.digest != Preparation().digest


def test_json_and_back_is_the_same_preparation_with_the_same_digest() -> None:
    one = Preparation(crop=Box(x=3, y=4, width=50, height=60), masks=(TRIANGLE,), depth_range=(64, 4095))
    again = Preparation.model_validate_json(one.model_dump_json())
    assert (again, again.digest, hash(again)) == (one, one.digest, hash(one))


@pytest.mark.parametrize(
    ("fields", "complaint"),
    [
        ({"width": 2048, "height": 2048}, "at most 4194304 travel in one record"),
        ({"width": 0}, "greater than or equal to 8"),
        ({"channels": 0}, "greater than or equal to 1"),
        ({"channels": 17}, "less than or equal to 16"),
        ({"width": 513, "height": 512, "channels": 16}, "of fewer channels"),
        ({"crop": {"x": -1, "y": 0, "width": 5, "height": 5}}, "greater than or equal to 0"),
        ({"crop": {"x": 0, "y": 0, "width": 0, "height": 5}}, "greater than 0"),
        ({"masks": [[(0, 0), (1, 1)]]}, "at least 3"),
        ({"masks": [[(0, 0), (1, 1), (1.1, 0)]]}, "less than or equal to 1"),
        ({"masks": [[(0, 0), (1, 1), (float("nan"), 0)]]}, "finite|greater|less"),
        ({"depth_range": (100, 100)}, "low before high"),
        ({"depth_range": (0, 70000)}, "within 0..65535"),
        ({"rotate": 90}, "Extra inputs are not permitted"),
        ({"recipe": 2}, "Input should be 1"),
    ],
)
def test_what_would_mean_other_pixels_or_none_is_refused(fields: dict[str, object], complaint: str) -> None:
    with pytest.raises(ValidationError, match=complaint):
        Preparation.model_validate(fields)
