"""A model is opened only when it is safe, and its answers are scores only when they are."""

from contextlib import suppress
from pathlib import Path

import numpy as np
import onnxruntime
import pytest
from hypothesis import given
from hypothesis import strategies as st

from andon.bundle import BundleError
from andon.cpu import cpu_limit
from andon.errors import Broken
from andon.inference import Device, check_device, judge_outputs, open_model
from andon.onnxfile import UnsafeModel, check_model
from andon.records import Unscorable
from andon.testing.models import (
    BRIGHTEST,
    LOG_OF_BRIGHTEST,
    ROW_MEANS,
    Node,
    float_output,
    number,
    part,
    tiny_model,
)


def frames(*levels: int) -> np.ndarray:
    return np.stack([np.full((8, 8, 1), level, np.uint8) for level in levels])


def test_a_batch_is_scored_row_by_row() -> None:
    outputs = open_model(tiny_model()).run(frames(3, 200, 7))
    assert outputs.score.tolist() == [3, 200, 7]
    assert outputs.score.dtype == outputs.map.dtype == np.float32
    assert outputs.map.shape == (3, 8, 8)
    assert outputs.problems == (None, None, None)


def test_an_infinite_score_marks_its_own_row_alone() -> None:
    outputs = open_model(tiny_model(nodes=LOG_OF_BRIGHTEST)).run(frames(0, 200))
    assert outputs.problems == (Unscorable.NOT_FINITE, None)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_a_map_that_is_not_finite_is_no_score(bad: float) -> None:
    maps = np.zeros((2, 4, 4), np.float32)
    maps[1, 2, 3] = bad
    assert judge_outputs(2, np.zeros(2, np.float32), maps).problems == (None, Unscorable.NOT_FINITE)


@pytest.mark.parametrize(
    ("score", "anomaly_map"),
    [
        (np.zeros(1), np.zeros((2, 4, 4))),
        (np.zeros((2, 1)), np.zeros((2, 4, 4))),
        (np.zeros(2), np.zeros((1, 4, 4))),
        (np.zeros(2), np.zeros((2, 0, 4))),
        (np.zeros(2), np.zeros((2, 4))),
        (np.zeros(2, np.int64), np.zeros((2, 4, 4))),
        (None, None),
    ],
)
def test_a_wrong_shape_makes_every_row_unscorable(score: object, anomaly_map: object) -> None:
    outputs = judge_outputs(2, score, anomaly_map)
    assert outputs.problems == (Unscorable.WRONG_SHAPE, Unscorable.WRONG_SHAPE)
    assert np.isnan(outputs.score).all()


def embedding_model(*more: bytes, rows: int = 8, nodes: tuple[Node, ...] = (*BRIGHTEST, ROW_MEANS)) -> bytes:
    """The usual model, which also says how bright each row of a frame is."""
    return tiny_model((rows, 8, 1), nodes, graph=b"".join(more or (float_output("embedding", rows),)))


TURNED = (
    *BRIGHTEST,
    Node("ReduceMean", ("map",), "means", {"axes": [2], "keepdims": 0}),
    Node("Transpose", ("means",), "embedding", {"perm": [1, 0]}),
)


def test_a_model_may_say_what_a_picture_is_like() -> None:
    outputs = open_model(embedding_model()).run(frames(3, 200))
    assert outputs.embedding is not None
    assert outputs.embedding.dtype == np.float32
    assert outputs.embedding.tolist() == [[3] * 8, [200] * 8]
    assert outputs.score.tolist() == [3, 200]


def test_a_model_that_does_not_say_so_serves_as_ever() -> None:
    assert open_model(tiny_model()).run(frames(3)).embedding is None


@pytest.mark.parametrize(
    "data",
    [
        embedding_model(float_output("embedding", "d"), nodes=TURNED),
        embedding_model(rows=200),
        embedding_model(float_output("embedding")),
        embedding_model(float_output("embedding", 8), float_output("floats", 8, 8, 1)),
        embedding_model().replace(b"embedding", b"reference"),
        embedding_model().replace(b"embedding", b"something"),
    ],
    ids=["free", "too long", "flat", "a fourth output", "a reference in floats", "another name"],
)
def test_a_third_output_is_an_embedding_of_a_fixed_length_or_the_model_is_refused(data: bytes) -> None:
    with pytest.raises(BundleError, match=r"model:.*(embedding \[N, d\]|cannot open)"):
        open_model(data)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_a_row_whose_embedding_is_not_finite_is_named_and_its_neighbours_are_not(bad: float) -> None:
    embedding = np.zeros((3, 4), np.float32)
    embedding[1, 2] = bad
    outputs = judge_outputs(3, np.zeros(3, np.float32), np.zeros((3, 4, 4), np.float32), embedding)
    assert outputs.problems == (None, Unscorable.NOT_FINITE, None)


