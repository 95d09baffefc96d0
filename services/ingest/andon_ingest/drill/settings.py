"""What a drill can be told by the environment: what alerting is told, so that both know the same policy."""

from andon.line import Policy
from andon.settings import LineSettings, StoreSettings


class DrillSettings(LineSettings):
    """Settings of `andon drill`."""

    store: StoreSettings = StoreSettings()
    policy: Policy = Policy()
