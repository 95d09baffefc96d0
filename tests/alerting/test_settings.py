"""What alerting can be told, and what it refuses to be told."""

from pathlib import Path

import pytest

from andon.errors import Mistake
from andon.line import LineFile
from andon.settings import load
from andon_alerting.settings import AlertingSettings


def test_the_policy_of_stations_that_the_line_file_leaves_alone_comes_from_the_environment(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "line.yaml").write_text("stations: {weld-*: {policy: {open: 1 of 1 frames}}}")
    monkeypatch.setenv("ANDON_POLICY__K", "2")
    monkeypatch.setenv("ANDON_LINE", str(tmp_path / "line.yaml"))
    settings = load(AlertingSettings)
    plans = LineFile(settings.line, settings.policy)
    assert (plans.of("press-1").policy.k, plans.of("press-1").policy.n) == (2, 5)
    assert (plans.of("weld-07").policy.k, plans.of("weld-07").policy.n) == (1, 1)


def test_a_policy_that_cannot_work_is_told_before_anything_starts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ANDON_POLICY__K", "9")
    with pytest.raises(Mistake, match="ANDON_POLICY: k is 9, but only the last 5 frames are looked at"):
        load(AlertingSettings)


def test_a_webhook_without_a_key_is_a_mistake_that_names_its_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ANDON_WEBHOOK__URL", "https://user:hush@hooks.factory/x")
    with pytest.raises(Mistake, match="ANDON_WEBHOOK: a webhook is signed") as mistake:
        load(AlertingSettings)
    assert "hush" not in str(mistake.value)
