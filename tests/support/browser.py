"""Debian's Chromium, driven by Playwright, and axe-core in its pages."""

import json
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any, Final, Literal

import pytest
from playwright.sync_api import Browser, ConsoleMessage, Page, expect, sync_playwright

from tests.support.helm import ROOT

__all__ = ["View", "browser", "opened", "violations"]

WIDTHS: Final = {360: 760, 1280: 900, 2560: 1300}
"""The sizes at which pages are looked at: width and height."""
FOREIGN: Final = "console.example"
"""A name of another site that leads to this machine, as by DNS rebinding."""
SECONDS: Final = 60.0

Scheme = Literal["light", "dark"]


@dataclass(frozen=True)
class View:
    """How a page is looked at."""

    width: int = 1280
    scheme: Scheme = "light"


@dataclass
class Opened:
    """A page, and what the browser complained of."""

    page: Page
    complaints: list[str] = field(default_factory=list)

    def show(self, url: str) -> None:
        """Go there; wait until the first view is drawn."""
        self.page.goto(url)
        self.page.wait_for_selector("h1", state="attached")

    @property
    def overflow(self) -> int:
        """Pixels by which the page is wider than the window."""
        return int(self.page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth"))


@contextmanager
def chromium() -> Iterator[Browser]:
    """The browser. AssertionError where Chromium is missing."""
    expect.set_options(timeout=SECONDS * 1000)
    path = shutil.which("chromium")
    assert path is not None, "chromium is missing: run hack/prepare"
    with sync_playwright() as playwright:
        # Root may not use Chromium's sandbox; the pages are our own.
        arguments = ["--no-sandbox", "--disable-dev-shm-usage", f"--host-resolver-rules=MAP {FOREIGN} 127.0.0.1"]
        found = playwright.chromium.launch(executable_path=path, args=arguments)
        try:
            yield found
        finally:
            found.close()


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """The browser, for the tests of a module."""
    with chromium() as found:
        yield found


@contextmanager
def opened(browser: Browser, view: View = View()) -> Iterator[Opened]:
    """A new page in a context of its own, which is closed in the end. No motion, so that pictures are at rest."""
    context = browser.new_context(
        viewport={"width": view.width, "height": WIDTHS[view.width]}, color_scheme=view.scheme, reduced_motion="reduce"
    )
    context.set_default_timeout(SECONDS * 1000)
    try:
        found = Opened(context.new_page())

        def on_console(message: ConsoleMessage) -> None:
            if message.type in ("error", "warning"):
                found.complaints.append(message.text)

        found.page.on("console", on_console)
        found.page.on("pageerror", lambda error: found.complaints.append(str(error)))
        yield found
    finally:
        context.close()


def violations(page: Page) -> list[str]:
    """What axe finds, each with its rule and the first of its elements; the page's own policy does not hold for axe."""
    page.evaluate(f"() => {{ {_axe()} }}")
    rules = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
    found: dict[str, Any] = page.evaluate(f"axe.run(document, {{runOnly: {json.dumps(rules)}}})")
    return [f"{one['id']}: {one['help']}: {one['nodes'][0]['html'][:200]}" for one in found["violations"]]


@cache
def _axe() -> str:
    answer = subprocess.run([ROOT / "hack/console-assets", "--axe"], check=True, capture_output=True, text=True)
    return Path(answer.stdout.strip()).read_text()
