"""What a failed test left open is found at once and told beside its failure.

Else the collector finds it in some later test, and, as warnings are errors, that one fails too, without a fault.
"""

import gc
import sys

import pytest

_FAILED = pytest.StashKey[bool]()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> pytest.TestReport:
    """Remember a failure."""
    report: pytest.TestReport = yield
    item.stash[_FAILED] = item.stash.get(_FAILED, False) or report.failed
    return report


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_teardown(item: pytest.Item) -> None:
    """Collect what is out of reach once the failure's traceback has been told; pytest then looks what came of it."""
    if item.stash.get(_FAILED, False):
        sys.last_value = sys.last_traceback = sys.last_exc = None
        gc.collect()
