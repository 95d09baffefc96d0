"""What scoring can be told."""

from pathlib import Path

from pydantic import Field

from andon.settings import Group, ServiceSettings, StoreSettings


class ModelSettings(Group):
    """Where and how models run."""

    device: str = Field(
        "cpu", pattern="^(cpu|cuda|auto)$", description="cpu, cuda, or auto: the GPU where there is one"
    )
    runtime: str = Field(
        "onnxruntime",
        pattern="^(onnxruntime|openvino|auto)$",
        description="what runs models on the CPU; auto: the faster of those that pass the bundle's gate",
    )
    allow_cpu: bool = Field(False, description="with device cuda: go on with the CPU where no GPU can be had")
    threads: int = Field(0, ge=0, le=256, description="CPU threads of one graph call; 0 follows the cgroup's CPU limit")
    gpu_mem_limit: int | None = Field(None, ge=1, description="bytes of GPU memory one model may take")
    memory_budget: int | None = Field(
        None,
        ge=1,
        description="bytes that loaded bundles may take: those not used for longest go, and come again when wanted",
    )
    max_batch: int = Field(32, ge=1, le=512, description="most frames in one graph call")
    load_timeout_s: float = Field(
        60.0,
        gt=0,
        description="how long one bundle may load while frames wait, before the service restarts",
    )
    cache: Path | None = Field(None, description="folder for bundles of a remote store; default: the user's cache")


class ScoringSettings(ServiceSettings):
    """Settings of `andon scoring`."""

    deadline_s: float = Field(
        2.5, gt=0, description="a verdict that comes later after capture than this is counted as late"
    )
    models: ModelSettings = ModelSettings()
    store: StoreSettings = StoreSettings()
