"""Real Kafka, Redis, Alertmanager and Prometheus on this machine, for `andon demo` and the tests."""
