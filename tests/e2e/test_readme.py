"""The README's commands give the README's replies."""

import json
import re
import subprocess

import pytest

from tests.e2e.cluster import ROOT, Cluster, wait_until

pytestmark = pytest.mark.e2e
EXAMPLES = re.findall(r"^\$ (curl .+?)\n(\{.+?\})$", (ROOT / "README.md").read_text(), re.MULTILINE | re.DOTALL)


def test_there_are_examples() -> None:
    assert len(EXAMPLES) == 3


@pytest.mark.parametrize(("command", "reply"), EXAMPLES, ids=["one", "batch", "refused"])
def test_curl_gets_what_the_readme_says(cluster: Cluster, command: str, reply: str) -> None:
    wait_until("shop is settled", cluster.settled, seconds=180, every=2)
    done = subprocess.run(["bash", "-c", f"{command} -sS -m 20"], capture_output=True, text=True, check=True)
    got, said = json.loads(done.stdout), json.loads(reply)
    if "order_id" in said:
        assert len(got.pop("order_id")) == len(said.pop("order_id"))
    assert got == said
    assert list(got) == list(said)


def test_the_columns_are_those_of_the_readme(cluster: Cluster) -> None:
    header = re.search(r"^NAME .*$", (ROOT / "README.md").read_text(), re.MULTILINE)
    assert header
    assert cluster.kubectl("get", "orderpipelines").splitlines()[0].split() == header[0].split()
