"""For all tests: what is left out of a run and why, which tests share a process, and leftovers."""

from importlib.util import find_spec
from pathlib import Path

import pytest
from hypothesis import settings

from tests.support.accelerator import check_build
from tests.support.leftovers import pytest_runtest_makereport, pytest_runtest_teardown
from tests.support.matrix import always_runs

__all__ = ["pytest_runtest_makereport", "pytest_runtest_teardown"]

TESTS = Path(__file__).parent


def pytest_configure() -> None:
    """No property test has a deadline: a busy machine would miss it. No run meets an accelerator of other sources."""
    settings.register_profile("busy-machine", deadline=None)
    settings.load_profile("busy-machine")
    check_build()


@pytest.hookimpl(tryfirst=True)  # before pytest-xdist looks at the groups
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Deselect what can't run here, and mark combinations that only `make test-all` runs.

    Tests that share something expensive form a group, which one worker of pytest-xdist runs: the end-to-end tests,
    since there is one cluster; and each file of the integration tests, for the sake of its fixtures.
    """
    for item in items:
        if not always_runs(item):
            item.add_marker(pytest.mark.full)
        top, *rest = item.path.relative_to(TESTS).parts if item.path.is_relative_to(TESTS) else [""]
        if top == "e2e":
            item.add_marker(pytest.mark.xdist_group("e2e"))
        elif top == "integration":
            item.add_marker(pytest.mark.xdist_group("/".join(rest)))
    if find_spec("orderpipeline_accelerator") is None:
        out = [item for item in items if item.get_closest_marker("accelerator")]
        if out:
            config.hook.pytest_deselected(items=out)
            items[:] = [item for item in items if not item.get_closest_marker("accelerator")]


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say what was left out and what would bring it in."""
    if find_spec("orderpipeline_accelerator") is None:
        terminalreporter.write_line(
            "the tests of the accelerator were deselected: it is not installed; `make accelerator` builds it"
        )
