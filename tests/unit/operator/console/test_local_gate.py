import pytest

from orderpipeline_operator.console.local_gate import LocalGate
from orderpipeline_operator.console.source import DeniedError


@pytest.mark.parametrize("host", ["127.0.0.1:8090", "localhost:8090", "localhost", "[::1]:8090", "LOCALHOST:1"])
async def test_this_machine_is_let_in(host):
    viewer = await LocalGate().viewer({}, host)
    assert await viewer.may_see(["a"]) == {"a"}


@pytest.mark.parametrize(
    "host", ["", "evil.example", "evil.example:8090", "127.0.0.1.evil.example:8090", "10.0.0.1:8090"]
)
async def test_names_of_others_are_refused(host):
    with pytest.raises(DeniedError):
        await LocalGate().viewer({}, host)
