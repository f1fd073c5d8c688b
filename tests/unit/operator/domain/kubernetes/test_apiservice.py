"""Who serves the external metrics."""

from orderpipeline_operator.domain.kubernetes.apiservice import apiservice_problem


def test_foreign_providers():
    ours = {"spec": {"service": {"namespace": "ops", "name": "metrics"}}}
    assert apiservice_problem(ours, ("ops", "metrics")) is None
    assert "belongs to ops/metrics" in apiservice_problem(ours, ("x", "y"))
    assert "No APIService" in apiservice_problem(None, ("x", "y"))
