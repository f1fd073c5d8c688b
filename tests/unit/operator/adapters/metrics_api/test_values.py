"""Values from the status; unknown ones are left out."""

from orderpipeline_operator.adapters.metrics_api.values import rows


def test_values_that_are_not_known_are_left_out():
    listed = [
        {"metadata": {"name": "a"}, "status": {"consumers": {"desired": 0}}},
        {"metadata": {"name": "b"}, "status": {"consumers": {"desired": None}}},
        {"metadata": {"name": "c"}, "status": {"lag": {"orders": 5}}},
        {"metadata": {"name": "d"}},
    ]
    found = rows(listed, "orderpipeline_desired_consumers", (), 9.0)
    assert found == [({"orderpipeline.dev/pipeline": "a"}, 0.0, 9.0)]
