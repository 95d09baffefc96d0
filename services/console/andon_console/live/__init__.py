"""What follows Kafka: a thread a topic, what keeps its records, and the desk where people write."""