@pytest.mark.parametrize("embedding", [np.zeros((1, 4)), np.zeros(2), np.zeros((2, 0)), np.zeros((2, 4), np.int64)])
def test_an_embedding_of_a_wrong_shape_makes_every_row_unscorable(embedding: np.ndarray) -> None:
    outputs = judge_outputs(2, np.zeros(2, np.float32), np.zeros((2, 4, 4), np.float32), embedding)
    assert outputs.problems == (Unscorable.WRONG_SHAPE, Unscorable.WRONG_SHAPE)
    assert outputs.embedding is None


@pytest.mark.parametrize("batch", [frames(1)[:, :4], frames(1).astype(np.float32), frames(1)[:0]])
def test_another_batch_than_the_model_takes_is_our_own_fault(batch: np.ndarray) -> None:
    with pytest.raises(Broken, match="model takes"):
        open_model(tiny_model()).run(batch)


def test_a_device_that_fails_stops_the_process() -> None:
    gather = (*BRIGHTEST[:2], Node("Gather", ("map", "far"), "far_map", {"axis": 1}))
    far = part(5, number(2, 7) + part(8, "far") + part(9, (99).to_bytes(8, "little")))
    score = Node("ReduceMax", ("far_map",), "score", {"axes": [1], "keepdims": 0})
    model = open_model(tiny_model(nodes=(*gather, score), graph=far))
    with pytest.raises(Broken, match="CPUExecutionProvider failed"):
        model.run(frames(1))


def test_cuda_that_cannot_be_had_is_refused_unless_allowed() -> None:
    with pytest.raises(Broken, match="cuda was asked for"):
        check_device(Device.CUDA, "CPUExecutionProvider", allow_cpu=False)
    check_device(Device.CUDA, "CPUExecutionProvider", allow_cpu=True)
    check_device(Device.CUDA, "CUDAExecutionProvider", allow_cpu=False)
    check_device(Device.AUTO, "CPUExecutionProvider", allow_cpu=False)


def test_a_model_says_what_runs_it() -> None:
    model = open_model(tiny_model(), Device.CPU)
    assert model.provider == model.session.raw.get_providers()[0] == "CPUExecutionProvider"
    assert model.shape == (8, 8, 1)


@pytest.mark.parametrize(
    "data",
    [
        tiny_model().replace(b"frames", b"flames"),
        tiny_model().replace(b"score", b"scare"),
        tiny_model(nodes=(*BRIGHTEST[:2], Node("NoSuchOp", ("map",), "score", {}))),
        tiny_model(nodes=BRIGHTEST[:2]),
    ],
    ids=["input name", "output name", "unknown operator", "no score"],
)
def test_a_model_of_another_contract_is_refused(data: bytes) -> None:
    with pytest.raises(BundleError, match="model:"):
        open_model(data)


def tensor(*fields: bytes) -> bytes:
    return part(5, number(2, 1) + part(8, "w") + b"".join(fields))


LOCATION = part(13, part(1, "location") + part(2, "../secret.bin"))
CUSTOM = Node("Anything", ("map",), "score", {}, domain="evil.custom")
INNER = part(1, CUSTOM.encoded())
UNSAFE = {
    "external data": tiny_model(graph=tensor(number(14, 1), LOCATION)),
    "external data without the flag": tiny_model(graph=tensor(LOCATION)),
    "external flag alone": tiny_model(graph=tensor(number(14, 1))),
    "sparse external data": tiny_model(graph=part(15, part(1, number(14, 1)))),
    "external data in an attribute": tiny_model(graph=part(1, part(4, "Constant") + part(5, part(5, number(14, 1))))),
    "external data in a sub-graph": tiny_model(
        graph=part(1, part(4, "If") + part(5, part(6, tensor(number(14, 1))))),
    ),
    "custom domain": tiny_model(nodes=(*BRIGHTEST[:2], CUSTOM)),
    "custom domain in a sub-graph": tiny_model(graph=part(1, part(4, "If") + part(5, part(11, INNER)))),
    "custom domain in a function": tiny_model(model=part(25, part(1, "f") + part(7, CUSTOM.encoded()))),
    "custom operator set": tiny_model(model=part(8, part(1, "evil.custom") + number(2, 1))),
    "training graph": tiny_model(model=part(20, part(1, INNER))),
    "not ONNX": part(3, "hello"),
    "empty": b"",
    "text": b"this is a model, honestly",
    "pickle": b"\x80\x04\x95\x10\x00\x00\x00\x00\x00\x00\x00\x8c\x02os\x94.",
    "PyTorch archive": b"PK\x03\x04" + bytes(40),
    "cut short": tiny_model()[:-3],
    "graph in graph in graph": tiny_model(graph=b""),
}


