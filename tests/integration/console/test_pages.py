"""Every page of the console in a real browser, on a real pipeline: empty, under load, and with incidents."""

import json
import os
import re
import signal
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from tests.integration.console.shop import PAGE, PAGES, STUCK_CUSTOMER, Load, orders, shop
from tests.integration.embedded.embedded_run import EmbeddedRun
from tests.support.browser import FOREIGN, View, browser, opened, violations
from tests.support.waiting import wait_until

__all__ = ["browser"]
VIEWS = [View(360, "light"), View(1280, "dark"), View(2560, "light")]
SLOW_MS = 120_000
UNKNOWN = "\u2013"


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedRun]:
    with shop(tmp_path_factory.mktemp("shop")) as found:
        yield found


def check_all(browser: Browser, run: EmbeddedRun, views: list[View]) -> None:
    """No page is wider than its window, breaks a rule of axe's, or makes the browser complain."""
    for view in views:
        with opened(browser, view) as one:
            for name, path in PAGES.items():
                one.show(run.console + path)
                expect(one.page.get_by_text("Live", exact=True)).to_be_visible()
                expect(one.page.locator(".loading")).to_have_count(0)
                assert one.overflow <= 0, f"{name} at {view.width} px"
                assert violations(one.page) == [], f"{name} at {view.width} px, {view.scheme}"
            assert one.complaints == []


def test_a_pipeline_without_orders(browser: Browser, run: EmbeddedRun) -> None:
    with opened(browser) as one:
        one.show(run.console + PAGE)
        expect(one.page.locator(".station .main").nth(2)).to_have_text("0")
        one.show(run.console + PAGES["messages"])
        expect(one.page.get_by_text("None matches, or the topic is empty.")).to_be_visible()
        one.show(run.console + PAGES["dead-letters"])
        expect(one.page.get_by_text("No order was given up.")).to_be_visible()
    check_all(browser, run, [View(1280, "light")])


def test_a_pipeline_under_load(browser: Browser, run: EmbeddedRun) -> None:
    with Load(run, 120), opened(browser) as one:
        one.show(run.console + PAGE)
        page = one.page
        rates = page.locator(".pipe .rate b")
        expect(rates.first).to_have_text(re.compile("[1-9]"), timeout=SLOW_MS)
        expect(page.locator(".decision").first).to_be_visible(timeout=SLOW_MS)
        page.locator(".decision").last.click()
        expect(page.get_by_text("Show the present decision")).to_be_visible()
        expect(page.get_by_role("row", name=re.compile("one consumer"))).to_be_visible()
        expect(page.get_by_role("img", name=re.compile("Orders per second.*arriving [1-9]"))).to_be_visible()
        one.show(run.console + PAGES["partitions"])
        expect(page.get_by_role("option")).to_have_count(60)
        page.get_by_role("listbox").focus()
        page.keyboard.press("End")
        page.keyboard.press("ArrowLeft")
        expect(page.locator("dl.detail")).to_contain_text("58")
        expect(page.get_by_role("row", name=re.compile("orderpipeline-consumer-"))).not_to_have_count(0)
        assert one.complaints == []
        check_all(browser, run, VIEWS)


def test_messages_are_found_by_partition_offset_and_key_and_hide_the_customer(
    browser: Browser, run: EmbeddedRun
) -> None:
    assert run.post(orders(3, "slow:0", "c-wanted")) == 202
    api = f"{run.console}api/pipelines/default/shop/messages"
    found = json.loads(read(f"{api}?key=c-wanted"))
    assert len(found["messages"]) == 3
    assert {message["key"] for message in found["messages"]} == {"(hidden)"}
    assert "c-wanted" not in json.dumps(found)
    newest = found["messages"][0]
    where = f"partition={newest['partition']}&offset={newest['offset']}"
    (again,) = json.loads(read(f"{api}?{where}&limit=1"))["messages"]
    assert again == newest
    since = json.loads(read(f"{api}?since={newest['timestamp']}&key=c-wanted"))["messages"]
    assert newest in since
    with opened(browser) as one:
        one.show(f"{run.console}{PAGES['messages']}?{where}&limit=1")
        expect(one.page.locator("summary")).to_have_count(1)
        one.page.locator("summary").click()
        expect(one.page.locator("pre")).to_contain_text("product_id")
        expect(one.page.locator("body")).not_to_contain_text("c-wanted")
        one.page.get_by_label("Partition").fill("999")
        one.page.get_by_role("button", name="Read").click()
        expect(one.page.get_by_role("alert")).to_contain_text("0 to 59")


