"""While nodes are drained: one pod of a service at a time, and never a drain that waits for ever."""

import pytest
from guarded import of_kind, render


def test_every_service_that_runs_has_a_budget_that_finds_its_pods() -> None:
    manifests = render({"services": {"shadow-scoring": {"enabled": True}, "drift": {"enabled": False}}})
    services = {n: each for n, each in of_kind(manifests, "Deployment").items() if n != "andon-demo"}
    budgets = of_kind(manifests, "PodDisruptionBudget")
    assert set(budgets) == set(services)
    for name, budget in budgets.items():
        assert budget["spec"]["selector"] == services[name]["spec"]["selector"]


@pytest.mark.parametrize("replicas", [1, 3])
def test_a_drain_is_never_blocked(replicas: int) -> None:
    """By `minAvailable`, one of one could never go; a pod that is not ready need not be waited for."""
    for each in of_kind(render({"pods": {"replicas": replicas}}), "PodDisruptionBudget").values():
        assert each["spec"]["maxUnavailable"] == 1
        assert "minAvailable" not in each["spec"]
        assert each["spec"]["unhealthyPodEvictionPolicy"] == "AlwaysAllow"


def test_the_switch_takes_them_away() -> None:
    assert not of_kind(render({"podDisruptionBudgets": {"enabled": False}}), "PodDisruptionBudget")
