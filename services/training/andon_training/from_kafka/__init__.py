"""Good frames straight from the line: a station's newest frames on Kafka, as sources that fit reads."""

from andon_training.from_kafka.collect import collect

__all__ = ["collect"]
