"""For all tests: those marked `accelerator` are left out where it is not installed, and that is said; leftovers."""

from importlib.util import find_spec

import pytest

from tests.support.leftovers import pytest_runtest_makereport, pytest_runtest_teardown

__all__ = ["pytest_runtest_makereport", "pytest_runtest_teardown"]
_LEFT_OUT = pytest.StashKey[int]()


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Deselect what can't run here."""
    if find_spec("orderpipeline_accelerator") is not None:
        return
    out = [item for item in items if item.get_closest_marker("accelerator")]
    if out:
        config.stash[_LEFT_OUT] = len(out)
        config.hook.pytest_deselected(items=out)
        items[:] = [item for item in items if not item.get_closest_marker("accelerator")]


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say what was left out and what would bring it in."""
    if count := terminalreporter.config.stash.get(_LEFT_OUT, 0):
        terminalreporter.write_line(
            f"{count} tests of the accelerator were deselected: it is not installed; `make accelerator` builds it"
        )
