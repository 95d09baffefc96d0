"""What is in an image, and what is not."""

import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml
from image_containers import BASE, TAG, Images, build_arguments

pytestmark = [pytest.mark.images, pytest.mark.timeout(2400)]
ROOT = Path(__file__).parents[2]
LOOK = """
import glob, importlib.util, json, os, shutil, sys
from importlib.metadata import distributions, entry_points
site = glob.glob("/opt/andon/lib/python3*/site-packages")[0]
writable = [path for path in ("/", "/opt/andon", site, "/usr/bin", "/etc", "/home") if os.access(path, os.W_OK)]
setuid = [os.path.join(folder, name) for folder, _, names in os.walk("/usr") for name in names
          if os.lstat(os.path.join(folder, name)).st_mode & 0o6000]
def has_byte_code(path):
    name = os.path.basename(path)[:-3] + "." + sys.implementation.cache_tag + ".pyc"
    return os.path.exists(os.path.join(os.path.dirname(path), "__pycache__", name))
print(json.dumps({
    "user": os.getuid(), "group": os.getgid(), "writable": writable, "setuid": setuid,
    "tools": [name for name in ("pip", "pip3", "gcc", "cc", "g++", "make", "uv", "git") if shutil.which(name)],
    "modules": [name for name in ("pip", "ensurepip", "setuptools", "cyclonedx_py") if importlib.util.find_spec(name)],
    "andon": [name for name in os.listdir(site) if name.startswith("andon_") and "-" not in name],
    "commands": sorted(point.name for point in entry_points(group="andon.commands")),
    "bin": sorted(name for name in os.listdir("/opt/andon/bin") if not name.lower().startswith(("activate", "python"))),
    "packages": sorted((each.metadata["Name"].lower(), each.version) for each in distributions(path=[site])),
    "uncompiled": [path for path in glob.glob(site + "/andon*/**/*.py", recursive=True) if not has_byte_code(path)],
}))
"""


@pytest.fixture(scope="module")
def seen() -> dict[str, dict[str, object]]:
    """What LOOK found, by service."""
    return {}


@pytest.fixture
def inside(images: Images, service: str, seen: dict[str, dict[str, object]]) -> dict[str, object]:
    """What LOOK finds in this service's image."""
    if service not in seen:
        seen[service] = images.podman.python(service, LOOK)
    return seen[service]


def test_it_runs_as_nobody_in_particular_and_owns_nothing(inside: dict[str, object]) -> None:
    assert (inside["user"], inside["group"]) == (10001, 10001)
    assert inside["writable"] == []
    assert inside["setuid"] == []


def test_nothing_in_it_installs_or_compiles(inside: dict[str, object]) -> None:
    assert inside["tools"] == []
    assert inside["modules"] == []
    assert inside["bin"] == ["andon"]


def test_it_holds_one_service_and_no_other(inside: dict[str, object], service: str) -> None:
    assert inside["andon"] == [f"andon_{service}"]


def test_its_help_tells_its_own_commands(images: Images, inside: dict[str, object], service: str) -> None:
    told = images.podman.run(service, "--help").stdout
    commands = inside["commands"]
    assert isinstance(commands, list)
    for command in commands:
        assert re.search(rf"\b{command}\b", told)
    own = {"ingest": "ingest", "alerting": "alerting", "training": "fit"}.get(service, service)
    assert own in commands


def test_its_bill_of_materials_lists_what_is_installed(images: Images, inside: dict[str, object], service: str) -> None:
    packages = inside["packages"]
    assert isinstance(packages, list)
    assert images.components(service) == {(name, version) for name, version in packages}


def test_every_module_is_compiled_as_nobody_can_write_byte_code_later(inside: dict[str, object]) -> None:
    assert inside["uncompiled"] == []


def test_its_byte_code_is_taken_without_a_look_at_time_stamps(images: Images) -> None:
    options = ["--entrypoint", "python3"]
    done = images.podman.run("alerting", "-v", "-m", "andon", "--help", options=options)
    from_source = re.findall(r"# code object from '(/opt/andon/\S+\.py)'", done.stderr)
    assert "import 'andon.cli'" in done.stderr
    assert from_source == []


def test_alerting_is_below_150_mb_beyond_its_base(images: Images) -> None:
    assert 50e6 < images.size("alerting") < 150e6


