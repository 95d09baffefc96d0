"""Kafka: what a stage needs of it, and nothing more."""

from andon.kafka.clients import connect
from andon.kafka.dead_letters import KafkaDeadLetters
from andon.kafka.sink import KafkaSink
from andon.kafka.source import KafkaSource
from andon.kafka.table import TopicReader

__all__ = ["KafkaDeadLetters", "KafkaSink", "KafkaSource", "TopicReader", "connect"]
