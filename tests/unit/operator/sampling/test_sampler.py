import asyncio
import importlib
import threading
from collections import deque
from collections.abc import Callable
from concurrent.futures import Executor, Future
from dataclasses import replace

import pytest

from orderpipeline_common.background import Background
from orderpipeline_operator.adapters.kafka import ConnectionSettingsError, OffsetReader
from orderpipeline_operator.domain.api.v1alpha1.bounds import ConsumerBounds
from orderpipeline_operator.domain.lag.sample import Group, Owner, PartitionOffsets, Reading, Unknown
from orderpipeline_operator.domain.manifests.kafka_endpoint import KafkaEndpoint
from orderpipeline_operator.domain.scaling.forecast import DAY, Horizon
from orderpipeline_operator.domain.scaling.policy import ScalingPolicy
from orderpipeline_operator.sampling.pipeline import SampledPipeline
from orderpipeline_operator.sampling.sampler import Clock, Sampler
from orderpipeline_operator.sampling.target import Target
from orderpipeline_operator.sampling.threads import THREADS, ReadingThreads
from tests.support.readers import ReadEachTime
from tests.support.waiting import settles

POLICY = ScalingPolicy(
    mode="Auto", bounds=ConsumerBounds(1, 6), fixed=1, per_consumer_min=2, per_consumer_max=3, target_catch_up=60.0,
    idle_after=300.0, stabilization_up=0.0, stabilization_down=300.0, poll_interval=5.0, offset_reset="earliest",
    assumed_rate=100.0,
)  # fmt: skip
KEY = ("default", "shop")
TARGET = Target(KEY, KafkaEndpoint("kafka:9092"), "orders", "shop", POLICY)


def at(end: int, committed: int, members: int | None = 1) -> Reading:
    offsets = PartitionOffsets(0, end, committed)
    return Reading("t", dict.fromkeys(range(12), offsets), Group("Stable", members))


class Fake(ReadEachTime):
    """Readings one by one, the last for ever; a clock that only sleeping moves; all calls of on_change."""

    def __init__(self, *readings: Reading | Unknown | Exception) -> None:
        self.readings = deque(readings)
        self.now = 1000.0
        self.changes: list[float] = []
        self.made: list[Target] = []
        self.closed = 0
        self.until = 0.0
        self.asleep = asyncio.Event()

    def factory(self, target: Target) -> "Fake":
        self.made.append(target)
        return self

    def read(self) -> Reading | Unknown:
        one = self.readings.popleft() if len(self.readings) > 1 else self.readings[0]
        if isinstance(one, Exception):
            raise one
        return one

    def close(self) -> None:
        self.closed += 1

    async def sleep(self, seconds: float) -> None:
        if self.now + seconds > self.until:
            self.asleep.set()
            await asyncio.Event().wait()
        self.now += seconds

    def sampler(self) -> Sampler:
        clock = Clock(lambda: self.now, lambda: self.now, self.sleep, lambda: 0.5)
        on_change = lambda _key: self.changes.append(self.now)  # noqa: E731
        return Sampler(on_change, Background(), clock=clock, reader_factory=self.factory)


async def run(fake: Fake, seconds: float, target: Target = TARGET) -> Sampler:
    sampler = fake.sampler()
    fake.until = fake.now + seconds
    sampler.track(target)
    await asyncio.wait_for(fake.asleep.wait(), 60)
    return sampler


async def test_changes_are_published_and_nothing_else():
    fake = Fake(at(10, 10), at(10, 10))
    sampler = await run(fake, 3600.0)
    view = sampler.view(KEY)
    assert (view.orders, view.partitions, view.desired, view.error) == (0, 12, 1, "")
    # First sight, quiet noticed, idle noticed; an hour of nothing adds nothing.
    assert len(fake.changes) <= 3
    assert max(fake.changes) < 1000 + 330
    assert sampler.live(KEY) is not view
    await sampler.close()
    assert fake.closed == 1


