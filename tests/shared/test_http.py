"""/metrics, /healthz and /readyz."""

import urllib.error
import urllib.request

from prometheus_client import CollectorRegistry

from andon.heart import Heart
from andon.http import serve_health
from andon.metrics import Metrics
from andon.settings import HttpSettings


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def get(port: int, path: str) -> tuple[int, str]:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=5) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read().decode()


def test_healthz_follows_the_loops_own_progress_and_readyz_the_services_word():
    clock = Clock()
    heart = Heart(90, clock)
    with serve_health(HttpSettings(), CollectorRegistry(), heart) as port:
        assert get(port, "/healthz")[0] == 200
        clock.now = 91
        assert get(port, "/healthz") == (503, "last turn 91.0 s ago\n")
        heart.beat()
        assert get(port, "/healthz")[0] == 200
        assert get(port, "/readyz")[0] == 503
        heart.ready = True
        assert get(port, "/readyz")[0] == 200
        heart.word = "standby"
        assert get(port, "/readyz") == (200, "standby\n")


def test_metrics_are_served_in_the_text_format_and_other_pages_are_not_found():
    registry = CollectorRegistry()
    Metrics(registry).records_consumed.labels("scoring").inc(3)
    with serve_health(HttpSettings(), registry, Heart(90)) as port:
        status, text = get(port, "/metrics")
        assert status == 200
        assert 'andon_records_consumed_total{stage="scoring"} 3.0' in text
        assert get(port, "/")[0] == 404
