"""When the order API and the consumer use the accelerator, and what follows when it can't be used."""

import asyncio
import sys
from pathlib import Path
from typing import Any, Final

import pytest

from orderpipeline_common.background import Background
from orderpipeline_common.contract import Env
from orderpipeline_common.engine import ACCELERATOR, PYTHON, Engine
from orderpipeline_common.kafka_config import KafkaSettings
from orderpipeline_common.runtime import SettingsError
from orderpipeline_consumer.fetching import accelerated
from orderpipeline_consumer.fetching.accelerated import AcceleratedSource
from orderpipeline_consumer.fetching.confluent import ConfluentSource
from orderpipeline_consumer.fetching.direct import DirectSource
from orderpipeline_consumer.fetching.selection import Sources
from orderpipeline_producer.kafka.accelerated_client import AcceleratedClient
from orderpipeline_producer.kafka.config import make_client, producer_config
from orderpipeline_producer.settings import Settings
from tests.support.version_proxy import version_proxy
from tests.support.waiting import settles

IN_PYTHON: Final = Engine(PYTHON, "librdkafka")
CONNECTION: Final = {"bootstrap.servers": "127.0.0.1:1", "client.id": "c"}
OLDER: Final = [
    [],
    ["DirectProducer", "LibrdkafkaProducer", "librdkafka"],
    ["DirectProducer", "Fetcher", "LibrdkafkaProducer", "librdkafka"],
]
"""Names that an accelerator has which lacks others."""


async def producer_engine(**settings: Any) -> Engine:
    """The engine of an order API with these settings. Nothing listens on its broker's port."""
    whole = Settings(**{"kafka": KafkaSettings("127.0.0.1:1"), "topic": "t", **settings})
    config = producer_config(whole, "test")
    client = make_client(config, whole, lambda code, text, *, fatal=None: None, Background())
    assert client.close(0.0) == 0
    return client.engine


def sources(setting: str, **more: str) -> Sources:
    """The sources of a consumer with these settings, whose broker nobody asks for anything."""
    return Sources(setting, "t", CONNECTION | more)


def install(monkeypatch: pytest.MonkeyPatch, names: list[str]) -> None:
    """Install an accelerator that has these names only."""
    other = type(sys)("orderpipeline_accelerator")
    for name in names:
        setattr(other, name, object)
    monkeypatch.setitem(sys.modules, other.__name__, other)


async def test_without_the_accelerator_python_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "orderpipeline_accelerator", None)
    assert await producer_engine() == sources("auto").engine == IN_PYTHON
    with pytest.raises(SettingsError, match=Env.ACCELERATOR):
        await producer_engine(accelerator="on")
    with pytest.raises(SettingsError, match=Env.ACCELERATOR):
        sources("on")
    with pytest.raises(SettingsError, match=Env.ACCELERATOR):
        sources("librdkafka")


@pytest.mark.parametrize("names", OLDER)
async def test_an_accelerator_that_lacks_a_name_is_not_used(monkeypatch: pytest.MonkeyPatch, names: list[str]) -> None:
    install(monkeypatch, names)
    assert await producer_engine() == sources("auto").engine == IN_PYTHON


@pytest.mark.accelerator
async def test_with_the_accelerator_the_setting_decides_in_the_order_api() -> None:
    assert await producer_engine() == Engine(ACCELERATOR, kafka_client="accelerator")
    assert await producer_engine(accelerator="on", compression="zstd") == Engine(
        ACCELERATOR, kafka_client="accelerator"
    )
    assert await producer_engine(accelerator="librdkafka") == Engine(ACCELERATOR, kafka_client="librdkafka")
    assert await producer_engine(accelerator="off") == IN_PYTHON