async def test_what_an_idle_forecast_learns_is_published_once_a_slot_and_restored():
    policy = replace(POLICY, poll_interval=30.0, forecast=Horizon(DAY, 300.0))
    fake = Fake(at(10, 10))
    sampler = await run(fake, 3 * 3600.0, replace(TARGET, policy=policy))
    slots = [when // 900.0 for when in fake.changes]
    assert set(slots) == set(range(1, 14)), "a slot of a day's season lasts 15 minutes"
    assert len(slots) <= len(set(slots)) + 2, "first sight and idleness besides"
    state = sampler.view(KEY).state
    restored = SampledPipeline(replace(TARGET, policy=policy, restored={"state": state})).state.forecast
    assert [one for one in restored.season if one is not None] == [0.0] * 12
    await sampler.close()


async def test_what_an_even_load_teaches_is_published_every_so_often():
    fake = Fake(*(at(1000 * i, 1000 * i) for i in range(800)))
    sampler = await run(fake, 3600.0)
    late = [when for when in fake.changes if when > 1000.0 + 600.0]
    assert max(later - one for one, later in zip(late, [*late[1:], fake.now], strict=True)) <= 900.0 + 5.0
    assert 3 <= len(late) <= 4, "every quarter of an hour, and nothing else of it changes"
    arrived = sampler.view(KEY).state["activity"]["arrivedAt"]
    assert arrived == late[-1]
    await sampler.close()


async def test_a_sample_that_is_too_old_counts_for_nothing():
    fake = Fake(at(50, 10))
    sampler = await run(fake, 60.0)
    assert sampler.live(KEY).error == ""
    fake.now += 41.0  # the reader hangs: two polls of 5 s and 30 s have passed
    for view in (sampler.live(KEY), sampler.view(KEY)):
        assert (view.orders, view.seconds) == (None, None)
        assert view.error.startswith("Stale: no sample has come for more than 40 s")
        assert view.desired is not None, "what was decided holds"
    await sampler.close()


@pytest.mark.parametrize(("every", "shown"), [(False, 10), (True, 12)])
async def test_metrics_show_some_partitions_or_all_and_none_of_a_sample_that_is_too_old(every: bool, shown: int):
    fake = Fake(at(50, 10))
    sampler = await run(fake, 60.0, replace(TARGET, all_partitions=every))
    assert [load.lag for load in sampler.loads(KEY)] == [40] * shown
    assert sampler.loads(("default", "other")) == ()
    fake.now += 41.0
    assert sampler.loads(KEY) == ()
    await sampler.close()


async def test_moving_lag_is_published_every_15_seconds_and_a_decision_at_once():
    fake = Fake(*(at(10 + 100 * i, 10) for i in range(400)))
    sampler = await run(fake, 300.0)
    gaps = [later - earlier for earlier, later in zip(fake.changes, fake.changes[1:], strict=False)]
    assert sampler.view(KEY).desired == 6
    assert sampler.view(KEY).decisions[-1]["replicas"] == 6
    assert min(gaps[5:]) >= 15
    await sampler.close()


async def test_the_age_of_orders_that_wait_for_ever_is_published_ever_more_rarely():
    fake = Fake(at(100, 90))
    sampler = await run(fake, 3600)
    told, live = sampler.view(KEY), sampler.live(KEY)
    assert told is not None
    assert live is not None
    assert told.seconds == pytest.approx(live.seconds, rel=0.12)
    assert told.seconds > 3000
    assert len(fake.changes) < 70
    assert min(later - one for one, later in zip(fake.changes[-10:], fake.changes[-9:], strict=False)) > 60
    await sampler.close()


async def test_failures_hold_and_are_published(caplog: pytest.LogCaptureFixture):
    fake = Fake(at(10**6, 0), at(10**6, 0), ValueError("bad CA"))
    sampler = await run(fake, 60.0)
    view = sampler.view(KEY)
    assert (view.orders, view.seconds, view.desired) == (None, None, 6)
    assert view.error.startswith("ReaderFailed: ValueError: bad CA; tried again within")
    assert caplog.text.count("Traceback") == 1, "the log tells it once, not every 5 s"
    assert view.reason == "Unknown"
    await sampler.close()


@pytest.mark.parametrize(("failures", "told"), [(2, False), (3, True)])
async def test_a_short_failure_is_not_published(failures: int, told: bool):
    blip = [Unknown("KafkaUnreachable", "a broker restarts")] * failures
    fake = Fake(*[at(10, 10)] * 10, *blip, at(10, 10))
    errors: list[bool] = []
    sampler = fake.sampler()
    sampler._on_change = lambda key: errors.append(bool(sampler.view(key).error))
    fake.until = fake.now + 200
    sampler.track(TARGET)
    await asyncio.wait_for(fake.asleep.wait(), 60)
    assert (True in errors) is told
    assert not errors[-1]
    await sampler.close()


async def test_it_continues_from_the_status():
    first = await run(Fake(at(10**6, 0)), 20.0)
    view = first.view(KEY)
    await first.close()
    status = {"decisions": list(view.decisions), "state": view.state}
    fake = Fake(Unknown("KafkaUnreachable", "down"))
    again = await run(fake, 20.0, replace(TARGET, restored=status, replicas_now=2))
    assert again.view(KEY).desired == 6
    assert again.view(KEY).decisions == view.decisions
    await again.close()
    fresh = await run(Fake(Unknown("KafkaUnreachable", "down")), 20.0, replace(TARGET, replicas_now=2))
    assert fresh.view(KEY).desired == 2
    await fresh.close()


async def test_the_pods_stand_in_for_members_that_kafka_does_not_count():
    fake = Fake(at(10, 10, None))
    sampler = await run(fake, 20.0, replace(TARGET, replicas_now=4))
    assert sampler._pipelines[KEY].state.group.members == 4
    await sampler.close()


async def test_a_new_connection_makes_a_new_reader_and_a_new_policy_does_not():
    fake = Fake(at(10, 10))
    sampler = await run(fake, 20.0)
    sampler.track(replace(TARGET, policy=replace(POLICY, idle_after=1.0)))
    assert len(fake.made) == 1
    fake.asleep.clear()
    fake.until += 20
    sampler.track(replace(TARGET, endpoint=KafkaEndpoint("other:9092")))
    await asyncio.wait_for(fake.asleep.wait(), 60)
    assert [t.endpoint.bootstrap for t in fake.made] == ["kafka:9092", "other:9092"]
    assert sampler.view(KEY).desired == 1
    await sampler.close()
    assert fake.closed == 2


async def test_forgetting_a_pipeline_ends_its_loop():
    fake = Fake(at(10, 10))
    sampler = await run(fake, 20.0)
    sampler.forget(KEY)
    sampler.forget(KEY)
    assert sampler.view(KEY) is None
    assert sampler.keys() == ()
    await sampler.close()


async def test_a_slow_reader_does_not_block_the_event_loop():
    reading, released, waits = threading.Event(), threading.Event(), list[bool]()

    class Slow(Fake):
        def read(self) -> Reading | Unknown:
            reading.set()
            waits.append(released.wait(30))  # by the event loop, which is held for as long if it holds it
            return super().read()

    fake = Slow(at(10, 10))
    sampler = fake.sampler()
    fake.until = fake.now + 5
    sampler.track(TARGET)
    while not reading.is_set():
        await asyncio.sleep(0.01)
    released.set()
    await asyncio.wait_for(fake.asleep.wait(), 60)
    assert waits
    assert all(waits)
    await sampler.close()


def test_secrets_are_not_shown():
    assert "hunter2" not in repr(KafkaEndpoint("k:1", username="u", password="hunter2", ca="PEM"))


@pytest.mark.parametrize("members", [None, 1])
async def test_views_are_json(members):
    import dataclasses
    import json

    sampler = await run(Fake(at(10**5, 5, members)), 60.0)
    json.dumps(dataclasses.asdict(sampler.view(KEY)), allow_nan=False)
    await sampler.close()


async def test_settings_that_no_client_accepts_are_a_warning_with_their_own_message(caplog: pytest.LogCaptureFixture):
    fake = Fake(at(10**6, 0), ConnectionSettingsError("ssl.ca.pem: not in PEM format"))
    sampler = await run(fake, 60.0)
    view = sampler.view(KEY)
    assert view.orders is None
    assert view.error.startswith("BadConnection: ssl.ca.pem: not in PEM format; tried again within")
    told = [record for record in caplog.records if "not in PEM format" in record.message]
    assert [record.levelname for record in told] == ["WARNING"]
    assert "Traceback" not in caplog.text
    await sampler.close()


def test_a_ca_that_is_no_certificate_makes_no_reader():
    connection = KafkaEndpoint("127.0.0.1:1", "SSL", ca="CERTIFICATE")
    with pytest.raises(ConnectionSettingsError, match=r"ssl\.ca\.pem"):
        OffsetReader(connection, "orders", "shop", client_id="test")


RATES = (1, 2, 3, 4, 12, 13, 14, 14, 15, 15, 16, 16)
"""Of twelve partitions, in orders per second. Six consumers that do 20 each cannot have two of them each."""


def uneven(step: int, members: int) -> Reading:
    """The same flow for ever, 5 s a step."""
    offsets = {n: PartitionOffsets(0, 5 * rate * step, 5 * rate * step) for n, rate in enumerate(RATES)}
    owners = tuple(Owner(f"c{n}", tuple(range(n, 12, members))) for n in range(members))
    return Reading("t", offsets, Group("Stable", members, "consumer", owners))


@pytest.mark.parametrize(("mode", "leaving"), [("Auto", ("c0", "c1", "c2", "c3")), ("Recommend", ())])
async def test_leaving_members_are_published_until_the_number_changes_again(mode, leaving):
    fake = Fake(*(uneven(step, 12) for step in range(1, 60)))
    policy = replace(POLICY, mode=mode, bounds=ConsumerBounds(1, 12), stabilization_down=60.0)
    state = {"desired": 12, "rate": 20.0, "steady": True, "members": 12, "members_since": 0.0}
    sampler = await run(fake, 120.0, replace(TARGET, policy=policy, restored={"state": state}))
    view = sampler.view(KEY)
    assert (view.desired, view.leaving) == (8, leaving)
    assert sampler.live(KEY).leaving == leaving
    assert view.decisions[-1]["reason"] == "Spare"
    await sampler.close()


@pytest.mark.parametrize("broken", ["advance", "decide"])
async def test_a_bug_after_the_reading_is_logged_and_the_loop_goes_on(
    broken: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
):
    module = "orderpipeline_operator.sampling.pipeline"
    right = getattr(importlib.import_module(module), broken)
    fake = Fake(at(50, 10))

    def raises(*given: object) -> object:
        if 1010 <= fake.now < 1100 and not any(isinstance(each, Unknown) for each in given):
            raise IndexError("a bug")
        return right(*given)

    monkeypatch.setattr(f"{module}.{broken}", raises)
    sampler = await run(fake, 60.0)
    view = sampler.view(KEY)
    assert (view.orders, view.error) == (None, "ReaderFailed: IndexError: a bug")
    assert caplog.text.count("Traceback") == 1
    fake.asleep.clear()
    fake.until += 100
    sampler.track(replace(TARGET, policy=replace(POLICY, poll_interval=6.0)))  # wakes the clock that stood still
    await asyncio.wait_for(fake.asleep.wait(), 60)
    assert (sampler.live(KEY).orders, sampler.live(KEY).error) == (480, "")
    await sampler.close()


async def test_a_shorter_poll_interval_counts_at_once_and_makes_nothing_stale():
    fake = Fake(at(10, 10), at(50, 10))
    slow = replace(TARGET, policy=replace(POLICY, poll_interval=600.0))
    sampler = await run(fake, 400.0, slow)  # one sample at 300, the next one would be at 900
    assert sampler.live(KEY).orders == 0
    fake.asleep.clear()
    fake.now, fake.until = 1800.0, 1811.0
    sampler.track(TARGET)
    assert sampler.live(KEY).error == ""
    await asyncio.wait_for(fake.asleep.wait(), 60)
    assert (sampler.live(KEY).orders, sampler.live(KEY).error) == (480, "")
    await sampler.close()


class Checked(Fake):
    """Answers by `told` whether anything has changed, without a thread; notes the readings that had one."""

    def __init__(self, *readings: Reading | Unknown | Exception) -> None:
        super().__init__(*readings)
        self.told = deque[Reading | Unknown | None]()
        self.in_thread: list[float] = []
        self.paused = 0

    async def unchanged(self) -> Reading | Unknown | None:
        return self.told.popleft() if self.told else None

    def pause(self) -> None:
        self.paused += 1

    def read(self) -> Reading | Unknown:
        self.in_thread.append(self.now)
        return super().read()


async def test_what_has_not_changed_takes_no_thread() -> None:
    fake, lost = Checked(at(10, 10), at(50, 10)), Unknown("KafkaUnreachable", "no answer")
    fake.told.extend([None, at(10, 10), at(10, 10), None, at(50, 10), lost])
    sampler = await run(fake, 2.5 + 6 * 5.0 - 1.0)
    assert fake.in_thread == [1002.5, 1017.5], "the first one, and the one that had changed"
    view = sampler.live(KEY)
    assert view is not None
    assert (view.orders, view.error) == (None, "KafkaUnreachable: no answer")
    await sampler.close()
    assert (fake.paused, fake.closed) == (1, 1)


async def test_what_cannot_be_read_takes_no_thread_from_what_can():
    threads: list[str] = []

    class Named(Fake):
        def read(self) -> Reading | Unknown:
            threads.append(threading.current_thread().name.rpartition("_")[0])
            return super().read()

    lost = Unknown("KafkaUnreachable", "no")
    sampler = await run(Named(at(10, 10), lost, lost, at(10, 10), at(10, 10)), 24.0)
    lanes = [name.removeprefix("offsets-") for name in threads]
    assert lanes == ["first", "steady", "failing", "failing", "steady"]
    await sampler.close()


class Crowded(Executor):
    """All its threads are taken."""

    def __init__(self) -> None:
        self.waiting: list[Callable[[], object]] = []

    def submit(self, call: Callable[..., object], /, *args: object, **more: object) -> "Future[object]":
        self.waiting.append(lambda: call(*args))
        return Future()


async def test_only_a_reading_that_hangs_is_late_not_one_that_waits_for_its_time_or_a_thread():
    fake, crowd = Fake(at(10, 10)), Crowded()
    background = Background(lambda: fake.now)
    clock = Clock(lambda: fake.now, lambda: fake.now, fake.sleep, lambda: 1.0)
    threads = ReadingThreads(dict.fromkeys(THREADS, crowd))
    sampler = Sampler(lambda _: None, background, clock=clock, reader_factory=fake.factory, threads=threads)
    slow = replace(TARGET, policy=replace(POLICY, poll_interval=3600.0))
    sampler.track(slow)
    await asyncio.wait_for(fake.asleep.wait(), 60)
    fake.now += 3600
    assert background.supervisor.problem() == ""  # its first reading is due by now
    sampler.forget(KEY)

    fake.until = fake.now + 10
    sampler.track(TARGET)
    await settles("a reading waits for a thread", lambda: crowd.waiting)
    fake.now += 3600
    assert background.supervisor.problem() == ""
    crowd.waiting[0]()
    fake.now += 299
    assert background.supervisor.problem() == ""
    fake.now += 2
    assert background.supervisor.problem() == "sampling of default/shop has made no turn for 301 s"
    await sampler.close()