def nested(depth: int) -> bytes:
    graph = b""
    for _ in range(depth):
        graph = part(1, part(4, "If") + part(5, part(6, graph)))
    return tiny_model(graph=graph)


UNSAFE["graph in graph in graph"] = nested(200)


@pytest.mark.parametrize("name", UNSAFE)
def test_an_unsafe_model_is_refused_before_anything_opens_it(name: str) -> None:
    with pytest.raises(UnsafeModel, match="model:"):
        open_model(UNSAFE[name])


def test_a_model_too_large_is_refused() -> None:
    with pytest.raises(UnsafeModel, match="bytes; at most"):
        check_model(tiny_model(), max_bytes=10)


def test_a_safe_model_passes() -> None:
    check_model(tiny_model())


@given(st.binary(max_size=200))
def test_any_bytes_are_refused_or_walked_without_a_crash(data: bytes) -> None:
    with pytest.raises(UnsafeModel):
        check_model(data)


@given(st.integers(0, len(tiny_model()) - 1), st.integers(0, 255))
def test_a_changed_byte_never_crashes_the_walk(at: int, byte: int) -> None:
    data = bytearray(tiny_model())
    data[at] = byte
    with suppress(UnsafeModel):
        check_model(bytes(data))


def cgroup(root: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return root


@pytest.mark.parametrize(
    ("files", "limit"),
    [
        ({}, 8),
        ({"sys/fs/cgroup/cpu.max": "max 100000\n"}, 8),
        ({"sys/fs/cgroup/cpu.max": "250000 100000\n"}, 2),
        ({"sys/fs/cgroup/cpu.max": "50000 100000\n"}, 1),
        ({"sys/fs/cgroup/cpu.max": "9900000 100000\n"}, 8),
        ({"proc/self/cgroup": "0::/pod/box\n", "sys/fs/cgroup/pod/cpu.max": "300000 100000\n"}, 3),
        ({"proc/self/cgroup": "0::/pod/../..\n", "sys/fs/cgroup/cpu.max": "junk\n"}, 8),
        (
            {
                "proc/self/cgroup": "4:cpu,cpuacct:/docker/x\n",
                "sys/fs/cgroup/cpu,cpuacct/docker/x/cpu.cfs_quota_us": "200000\n",
                "sys/fs/cgroup/cpu,cpuacct/docker/x/cpu.cfs_period_us": "100000\n",
            },
            2,
        ),
        ({"sys/fs/cgroup/cpu/cpu.cfs_quota_us": "-1\n", "sys/fs/cgroup/cpu/cpu.cfs_period_us": "100000\n"}, 8),
    ],
)
def test_the_cpu_limit_is_the_least_of_what_is_pinned_and_allowed(
    tmp_path: Path, files: dict[str, str], limit: int
) -> None:
    assert cpu_limit(pinned=8, root=cgroup(tmp_path, files)) == limit


def test_the_thread_pool_follows_the_limit_and_does_not_spin() -> None:
    options = open_model(tiny_model(), threads=1).session.raw.get_session_options()
    assert options.intra_op_num_threads == options.inter_op_num_threads == 1
    assert options.get_session_config_entry("session.intra_op.allow_spinning") == "0"
    assert open_model(tiny_model()).session.raw.get_session_options().intra_op_num_threads == cpu_limit()


def test_onnxruntime_is_a_version_that_reads_no_file_a_model_names() -> None:
    assert tuple(map(int, onnxruntime.__version__.split(".")[:3])) >= (1, 24, 4)
