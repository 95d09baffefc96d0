"""The chart's values, but for settings (settings_schema.py) and what guards the line (guards.py)."""

from typing import Annotated, Any, Literal

from pydantic import Field

from values.guards import Guards
from values.words import Kubernetes, Part, Size, Words

Seconds = Annotated[int, Field(ge=0)]
Variables = dict[Annotated[str, Field(pattern="^[A-Z_][A-Z0-9_]*$")], str]
PIECES = Literal[
    "ingest", "preprocess", "scoring", "scoring-gpu", "drift", "alerting", "console", "machines", "training",
    "training-torch",
]  # fmt: skip
"""Names of images, without andon- before them."""


class Image(Part):
    """Where the images come from: `<registry>/andon-<name>:<tag>`."""

    registry: str = Field(description="what stands before andon-scoring and the others")
    tag: str = Field(description="version of the images; empty: the chart's appVersion")
    digests: dict[PIECES, Annotated[str, Field(pattern="^sha256:[0-9a-f]{64}$")]] = Field(
        description="by the image's name, a digest that pins it whatever its tag"
    )
    pull_policy: Literal["Always", "IfNotPresent", "Never"] = Field(description="when nodes fetch an image")
    pull_secrets: list[str] = Field(description="names of Secrets with which they may")


class Certificates(Part):
    """Certificates and keys of TLS."""

    secret: str = Field(description="a Secret whose keys become files in /etc/andon/tls, in every pod")


class People(Part):
    """Who may come to the console by a token."""

    secret: str = Field(description="a Secret with the file that `andon console people add` writes")
    key: str = Field(description="the key of it that holds the file")


class Volume(Part):
    """A volume for a store without a URL."""

    existing_claim: str = Field(description="a PersistentVolumeClaim of your own")
    size: Size = Field(description="of the one that the chart makes; it stays when the release goes")
    storage_class: str = Field(description="its class; empty: the cluster's default")
    access_modes: list[Literal["ReadWriteOnce", "ReadWriteMany"]] = Field(
        min_length=1, description="ReadWriteMany where pods of several nodes share it"
    )


class Store(Part):
    """A store: a volume, or a URL."""

    url: str = Field(description="any fsspec URL, such as s3://factory/bundles: then there is no volume")
    volume: Volume


class S3(Part):
    """How the stores' S3 is reached."""

    endpoint: str = Field(description="address of an S3 of your own (AWS_ENDPOINT_URL_S3)")
    region: str = Field(description="its region (AWS_DEFAULT_REGION)")
    ca_file: str = Field(
        description="the CA that signed its certificate, such as /etc/andon/tls/ca.crt (AWS_CA_BUNDLE)"
    )
    secret: str = Field(
        description="a Secret with the key `credentials`, an AWS credentials file; empty: the cloud's own way"
    )


class Stores(Part):
    """Where bundles, large frames and kept evidence lie."""

    bundles: Store
    frames: Store
    evidence: Store
    s3: S3


class Topics(Part):
    """The topics of Kafka."""

    create: bool = Field(description="whether a Job makes missing ones before each install and upgrade")
    partitions: int = Field(ge=1, le=10_000, description="of every topic that is keyed by station")
    replication: int = Field(ge=1, le=9, description="copies; 3 in production")


class Gpu(Part):
    """Scoring on GPUs, a whole one each pod."""

    enabled: bool = Field(description="whether the services below run from scoring-gpu, on a GPU")
    services: list[Literal["scoring", "shadow-scoring"]] = Field(description="which get one")
    resource: str = Field(description="what a GPU is called on your nodes")
    count: int = Field(ge=1, description="how many each pod gets")
    runtime_class_name: str = Field(description="runtimeClassName of those pods, where nodes need one")
    node_selector: Words = Field(description="which nodes have GPUs, where a toleration is not enough")
    tolerations: list[Kubernetes] = Field(description="of those pods, beside their own")
    startup_seconds: Seconds = Field(description="how long CUDA and the models may load")


class Account(Part):
    """A ServiceAccount."""

    annotations: Words = Field(description="of the ServiceAccount, such as a cloud's role for the stores")


