"""The examples: fresh, and as clean as Helm asks for."""

import re
import subprocess
from ast import literal_eval as literal
from pathlib import Path
from typing import get_args

import pytest
import yaml
from chart_pods import EXAMPLES
from guarded import CHART, HELM, ROOT, render

from andon.run import andon_version
from values.chart import PIECES
from values.readme import readme
from values.writing import stale


def test_what_the_chart_has_from_elsewhere_is_fresh():
    assert stale() == [], "run make chart"


@pytest.mark.parametrize("name", EXAMPLES)
def test_helm_finds_nothing_to_complain_about(name: str):
    done = subprocess.run(
        [HELM, "lint", "--strict", CHART, "--values", CHART / "examples" / name / "values.yaml"],
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stdout
    assert "WARNING" not in done.stdout


@pytest.mark.parametrize("name", EXAMPLES)
def test_what_is_rendered_can_be_read(name: str):
    for path in (CHART / "examples" / name / "rendered").glob("*"):
        assert path.stat().st_size < 40_000, path.name
        assert all(each["kind"] for each in yaml.safe_load_all(path.read_text())), path.name


def test_dashboards_are_those_of_deploy():
    on = [each for each in render({"monitoring": {"dashboards": {"enabled": True}}}) if each["kind"] == "ConfigMap"]
    shipped = {name: text for each in on for name, text in each["data"].items() if name.endswith(".json")}
    folder = ROOT / "deploy" / "grafana" / "dashboards"
    assert shipped == {path.name: path.read_text() for path in folder.glob("*.json")}


def test_the_readme_keeps_what_people_wrote():
    page = (CHART / "README.md").read_text()
    head = page.partition("<!-- values")[0]
    assert readme(page) == page
    assert readme(page.replace("# The chart", "# Chart")).startswith("# Chart")
    assert "helm install andon helm/andon" in head


def test_the_chart_brings_no_other_along():
    chart = yaml.safe_load((CHART / "Chart.yaml").read_text())
    assert "dependencies" not in chart
    assert not (CHART / "charts").exists()
    assert chart["annotations"]["artifacthub.io/license"] == "Apache-2.0"


def test_every_image_that_the_chart_names_is_one_that_make_images_builds():
    script = (ROOT / "deploy" / "images" / "build").read_text()
    named = re.findall(r"^(?:SERVICES|LARGE) = (\(.+\))$", script, re.MULTILINE)
    assert set(get_args(PIECES)) == {name for names in named for name in literal(names)}


def test_the_chart_is_of_this_version_of_andon_and_tells_its_images():
    chart = yaml.safe_load((CHART / "Chart.yaml").read_text())
    assert chart["appVersion"] == andon_version()
    told = {each["name"]: each["image"] for each in yaml.safe_load(chart["annotations"]["artifacthub.io/images"])}
    assert told == {name: f"andon-{name}:{chart['appVersion']}" for name in get_args(PIECES)}


def test_a_release_fits_into_the_secret_that_helm_keeps_it_in(tmp_path: Path):
    subprocess.run([HELM, "package", CHART, "--destination", tmp_path], check=True, capture_output=True, timeout=60)
    (package,) = tmp_path.iterdir()
    assert package.stat().st_size < 300_000, "a Secret holds 1 MiB, in base64, with the manifest beside the chart"