@pytest.mark.accelerator
async def test_librdkafka_takes_over_what_the_accelerators_own_kafka_client_cannot_use(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    import orderpipeline_accelerator

    def refuse(*_: Any) -> None:
        raise ValueError("ssl.ca.pem: such a certificate can't be read")

    monkeypatch.setattr(orderpipeline_accelerator, "DirectProducer", refuse)
    assert await producer_engine() == Engine(ACCELERATOR, kafka_client="librdkafka")
    assert "such a certificate" in caplog.text


@pytest.mark.accelerator
async def test_librdkafka_takes_over_from_the_accelerators_own_kafka_client_at_an_older_broker(
    caplog: pytest.LogCaptureFixture,
) -> None:
    changes = list[Engine]()
    with version_proxy(METADATA=(0, 3)) as old:
        settings = Settings(kafka=KafkaSettings(old.bootstrap), topic="t")
        config = producer_config(settings, "test")
        client = make_client(config, settings, lambda code, text, *, fatal=None: None, Background())
        assert isinstance(client, AcceleratedClient)
        assert client.engine == Engine(ACCELERATOR, kafka_client="accelerator")
        assert client.renews_access
        assert client.resends is None
        client.on_engine = changes.append
        await settles("librdkafka takes over", lambda: client.engine.kafka_client == "librdkafka")
        assert changes == [Engine(ACCELERATOR, kafka_client="librdkafka")]
        assert f"{old.bootstrap}: the broker offers versions 0 to 3 of Metadata, this client speaks" in caplog.text
        assert not client.renews_access
        assert client.resends is not None
        assert type(client.compiled).__name__ == "LibrdkafkaProducer"
        assert client.close(0.0) == 0


@pytest.mark.accelerator
async def test_orders_are_refused_until_librdkafka_may_take_over() -> None:
    settings = Settings(kafka=KafkaSettings("127.0.0.1:1"), topic="t")
    client = make_client(producer_config(settings, "test"), settings, lambda *_, **__: None, Background())
    assert isinstance(client, AcceleratedClient)
    own, busy = client.compiled, BusyProducer()
    client._own = busy  # type: ignore[assignment]
    client._on_event("unsupported", -165, "_UNSUPPORTED_FEATURE", "kafka:9092: too old")
    await settles("it is asked for what is in flight", lambda: busy.asked > 2)
    assert client.compiled is own
    assert "kafka:9092: too old" in client.check()
    busy.idle = True
    await settles("librdkafka takes over", lambda: type(client.compiled).__name__ == "LibrdkafkaProducer")
    assert client.close(0.0) == 0


class BusyProducer:
    """The accelerator's own Kafka client, as long as something is in flight."""

    idle, asked = False, 0

    def close_if_idle(self) -> bool:
        """See `DirectProducer`."""
        self.asked += 1
        return self.idle


@pytest.mark.accelerator
@pytest.mark.parametrize("setting", ["on", "off"])
async def test_a_ca_that_nothing_can_read_names_its_variable(tmp_path: Path, setting: str) -> None:
    ca = tmp_path / "ca.crt"
    ca.write_text("no certificate")
    kafka = KafkaSettings("127.0.0.1:1", "SSL", ca_file=ca)
    with pytest.raises(SettingsError, match=Env.CA_FILE):
        await producer_engine(kafka=kafka, accelerator=setting)


@pytest.mark.accelerator
def test_with_the_accelerator_the_setting_decides_in_the_consumer(monkeypatch: pytest.MonkeyPatch) -> None:
    for setting in ("auto", "on"):
        made = sources(setting)
        assert made.engine == Engine(ACCELERATOR, kafka_client="accelerator")
        assert isinstance(made.make(CONNECTION), DirectSource)
    made = sources("librdkafka")
    assert made.engine == Engine(ACCELERATOR, kafka_client="librdkafka")
    assert isinstance(made.make(CONNECTION), AcceleratedSource)
    made = sources("off")
    assert made.engine == IN_PYTHON
    assert isinstance(made.make(CONNECTION), ConfluentSource)
    monkeypatch.setattr(accelerated, "SUPPORTED_RELEASES", frozenset())
    assert sources("auto").engine == IN_PYTHON


@pytest.mark.accelerator
def test_librdkafka_fetches_where_the_accelerators_own_kafka_client_cannot(caplog: pytest.LogCaptureFixture) -> None:
    made = sources("auto", **{"security.protocol": "SASL_PLAINTEXT", "sasl.mechanism": "GSSAPI"})
    assert made.engine == Engine(ACCELERATOR, kafka_client="librdkafka")
    assert isinstance(made.make(CONNECTION), AcceleratedSource)
    assert "sasl.mechanism=GSSAPI" in caplog.text
    made = sources("auto")
    made.use_librdkafka("records from before Kafka 0.11")
    assert made.engine == Engine(ACCELERATOR, kafka_client="librdkafka")
    assert isinstance(made.make(CONNECTION), AcceleratedSource)
    assert "records from before Kafka 0.11" in caplog.text


@pytest.mark.accelerator
async def test_where_librdkafka_cannot_take_over_the_probes_tell(monkeypatch: pytest.MonkeyPatch) -> None:
    told = list[tuple[str, bool | None]]()
    settings = Settings(kafka=KafkaSettings("127.0.0.1:1"), topic="t")
    report = lambda code, text, *, fatal=None: told.append((text, fatal))  # noqa: E731
    client = make_client(producer_config(settings, "test"), settings, report, Background())
    assert isinstance(client, AcceleratedClient)
    busy = BusyProducer()
    busy.idle = True
    client._own = busy  # type: ignore[assignment]

    def fail() -> None:
        raise ValueError("no such option")

    monkeypatch.setattr(client, "_take_over", fail)
    errors = list[object]()
    asyncio.get_running_loop().set_exception_handler(lambda _, context: errors.append(context.get("exception")))
    client._on_event("unsupported", -165, "_UNSUPPORTED_FEATURE", "kafka:9092: too old")
    await settles("the probes tell", lambda: ("librdkafka can't take over: no such option", True) in told)
    assert [type(error) for error in errors] == [ValueError]
    assert client.close(0.0) == 0
