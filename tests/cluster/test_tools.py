"""What builds helm, Kubernetes and etcd for these tests: pinned wholly, and plain about what it misses."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest

TOOLS = Path(__file__).parents[2] / "deploy" / "tools"
NAMES = ("helm", "kubernetes", "etcd")
NEEDED = ("bash", "awk", "sed", "cut", "dirname", "mkdir", "rm", "mv", "touch", "nice")


def build(tmp_path: Path, *words: str, go: str | None = None) -> subprocess.CompletedProcess[str]:
    """Runs deploy/tools/build where nothing is on PATH but the usual, and `go`, a shell script, where one is given."""
    tools = tmp_path / "bin"
    tools.mkdir()
    for name in NEEDED:
        (tools / name).symlink_to(str(shutil.which(name)))
    if go is not None:
        (tools / "go").write_text(f"#!{shutil.which('bash')}\n{go}")
        (tools / "go").chmod(0o755)
    script = [str(shutil.which("bash")), str(TOOLS / "build"), *words]
    return subprocess.run(script, env={"PATH": str(tools)}, capture_output=True, text=True, timeout=60)


@pytest.mark.parametrize("name", NAMES)
def test_without_go_it_says_what_to_install(tmp_path: Path, name: str) -> None:
    told = build(tmp_path, name)
    assert told.returncode == 2
    assert re.fullmatch(
        rf"deploy/tools/build: there is no Go here to build {name} with: install Go 1\.\d+\S* or later\n",
        told.stderr,
    )


def test_an_old_go_is_told_from_a_new_one(tmp_path: Path) -> None:
    told = build(tmp_path, "helm", go='[ "$1" = version ] && echo "go version go1.19.8 linux/amd64" || exit 1')
    assert told.returncode == 2
    assert re.fullmatch(r".*: go1\.19\.8 is too old to build helm: install Go 1\.\d+\S* or later\n", told.stderr)


def test_what_go_cannot_build_is_no_tool(tmp_path: Path) -> None:
    kept = TOOLS.parents[1] / ".cache" / "tools"
    before = sorted(kept.glob("*")) if kept.exists() else []
    go = 'case "$*" in *GOVERSION*) echo go1.99 ;; *list*) echo example/helm ;; *) echo broken >&2; exit 1 ;; esac'
    told = build(tmp_path, "helm", go=go)
    assert told.returncode == 2
    assert told.stderr.endswith("run this again to go on\n")
    assert sorted(kept.glob("*")) == before


@pytest.mark.parametrize("words", [(), ("kubectl",)])
def test_it_names_what_it_can_build(tmp_path: Path, words: tuple[str, ...]) -> None:
    told = build(tmp_path, *words)
    assert told.returncode == 2
    assert "name one of helm, kubernetes, etcd" in told.stderr


def test_help_tells_where_each_goes(tmp_path: Path) -> None:
    told = build(tmp_path, "--help")
    assert told.returncode == 0
    assert all(f".cache/tools/{name}" in told.stdout for name in NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_every_module_is_pinned_with_its_sum(name: str) -> None:
    pinned = (TOOLS / name / "go.mod").read_text()
    sums = (TOOLS / name / "go.sum").read_text()
    direct = re.findall(r"^tool (\S+)$|^\t(\S+)$", pinned, re.MULTILINE)
    assert direct
    assert re.search(r"=> \.", pinned) is None  # nothing of this machine
    required = re.findall(r"^\t(\S+) (v\S+) // indirect$", pinned, re.MULTILINE)
    replaced = dict(re.findall(r"^\t(\S+) => \S+ (v\S+)$", pinned, re.MULTILINE))
    missing = [module for module, version in required if f"{module} {replaced.get(module, version)}" not in sums]
    assert missing == []


def test_the_parts_of_kubernetes_are_of_one_version() -> None:
    pinned = (TOOLS / "kubernetes" / "go.mod").read_text()
    found = re.search(r"k8s\.io/kubernetes v1\.(\d+\.\d+)", pinned)
    assert found
    assert set(re.findall(r"=> k8s\.io/\S+ v0\.(\d+\.\d+)$", pinned, re.MULTILINE)) == {found[1]}
