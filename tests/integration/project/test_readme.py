"""The README's commands give the README's replies, from the real order API with its default limits and a real Kafka."""

import json
import re
import subprocess
import uuid
from collections.abc import Iterator

import pytest

from tests.support.broker import Broker
from tests.support.helm import ROOT
from tests.support.producer_process import Producer, running

pytestmark = pytest.mark.integration
EXAMPLES = re.findall(r"^\$ (curl .+?)\n(\{.+?\})$", (ROOT / "README.md").read_text(), re.MULTILINE | re.DOTALL)
HOST = "http://shop.localhost:8080"


@pytest.fixture(scope="module")
def api(broker: Broker, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Producer]:
    topic = broker.create_topic(f"readme-{uuid.uuid4().hex}", 3)
    with running(broker, topic, tmp_path_factory.mktemp("readme")) as producer:
        yield producer


def test_the_readme_has_an_order_a_batch_and_a_refusal() -> None:
    assert len(EXAMPLES) == 3


@pytest.mark.parametrize(("command", "reply"), EXAMPLES, ids=["order", "batch", "refusal"])
def test_curl_gets_what_the_readme_says(api: Producer, command: str, reply: str) -> None:
    assert HOST in command
    here = command.replace(HOST, f"http://127.0.0.1:{api.port}")
    done = subprocess.run(["bash", "-c", f"{here} -sS -m 60"], capture_output=True, text=True, check=True)
    got, said = json.loads(done.stdout), json.loads(reply)
    if "order_id" in said:
        assert uuid.UUID(got.pop("order_id")).version == uuid.UUID(said.pop("order_id")).version == 7
    assert got == said
    assert list(got) == list(said)