def test_a_stuck_partition_and_dead_letters_are_named(browser: Browser, run: EmbeddedRun) -> None:
    assert run.post(orders(4, "permanent")) == 202
    assert run.post(orders(30, "hold", STUCK_CUSTOMER)) == 202
    with opened(browser) as one:
        one.show(run.console + PAGE)
        expect(one.page.get_by_role("heading", name=re.compile("Partition [0-9]+ is stuck"))).to_be_visible(
            timeout=SLOW_MS
        )
        one.show(run.console + PAGES["partitions"])
        expect(one.page.get_by_text("nothing was processed for")).to_be_visible()
        expect(one.page.locator(".cell.stuck")).to_have_count(1)
        one.show(run.console + PAGES["dead-letters"])
        expect(one.page.get_by_role("heading", name="Reasons")).to_be_visible()
        expect(one.page.locator(".reasons")).to_contain_text("PermanentError: never")
    check_all(browser, run, [View(1280, "dark"), View(360, "light")])
    (run.data.parent / "record").with_suffix(".released").touch()
    with opened(browser) as one:
        one.show(run.console + PAGES["partitions"])
        expect(one.page.locator(".cell.stuck")).to_have_count(0, timeout=SLOW_MS)


def test_a_broker_that_hangs_is_said_and_its_return_too(browser: Browser, run: EmbeddedRun) -> None:
    with opened(browser) as one:
        one.show(run.console + PAGE)
        expect(one.page.locator(".station .main").nth(2)).to_have_text("0", timeout=SLOW_MS)
        broker = broker_of(run)
        os.kill(broker, signal.SIGSTOP)
        try:
            unknown = one.page.get_by_role("heading", name="The lag is not known")
            expect(unknown).to_be_visible(timeout=SLOW_MS)
            expect(one.page.get_by_role("heading", name="Kafka does not answer")).to_be_visible(timeout=SLOW_MS)
            expect(one.page.locator(".station .main").nth(2)).to_have_text(UNKNOWN)
            assert violations(one.page) == []
        finally:
            os.kill(broker, signal.SIGCONT)
        expect(one.page.locator(".station .main").nth(2)).to_have_text("0", timeout=SLOW_MS)
        expect(unknown).to_have_count(0)


def test_pages_of_other_sites_are_refused_and_nothing_can_be_written(browser: Browser, run: EmbeddedRun) -> None:
    port = run.console.rsplit(":", 1)[1]
    with opened(browser) as one:
        one.page.goto(f"http://{FOREIGN}:{port}")
        expect(one.page.locator("body")).to_contain_text("not to 'console.example'")
    for method in ("POST", "PUT", "PATCH", "DELETE"):
        with pytest.raises(urllib.error.HTTPError) as refused:
            urllib.request.urlopen(urllib.request.Request(f"{run.console}api/pipelines", method=method), timeout=60)
        assert refused.value.code == 405
        refused.value.close()


def test_a_page_finds_the_console_again_after_it_was_away(browser: Browser, tmp_path: Path) -> None:
    with opened(browser) as one:
        with shop(tmp_path) as run:
            one.show(run.console)
            expect(one.page.get_by_text("Live", exact=True)).to_be_visible()
        expect(one.page.get_by_text("Reconnecting")).to_be_visible()
        expect(one.page.locator("main")).to_have_class(re.compile("stale"))


def broker_of(run: EmbeddedRun) -> int:
    """The id of its process."""

    def find() -> int:
        for folder in Path("/proc").glob("[0-9]*"):
            try:
                line = (folder / "cmdline").read_bytes().decode()
            except OSError:
                continue
            if "kafka.Kafka" in line and str(run.data) in line:
                return int(folder.name)
        return 0

    return wait_until("the broker is found", find)


def read(url: str) -> str:
    with urllib.request.urlopen(url, timeout=60) as reply:
        return reply.read().decode()
