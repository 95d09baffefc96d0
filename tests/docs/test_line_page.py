"""docs/line.md and the deployment say of the line file what is so."""

import re
from pathlib import Path

import pytest
from pydantic import BaseModel

from andon.errors import Mistake
from andon.line.camera import Camera, Kind
from andon.line.line import Line
from andon.line.model import LineWords, PolicyWords, StationWords
from andon.line.parse import parse
from andon.line.sentences import policy_words
from andon.line.windows import window

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "line.md").read_text()
EXAMPLE = (ROOT / "deploy" / "line.yaml").read_text()


def names(model: type[BaseModel]) -> list[str]:
    return [field.alias or name for name, field in model.model_fields.items()]


@pytest.mark.parametrize("text", re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL))
def test_every_example_of_the_page_is_right(text: str):
    parse(text.encode(), "docs/line.md")


@pytest.mark.parametrize("model", [LineWords, StationWords, PolicyWords, Camera])
def test_the_page_tells_every_name_that_a_line_file_may_hold(model: type[BaseModel]):
    assert [name for name in names(model) if not re.search(rf"`{name}[`:]", PAGE)] == []


@pytest.mark.parametrize("model", [LineWords, StationWords, PolicyWords, Camera])
def test_the_example_that_is_deployed_shows_every_name(model: type[BaseModel]):
    assert [name for name in names(model) if not re.search(rf"^\s*{name}:", EXAMPLE, re.MULTILINE)] == []


def test_the_page_names_every_kind_of_camera():
    assert [kind for kind in Kind if f"`{kind}`" not in PAGE] == []


def test_every_window_of_the_page_is_one():
    told = re.findall(r"^\| `([^`]+)` \| (?:every week|through|from|a weekend|once)", PAGE, re.MULTILINE)
    assert len(told) == 6
    for text in told:
        window(text)


def test_the_sentences_of_the_page_are_those_that_andon_check_prints():
    built_in = policy_words(Line().of("weld-07").policy) | {"after a changeover": "2 frames open nothing"}
    for name, sentence in built_in.items():
        assert f"| `{name}: {sentence}` |" in PAGE


def test_the_mistakes_of_the_page_are_told_so():
    lines = re.findall(r"^    line\.yaml:\d+:\d+: (.+)$", PAGE, re.MULTILINE)
    with pytest.raises(Mistake) as told:
        parse(b"stations:\n  weld 07: \n  weld-*: {policy: {open: 5 of 3 frames}}\n  weld-0*: \n", "line.yaml")
    plain = str(told.value).replace("in line 3", "in line 17")
    assert len(lines) == 3
    assert [line for line in lines if line not in plain] == []


def test_the_deployed_line_file_is_where_services_look_for_it():
    compose = (ROOT / "deploy" / "compose.yaml").read_text()
    (path,) = re.findall(r"ANDON_LINE: (\S+)", compose)
    assert Path(path).name == "line.yaml"
    assert f'".:{Path(path).parent}:ro"' in compose
