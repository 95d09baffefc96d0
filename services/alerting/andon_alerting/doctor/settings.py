"""What the doctor is told: what alerting and evidence are told, since it looks at what they work with."""

from andon.settings import StoreSettings
from andon_alerting.evidence.settings import EvidenceSettings, KeepingSettings
from andon_alerting.settings import AlertingSettings


class DoctorSettings(AlertingSettings, EvidenceSettings):
    """Settings of `andon doctor`: nothing of its own."""

    evidence: KeepingSettings = KeepingSettings()
    store: StoreSettings = StoreSettings()
