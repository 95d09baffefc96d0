"""What alerting can be told, and what it refuses to be told."""

import pytest

from andon.errors import Mistake
from andon.line import Policy
from andon.settings import load
from andon_alerting.settings import AlertingSettings, Policies


def test_policies_come_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ANDON_POLICY__K", "2")
    monkeypatch.setenv("ANDON_POLICIES", '{"weld-*": {"k": 1, "n": 1}, "weld-07": {"k": 4}}')
    settings = load(AlertingSettings)
    policies = Policies(settings.policy, settings.policies)
    assert (policies.of("press-1").k, policies.of("press-1").n) == (2, 5)
    assert (policies.of("weld-07").k, policies.of("weld-07").n) == (1, 1), "the first pattern that fits counts"


@pytest.mark.parametrize(
    ("value", "told"),
    [
        ('{"weld-*": {"k": 9}}', "policies: weld-.*: .*k is 9, but only the last 5 frames are looked at"),
        ('{"weld-*": {"kk": 1}}', "policies: weld-.*: kk: Extra inputs are not permitted"),
    ],
)
def test_a_policy_that_cannot_work_is_told_before_anything_starts(
    value: str, told: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ANDON_POLICIES", value)
    with pytest.raises(Mistake, match=told):
        load(AlertingSettings)


def test_a_webhook_without_a_key_is_a_mistake_that_names_its_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ANDON_WEBHOOK__URL", "https://user:hush@hooks.factory/x")
    with pytest.raises(Mistake, match="ANDON_WEBHOOK: a webhook is signed") as mistake:
        load(AlertingSettings)
    assert "hush" not in str(mistake.value)


def test_the_shortest_silence_is_looked_for_over_all_policies() -> None:
    off = Policy(silent_after_s=None)
    assert Policies(off).shortest_silence_s is None
    assert Policies(off, {"a": {"silent_after_s": 30}, "b": {"silent_after_s": 20}}).shortest_silence_s == 20