class Pods(Part):
    """What every pod has, where a service says nothing else."""

    image: PIECES | Literal[""] = Field(description="which image, without andon- before it")
    args: list[str] = Field(description="the sub-command of `andon`")
    replicas: int = Field(ge=0, description="how many; KEDA's word goes before")
    strategy: Kubernetes = Field(description="how a Deployment puts new pods in the place of old ones")
    grace_seconds: Seconds = Field(description="from the end's beginning until it is killed: above the pause and 25 s")
    pause_seconds: Seconds = Field(description="before SIGTERM, for whoever calls it to hear that it goes")
    startup_seconds: Seconds = Field(description="how long it may load before liveness is asked")
    lost_node_seconds: Seconds = Field(description="so long after its node is lost a pod is started elsewhere")
    tmp: Size = Field(description="most that it writes to /tmp")
    resources: Kubernetes = Field(
        description="requests and limits; services take as many threads as the CPU limit allows"
    )
    pod_labels: Words = Field(description="further labels of the pod")
    pod_annotations: Words = Field(description="annotations of the pod")
    node_selector: Words = Field(description="which nodes")
    tolerations: list[Kubernetes] = Field(description="of nodes' taints")
    affinity: Kubernetes = Field(description="near or far from what")
    priority_class_name: str = Field(description="which pods go first where room is short")


class Service(Pods):
    """What differs for one service; a word of `pods` here stands in that one's place."""

    enabled: bool = Field(description="whether it runs")
    port: int = Field(ge=1, le=65_535, description="where it answers, behind a Service of its name")
    line: bool = Field(description="whether it reads the line file")
    people: bool = Field(description="whether it reads the file of people")
    stores: dict[Literal["bundles", "frames", "evidence"], Literal["read", "write"]] = Field(
        description="which stores it reads or writes"
    )
    settings: dict[str, Any] = Field(description="its settings, before the shared ones (docs/settings.md)")
    secrets: list[str] = Field(description="names of Secrets that it alone gets")
    env: Variables = Field(description="further plain variables")
    volumes: list[Kubernetes] = Field(description="further volumes, in Kubernetes' words")
    volume_mounts: list[Kubernetes] = Field(description="and where they lie")


class Training(Part):
    """What the trainer starts."""

    jobs: bool = Field(description="whether each training is a Kubernetes Job; else a process of the trainer's pod")
    image: Literal["training", "training-torch"] = Field(description="of the Jobs; training-torch has anomalib")
    deadline_seconds: int = Field(ge=60, description="a Job that takes longer is ended")
    keep_seconds: int = Field(ge=60, description="so long a finished Job stays, for its log")
    tmp: Size = Field(description="most that it writes to /tmp")
    resources: Kubernetes = Field(description="requests and limits of a Job")
    node_selector: Words = Field(description="which nodes")
    tolerations: list[Kubernetes] = Field(description="of nodes' taints")


class Schedule(Part):
    """A CronJob."""

    enabled: bool = Field(description="whether there is one")
    schedule: str = Field(description="when, as cron says it")
    time_zone: str = Field(description="in which; empty: the control plane's")
    args: list[str] = Field(description="the sub-command of `andon`")


class Schedules(Part):
    """What runs at set times."""

    drill: Schedule
    heartbeat: Schedule


class Demo(Part):
    """Drawn parts, learned and streamed."""

    enabled: bool = Field(description="whether there are any")
    stations: int = Field(ge=1, le=64, description="at how many stations")
    rate: float = Field(gt=0, description="parts a second at each")
    defects: float = Field(ge=0, le=1, description="share of defective ones")


class Doctor(Part):
    """`helm test`."""

    args: list[str] = Field(description="what the test runs")


class Values(Guards):
    """All of values.yaml."""

    fullname_override: str = Field(description="what everything is called; empty: the release's name, with andon in it")
    image: Image
    settings: dict[str, Any] = Field(description="settings of every service that knows them (docs/settings.md)")
    secrets: list[str] = Field(description="names of Secrets whose keys are called like variables; files in every pod")
    certificates: Certificates
    env: Variables = Field(description="further plain variables of every pod, such as OTEL_TRACES_SAMPLER; no secrets")
    line: str = Field(description="the line file, as text (--set-file line=line.yaml)")
    line_config_map: str = Field(description="a ConfigMap of your own with the key line.yaml, instead")
    people: People
    stores: Stores
    topics: Topics
    gpu: Gpu
    service_account: Account
    trainer_account: Account
    pods: Pods
    services: dict[str, Service]
    training: Training
    schedules: Schedules
    demo: Demo
    test: Doctor
    global_: Kubernetes = Field(alias="global", description="Helm's own; nothing here reads it")
