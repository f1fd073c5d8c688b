"""For all tests: what is left out of a run and why, which tests share a process, and leftovers."""

from importlib.util import find_spec
from typing import Any

import pytest
from hypothesis import settings

from tests.support.accelerator import check_build
from tests.support.leftovers import pytest_runtest_makereport, pytest_runtest_teardown
from tests.support.matrix import always_runs

__all__ = ["pytest_runtest_makereport", "pytest_runtest_teardown"]


def pytest_configure() -> None:
    """No property test has a deadline: a busy machine would miss it. No run meets an accelerator of other sources."""
    settings.register_profile("busy-machine", deadline=None)
    settings.load_profile("busy-machine")
    check_build()


def pytest_itemcollected(item: pytest.Item) -> None:
    """Mark combinations that only `make test-all` runs."""
    if not always_runs(item):
        item.add_marker(pytest.mark.full)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Deselect what can't run here."""
    if find_spec("orderpipeline_accelerator") is None:
        out = [item for item in items if item.get_closest_marker("accelerator")]
        if out:
            config.hook.pytest_deselected(items=out)
            items[:] = [item for item in items if not item.get_closest_marker("accelerator")]


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """Keep tests that share something expensive in one process, see tests/support/sharing.py.

    Not by pytest-xdist's own groups: 3.8.0 writes them into an attribute of the test that pytest 9.2 no longer reads,
    and then every worker brings up the one cluster that there is.
    """
    from tests.support.sharing import SharedScheduling  # pytest-xdist may not be there, or not in use

    return SharedScheduling(config, log)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say what was left out and what would bring it in."""
    if find_spec("orderpipeline_accelerator") is None:
        terminalreporter.write_line(
            "the tests of the accelerator were deselected: it is not installed; `make accelerator` builds it"
        )
