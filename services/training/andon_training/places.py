"""Settings of commands that read reviewed frames: where they lie, and where bundles do."""

from pydantic import Field

from andon.settings import Group, ServiceSettings, StoreSettings


class EvidencePlace(Group):
    """Where `andon evidence` keeps what it copied out of Kafka."""

    url: str = Field("./evidence", description="fsspec URL of the evidence store: a folder, s3://, gs://, ...")


class ReviewedSettings(ServiceSettings):
    """Settings of commands that read reviewed frames."""

    evidence: EvidencePlace = EvidencePlace()
    store: StoreSettings = StoreSettings()
