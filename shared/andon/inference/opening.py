"""Opening models: looked at first, opened by the runtime that was asked for, then held to our contract."""

from typing import TypedDict, Unpack

from andon.bundle import Bundle, BundleError
from andon.cpu import cpu_limit
from andon.embedding import MOST_NUMBERS
from andon.inference import openvino
from andon.inference.device import Device, Runtime, check_device, check_runtime
from andon.inference.faster import faster_session
from andon.inference.model import EMBEDDING, INPUT, MAP, SCORE, Backbone, Model
from andon.inference.openvino import OpenVinoSession
from andon.inference.ort import OrtSession
from andon.inference.session import DOMAINS, Port, Session
from andon.onnxfile import check_model

REFERENCE = "reference"


class Options(TypedDict, total=False):
    """How to open. `allow_cpu` lets a process that asked for CUDA go on without it, `threads` None follows the CPU
    limit, `gpu_mem_limit` is in bytes. With `batch` the graph is made for that many rows: smaller batches are padded,
    larger ones go through in pieces.
    """

    runtime: Runtime
    allow_cpu: bool
    threads: int | None
    gpu_mem_limit: int | None
    batch: int | None


def open_bundle(
    bundle: Bundle, device: Device = Device.CPU, *, backbone: Backbone | None = None, **options: Unpack[Options]
) -> Model:
    """The model of `bundle` with its own backbone, if it has one, or with `backbone`, the same one already open.

    With Runtime.AUTO the bundle's golden frames decide: see `andon.fastest`. Errors as `open_model`.
    """
    goes_on_from = backbone or bundle.backbone
    if options.get("runtime") is not Runtime.AUTO or not openvino.installed():
        return open_model(bundle.model, device, backbone=goes_on_from, **options)
    from andon.fastest import fastest

    def opened(runtime: Runtime) -> Model:
        chosen: Options = {**options, "runtime": runtime}
        return open_model(bundle.model, device, backbone=goes_on_from, **chosen)

    return fastest(bundle, opened)


def open_model(
    data: bytes, device: Device = Device.CPU, *, backbone: Backbone | bytes | None = None, **options: Unpack[Options]
) -> Model:
    """The model that `data` holds, ready to run. Where it is a head, `backbone` is what it goes on from.

    With Runtime.AUTO the faster runtime on made-up frames; nothing is proven. Raises UnsafeModel or BundleError when
    it is not a model of our contract, Broken when CUDA cannot be had, Mistake when OpenVINO cannot.
    """
    if isinstance(backbone, bytes):
        backbone = open_backbone(backbone, device, **options)
    session = _session(data, device, options)
    _check_outputs(session)
    if backbone is None:
        return Model(session, _frame_shape(session))
    _check_head(session, backbone)
    return Model(session, backbone.shape, backbone)


def open_backbone(data: bytes, device: Device = Device.CPU, **options: Unpack[Options]) -> Backbone:
    """The backbone that `data` holds: uint8 `frames` [N, H, W, C] in, features out. Raises as `open_model`."""
    session = _session(data, device, options)
    return Backbone(session, _frame_shape(session))


def _session(data: bytes, device: Device, options: Options) -> Session:
    runtime = options.get("runtime", Runtime.ONNXRUNTIME)
    check_runtime(device, runtime)
    check_model(data, DOMAINS)
    if runtime is Runtime.OPENVINO:
        return _on_openvino(data, options)
    session = _on_ort(data, device, options)
    if runtime is Runtime.AUTO and session.provider == "CPUExecutionProvider" and openvino.installed():
        return faster_session(session, lambda: _on_openvino(data, options))
    return session


def _on_ort(data: bytes, device: Device, options: Options) -> Session:
    session = OrtSession(
        data,
        device,
        threads=options.get("threads") or cpu_limit(),
        gpu_mem_limit=options.get("gpu_mem_limit"),
        batch=options.get("batch"),
    )
    check_device(device, session.provider, allow_cpu=options.get("allow_cpu", False))
    return session


def _on_openvino(data: bytes, options: Options) -> Session:
    return OpenVinoSession(data, threads=options.get("threads") or cpu_limit(), batch=options.get("batch"))


def _frame_shape(session: Session) -> tuple[int, int, int]:
    frames = session.inputs[0] if len(session.inputs) == 1 else None
    if frames is None or (frames.name, frames.kind, len(frames.shape)) != (INPUT, "uint8", 4):
        raise BundleError(f"model: its one input must be {INPUT}: uint8 [N, H, W, C]; it has {_told(session.inputs)}")
    batch, *sides = frames.shape
    height, width, channels = sides
    if batch is not None or height is None or width is None or channels is None:
        raise BundleError(f"model: {INPUT} must be [N, H, W, C] with N free and the rest fixed; it is {frames.shape}")
    return height, width, channels


def _check_outputs(session: Session) -> None:
    """Raises BundleError unless the model gives `score` and `map`, and beside them nothing but what is known here."""
    kinds = {port.name: port.kind for port in session.outputs}
    if kinds.get(SCORE) != "float32" or kinds.get(MAP) != "float32":
        raise BundleError(
            f"model: it must give float32 {SCORE} [N] and {MAP} [N, h, w]; it gives {_told(session.outputs)}"
        )
    more = [port for port in session.outputs if port.name not in (SCORE, MAP)]
    if not all(_is_embedding(port) or _is_reference(port) for port in more):
        raise BundleError(
            f"model: beside {SCORE} and {MAP} it may give float32 {EMBEDDING} [N, d], with d fixed and at most "
            f"{MOST_NUMBERS}, and nothing else; it gives {_told(session.outputs)}"
        )


def _is_embedding(port: Port) -> bool:
    if (port.name, port.kind, len(port.shape)) != (EMBEDDING, "float32", 2):
        return False
    rows, numbers = port.shape
    return rows is None and numbers is not None and 1 <= numbers <= MOST_NUMBERS


def _is_reference(port: Port) -> bool:
    """Which reference a frame was compared with: what models of `andon fit --golden-sample` tell whoever opens them."""
    return (port.name, port.kind, port.shape) == (REFERENCE, "int64", (None,))


def _check_head(session: Session, backbone: Backbone) -> None:
    """Raises BundleError unless the head takes exactly what the backbone gives, row by row."""
    given, taken = _rows(backbone.session.outputs), _rows(session.inputs)
    if given != taken or any(kind != "float32" for kind, _ in given.values()):
        raise BundleError(
            f"model: it takes {_told(session.inputs)}, its backbone gives {_told(backbone.session.outputs)}; "
            "they must be the same float32 arrays"
        )


def _rows(ports: tuple[Port, ...]) -> dict[str, tuple[str, tuple[int | None, ...]]]:
    return {port.name: (port.kind, port.shape[1:]) for port in ports}


def _told(ports: tuple[Port, ...]) -> str:
    return ", ".join(f"{port.name}: {port.kind} {list(port.shape)}" for port in ports)
