"""What collecting frames is told by the environment: how to reach Kafka, and where large frames lie."""

from andon.settings import ServiceSettings, StoreSettings


class CollectSettings(ServiceSettings):
    """As every service; and the store."""

    store: StoreSettings = StoreSettings()
