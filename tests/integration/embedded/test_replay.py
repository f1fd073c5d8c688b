"""The replay of real orders against a server that takes none."""

import asyncio
from decimal import Decimal

import pytest
from aiohttp import web

from orderpipeline_embedded.demo.cdnow import Purchase
from orderpipeline_embedded.demo.replay import Replay, replay

pytestmark = pytest.mark.integration


async def test_a_replay_that_is_refused_ends_and_says_why(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    async def refuse(request: web.Request) -> web.Response:
        await request.read()
        return web.Response(status=422, text="not an order")

    app = web.Application()
    app.router.add_post("/order", refuse)
    app.router.add_post("/orders/batch", refuse)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    monkeypatch.setattr("sys.stderr.isatty", lambda: True)  # with its line of progress
    orders = [Purchase(n, f"c{n % 3}", "19970101", 1, Decimal("9.99")) for n in range(40)]
    try:
        url = f"http://127.0.0.1:{runner.addresses[0][1]}"
        async with asyncio.timeout(60):
            tally = await replay(orders, url, Replay(lanes=2, batch=10, single_every=3))
    finally:
        await runner.cleanup()
    assert tally.sent == 0
    assert {text[:3] for text in tally.refused} == {"422"}
    assert "40 orders" in capsys.readouterr().err
