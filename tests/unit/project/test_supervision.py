"""Nothing runs in the background unseen: it is started by `background.py`, or is in the list below with the reason."""

import ast
import re
from collections.abc import Iterator
from typing import Final

import pytest

from hack.structure import ROOT, SOURCES
from orderpipeline_common import activities
from orderpipeline_common.supervision import Rule

STARTS: Final = frozenset(
    {
        "create_task", "ensure_future", "TaskGroup", "Thread", "Timer", "start_new_thread", "ThreadPoolExecutor",
        "ProcessPoolExecutor", "run_in_executor", "to_thread", "run_coroutine_threadsafe", "call_later", "call_at",
    }
)  # fmt: skip
"""Calls by which Python code starts something that goes on by itself."""

COMMON, OPERATOR = "services/common/orderpipeline_common", "operator/orderpipeline_operator"
PRODUCER, CONSUMER = "services/producer/orderpipeline_producer", "services/consumer/orderpipeline_consumer"
EMBEDDED = "services/embedded/orderpipeline_embedded"

ALLOWED: Final = {
    (f"{COMMON}/background.py", "create_task"): "supervised",
    (f"{COMMON}/background.py", "Thread"): "supervised",
    (f"{COMMON}/background.py", "call_later"): "supervised",
    (f"{OPERATOR}/tasks.py", "ensure_future"): "the block that starts them waits for them, and raises what they raise",
    (f"{OPERATOR}/runtime/side_loop.py", "create_task"): "the heartbeat of a supervised thread",
    (f"{OPERATOR}/runtime/side_loop.py", "run_coroutine_threadsafe"): "its caller waits for the result",
    (f"{OPERATOR}/adapters/kafka/dialing.py", "Thread"): "looks up one name; the reading waits for it with a deadline",
    (f"{OPERATOR}/adapters/kubernetes/cached_client.py", "ensure_future"): "waited for with a deadline",
    (f"{OPERATOR}/adapters/kubernetes/pipeline_watch.py", "create_task"): "kopf, which its supervised thread looks at",
    (f"{OPERATOR}/adapters/kubernetes/pipeline_watch.py", "to_thread"): "waited for with a deadline",
    (f"{OPERATOR}/console/live.py", "create_task"): "one look at the brokers, with deadlines; the next tick asks again",
    (f"{OPERATOR}/console/live.py", "to_thread"): "waited for by that look",
    (f"{OPERATOR}/console/web/server.py", "to_thread"): "waited for by the request, with a deadline",
    (f"{OPERATOR}/ticks.py", "call_at"): "the end of one sleep",
    (f"{OPERATOR}/sampling/sampler.py", "ensure_future"): "a supervised sampling waits for it",
    (f"{OPERATOR}/sampling/threads.py", "ThreadPoolExecutor"): "threads for readings",
    (f"{OPERATOR}/sampling/sampler.py", "run_in_executor"): "a supervised sampling waits for it",
    (f"{PRODUCER}/http/connection.py", "create_task"): "one request, which the connection's deadline ends",
    (f"{PRODUCER}/kafka/accelerated_client.py", "call_later"): "one look, which asks for another or ends as fatal",
    (f"{PRODUCER}/kafka/health.py", "ThreadPoolExecutor"): "a thread for requests",
    (f"{PRODUCER}/kafka/health.py", "run_in_executor"): "a supervised check waits for it",
    (f"{PRODUCER}/kafka/successor.py", "call_at"): "one attempt, which asks for another if it fails",
    (f"{PRODUCER}/kafka/successor.py", "run_in_executor"): "destroys what nobody uses any more",
    (f"{CONSUMER}/kafka/dispatcher_proxy.py", "run_coroutine_threadsafe"): "what it raises ends the process",
    (f"{CONSUMER}/kafka/commits.py", "Thread"): "one commit, which an activity of its own times",
    (f"{CONSUMER}/processing/dead_letters.py", "create_task"): "polls while dead letters are sent",
    (f"{CONSUMER}/processing/dispatcher.py", "call_later"): "one step, later",
    (f"{CONSUMER}/processing/tasks.py", "create_task"): "one piece of work: what it raises ends the process",
    (f"{CONSUMER}/service.py", "create_task"): "the block that starts it waits for it",
    (f"{EMBEDDED}/demo/demo.py", "create_task"): "reports how it ended",
    (f"{PRODUCER}/api/jwks.py", "to_thread"): "waited for, by an activity with a deadline",
    (f"{EMBEDDED}/demo/demo.py", "to_thread"): "waited for",
    (f"{EMBEDDED}/demo/replay.py", "create_task"): "the block that starts them waits for them",
    (f"{EMBEDDED}/demo/replay.py", "TaskGroup"): "the block that starts them waits for them",
    (f"{EMBEDDED}/run/lifecycle.py", "to_thread"): "waited for",
}

RUST: Final = {
    "services/accelerator/src/direct_producer.rs": "the sender, whose end is reported as a fatal error",
    "services/accelerator/src/kafka/pool.rs": "one attempt to connect, repeated if nothing comes of it",
}

RULES: Final = [
    rule
    for program in vars(activities).values()
    if isinstance(program, type) and program.__module__ == activities.__name__
    for rule in vars(program).values()
    if isinstance(rule, Rule)
]


def starts() -> Iterator[tuple[str, str]]:
    for folder in SOURCES:
        for path in (ROOT / folder).rglob("*.py"):
            for node in ast.walk(ast.parse(path.read_text())):
                if isinstance(node, ast.Call):
                    name = getattr(node.func, "attr", getattr(node.func, "id", ""))
                    if name in STARTS and not (name == "Timer" and isinstance(node.func, ast.Name)):  # ours is named so
                        yield path.relative_to(ROOT).as_posix(), name


def test_python_starts_nothing_unsupervised() -> None:
    assert set(starts()) == set(ALLOWED)


def test_rust_starts_nothing_unsupervised() -> None:
    spawns = re.compile(r"\bthread::(spawn|scope|Builder)\b")
    tests = ("tests.rs", "fake_brokers.rs", "tls_peer.rs")
    sources = [path for path in (ROOT / "services/accelerator/src").rglob("*.rs") if path.name not in tests]
    assert {path.relative_to(ROOT).as_posix() for path in sources if spawns.search(path.read_text())} == set(RUST)


def test_names_are_unique() -> None:
    assert len({rule.name for rule in RULES}) == len(RULES) > 5


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.name)
def test_each_name_is_in_use(rule: Rule) -> None:
    program, name = next(
        (kind.__name__, name)
        for kind in vars(activities).values()
        if isinstance(kind, type)
        for name, value in vars(kind).items()
        if value is rule
    )
    users = [path for folder in SOURCES for path in (ROOT / folder).rglob("*.py") if path.name != "activities.py"]
    assert any(f"{program}.{name}" in path.read_text() for path in users)
