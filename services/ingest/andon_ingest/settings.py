"""What ingest can be told."""

from pydantic import Field, SecretStr

from andon.settings import Group, Positive, ServiceSettings, StoreSettings

MIB = 1024 * 1024


class CaptureSettings(Group):
    """What an image may be."""

    max_image_bytes: int = Field(
        64 * MIB, ge=1, description="largest image accepted; a larger one is a dead letter, or HTTP 413"
    )


class WatchSettings(Group):
    """How a folder is watched."""

    interval_s: Positive = Field(0.5, description="time between two looks; a file that two looks see alike is whole")
    unfinished_s: Positive = Field(
        10.0, description="wait so long for a JPEG, PNG or .npy without its end to grow, then send it as it is"
    )


class PushSettings(Group):
    """Images pushed over HTTP."""

    host: str = Field("127.0.0.1", description="address to bind; 0.0.0.0 in a pod")
    port: int = Field(8700, ge=0, le=65535, description="port; 0 takes a free one and logs it")
    token: SecretStr | None = Field(None, description="when set, requests need 'Authorization: Bearer <token>'")
    max_waiting: int = Field(256, ge=1, description="requests in hand at once; more are answered 429")
    max_waiting_bytes: int = Field(96 * MIB, ge=1, description="bytes of images in hand at once; more are answered 429")
    max_stations: int = Field(2000, ge=1, description="stations that may appear by themselves; more are answered 400")
    body_timeout_s: Positive = Field(30.0, description="a client that sends its image slower is answered 408")
    answer_timeout_s: Positive = Field(15.0, description="when Kafka has not acknowledged a frame by then, 503")


class IngestSettings(ServiceSettings):
    """Settings of `andon ingest`."""

    store: StoreSettings = StoreSettings()
    capture: CaptureSettings = CaptureSettings()
    watch: WatchSettings = WatchSettings()
    push: PushSettings = PushSettings()
