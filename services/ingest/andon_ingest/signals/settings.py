"""What `andon signals` can be told by the environment."""

from andon.settings import ServiceSettings


class SignalsSettings(ServiceSettings):
    """Settings of `andon signals`: how to reach Kafka."""
