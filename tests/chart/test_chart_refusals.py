"""What cannot work is refused before anything is installed, in a sentence that says what to do."""

from typing import Any

import pytest
from guarded import Refused, render

KAFKA: dict[str, Any] = {"settings": {"kafka": {"bootstrap_servers": ""}}}


@pytest.mark.parametrize(
    ("values", "words"),
    [
        (KAFKA, "Where is Kafka? alerting reads it: set settings.kafka.bootstrap_servers"),
        ({"settings": {"redis": {"url": ""}}}, "Where is Redis? alerting keeps its state there: set"),
        (
            {"services": {"scoring": {"replicas": 13}}},
            "services.scoring.replicas is 13, and its topics have 12 partitions: the others would get nothing",
        ),
        (
            {"services": {"console": {"settings": {"console": {"host": "0.0.0.0"}}}}},
            "The console would answer to other machines (console.host: 0.0.0.0) and knows nobody who may come in",
        ),
        (
            {"settings": {"models": {"device": "cuda"}}},
            "services.scoring would look for a GPU (models.device: cuda) in an image without CUDA",
        ),
        (
            {"gpu": {"enabled": True}, "settings": {"models": {"device": "cpu"}}},
            "services.scoring would get a whole GPU and not use it",
        ),
        (
            {"settings": {"jobs": {"method": "train"}}},
            "The trainer would train with anomalib (jobs.method: train) in an image without it: set training.image",
        ),
        ({"fullnameOverride": "x" * 37}, "At most 36 leave room for what is called after it"),
        ({"services": {"drift": {"graceSeconds": 25}}}, "services.drift.graceSeconds is 25: it needs more than"),
        ({"env": {"ANDON_LOG_LEVEL": "debug"}}, "env.ANDON_LOG_LEVEL: settings stand in settings"),
        ({"env": {"AWS_SECRET_ACCESS_KEY": "x"}}, "env.AWS_SECRET_ACCESS_KEY looks like a secret"),
    ],
)
def test_it_says_what_is_wrong_and_what_to_do(values: dict[str, Any], words: str):
    with pytest.raises(Refused) as refused:
        render(values)
    assert words in str(refused.value)


@pytest.mark.parametrize(
    "values",
    [
        {"services": {"scoring": {"replicas": 12}}},
        {"services": {"ingest": {"replicas": 13}, "console": {"replicas": 13}}},
        {"services": {"console": {"settings": {"console": {"link": "always", "host": "0.0.0.0"}}}}},
        {"settings": {"console": {"proxy": {"trusted": "10.1.0.0/16"}}}},
        {"gpu": {"enabled": True}},
        {"settings": {"jobs": {"method": "train"}}, "training": {"image": "training-torch"}},
        {"fullnameOverride": "x" * 36},
        {"services": {"drift": {"graceSeconds": 26}}},
    ],
)
def test_what_works_is_not_refused(values: dict[str, Any]):
    assert render(values)


def test_redis_is_asked_for_only_where_somebody_keeps_something_there():
    off = {name: {"enabled": False} for name in ("alerting", "drift", "ledger-watch", "console")}
    assert render({"settings": {"redis": {"url": ""}}, "services": off})


def test_kafka_may_be_another_one_for_each_service():
    with pytest.raises(Refused):
        render({**KAFKA, "services": {"drift": {"settings": {"kafka": {"bootstrap_servers": "there:9092"}}}}})