@pytest.mark.parametrize("service", ["scoring", "training"], indirect=True)
def test_without_a_gpu_there_is_no_cuda_in_it(images: Images, inside: dict[str, object], service: str) -> None:
    names = {name for name, _ in inside["packages"]}  # type: ignore[attr-defined]
    assert "onnxruntime" in names
    assert "onnxruntime-gpu" not in names


def test_images_share_their_layers(images: Images) -> None:
    shared = [images.layers(name) for name in ("alerting", "drift")]
    assert len({tuple(layers[:4]) for layers in shared}) == 1  # base, user, every, store
    shared = [images.layers(name) for name in ("ingest", "preprocess", "console")]
    assert len({tuple(layers[:5]) for layers in shared}) == 1  # and images
    shared = [images.layers(name) for name in ("scoring", "training")]
    assert len({tuple(layers[:6]) for layers in shared}) == 1  # and models


def test_a_changed_line_of_andon_changes_the_last_layer_alone(images: Images, tmp_path: Path) -> None:
    copy = tmp_path / "andon"
    ignored = shutil.ignore_patterns("__pycache__", "*.egg-info", ".mypy_cache")
    for name in ("Dockerfile", ".dockerignore"):
        copy.mkdir(exist_ok=True)
        shutil.copy(ROOT / name, copy / name)
    for name in ("shared", "services/alerting", "requirements", "deploy/images"):
        shutil.copytree(ROOT / name, copy / name, ignore=ignored)
    changed = copy / "shared" / "andon" / "__init__.py"
    changed.write_text(changed.read_text() + "\n# another line\n")
    arguments = [each if each != TAG else f"{TAG}-changed" for each in build_arguments()]
    done = subprocess.run([str(copy / "deploy" / "images" / "build"), "alerting", *arguments], capture_output=True)
    assert done.returncode == 0, done.stderr
    before = images.layers("alerting")
    after = images.podman.inspect(f"andon-alerting:{TAG}-changed")["RootFS"]["Layers"]
    assert after[:-1] == before[:-1]
    assert after[-1] != before[-1]


def test_a_store_in_s3_opens_in_it(images: Images) -> None:
    code = """
import botocore.session, json, s3fs
session = botocore.session.get_session()
made = [session.create_client(name, region_name="eu-central-1") for name in ("s3", "sts")]
print(json.dumps([each.meta.service_model.service_name for each in made] + [s3fs.S3FileSystem.protocol[0]]))
"""
    assert images.podman.python("alerting", code) == ["s3", "sts", "s3"]


def test_every_command_of_the_compose_file_is_in_its_image(images: Images) -> None:
    services = yaml.safe_load((ROOT / "deploy" / "compose.yaml").read_text())["services"]
    ours = [each for each in services.values() if each["image"].startswith("andon-") and "entrypoint" not in each]
    assert len(ours) > 12
    for each in ours:
        images.podman.run(each["image"].removeprefix("andon-"), *each["command"], "--help")


def test_make_images_tells_sizes(images: Images) -> None:
    table = images.said.partition("\n\n")[2]
    assert len(table.splitlines()) == 9
    for line in table.splitlines()[1:]:
        assert re.fullmatch(r"\w+ +[\d,]+ MB +[\d,]+ MB", line)


def test_the_label_tells_what_it_is(images: Images, service: str) -> None:
    labels = images.podman.inspect(f"andon-{service}:{TAG}")["Labels"]
    assert labels["org.opencontainers.image.title"] == f"andon-{service}"
    assert labels["org.opencontainers.image.version"] == TAG


def test_the_secrets_of_a_build_are_in_no_image(images: Images) -> None:
    code = """
import glob, json
print(json.dumps([path for path in ("/etc/pip.conf", "/run/secrets/ca", "/tmp/ca.pem", "/build") if glob.glob(path)]))
"""
    assert images.podman.python("alerting", code) == []
    history = subprocess.run(
        ["podman", "history", "--no-trunc", f"andon-alerting:{TAG}"], capture_output=True, text=True
    )
    assert "pip.conf" not in history.stdout
    assert json.dumps(images.podman.inspect(BASE)["RootFS"]["Layers"][0]) in json.dumps(images.layers("alerting"))
