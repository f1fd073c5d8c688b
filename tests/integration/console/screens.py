"""Draws the pictures in docs/console from a real pipeline: `make screens`. Look at each before you commit it."""

import re
import sys
import tempfile
from pathlib import Path
from typing import Final

from playwright.sync_api import expect

from tests.integration.console.shop import PAGES, STUCK_CUSTOMER, Load, orders, shop
from tests.support.browser import Opened, View, chromium, opened
from tests.support.helm import ROOT

FOLDER: Final = ROOT / "docs/console"
SLOW_MS: Final = 180_000
UNDER_LOAD: Final = (
    ("now", "now", View(1280, "light")),
    ("now-dark", "now", View(1280, "dark")),
    ("now-360", "now", View(360, "dark")),
    ("now-2560", "now", View(2560, "dark")),
    ("partitions", "partitions", View(1280, "light")),
    ("partitions-360", "partitions", View(360, "light")),
    ("messages", "messages", View(1280, "dark")),
    ("kafka", "kafka", View(1280, "light")),
    ("pipelines", "pipelines", View(1280, "light")),
)
WITH_AN_INCIDENT: Final = (
    ("incident", "now", View(1280, "light")),
    ("incident-360", "now", View(360, "light")),
    ("incident-partitions", "partitions", View(1280, "dark")),
    ("dead-letters", "dead-letters", View(1280, "light")),
)


def main() -> None:
    """Write the pictures."""
    FOLDER.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as folder, shop(Path(folder)) as run, chromium() as browser:
        with Load(run, 160), opened(browser) as watched:
            watched.show(run.console + PAGES["now"])
            expect(watched.page.locator(".decision").nth(1)).to_be_visible(timeout=SLOW_MS)
            watched.page.wait_for_timeout(30_000)  # so that there is something to see in the charts
            for name, page, view in UNDER_LOAD:
                with opened(browser, view) as one:
                    _picture(one, run.console, name, page)
            run.post(orders(40, "permanent"))
            run.post(orders(60, "hold", STUCK_CUSTOMER))
            stuck = watched.page.get_by_role("heading", name=re.compile("Partition [0-9]+ is stuck"))
            expect(stuck).to_be_visible(timeout=SLOW_MS)
            for name, page, view in WITH_AN_INCIDENT:
                with opened(browser, view) as one:
                    _picture(one, run.console, name, page)
        (Path(folder) / "record").with_suffix(".released").touch()


def _picture(one: Opened, base: str, name: str, page: str) -> None:
    one.show(base + PAGES[page])
    one.page.wait_for_timeout(3000)
    if page == "partitions":
        one.page.get_by_role("option").nth(7).click()
        one.page.wait_for_timeout(300)
    if page in ("messages", "dead-letters"):
        one.page.locator("summary").first.click()
    one.page.screenshot(path=FOLDER / f"{name}.png", full_page=page not in ("messages", "dead-letters"))
    sys.stdout.write(f"docs/console/{name}.png\n")


if __name__ == "__main__":
    main()
