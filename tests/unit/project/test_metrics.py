"""docs/metrics.md is what the code declares, and the declarations follow the conventions of Prometheus."""

import re
import subprocess
import sys

import pytest

from hack.structure import ROOT
from orderpipeline_common.contract import Metric
from orderpipeline_common.metric_family import Family
from orderpipeline_consumer.metrics import FAMILIES as CONSUMER
from orderpipeline_operator.runtime.families import FAMILIES as OPERATOR
from orderpipeline_producer.metrics import FAMILIES as PRODUCER

DECLARED = {family.name: family for family in (*PRODUCER, *CONSUMER, *OPERATOR)}


def test_the_page_is_fresh() -> None:
    command = [sys.executable, str(ROOT / "hack" / "gen-metrics"), "--check"]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr


def test_no_program_declares_a_metric_twice_and_all_have_a_name_in_the_contract() -> None:
    for families in (PRODUCER, CONSUMER, OPERATOR):
        assert len({family.name for family in families}) == len(families)
    assert set(DECLARED) == {value for key, value in vars(Metric).items() if key.isupper()}


@pytest.mark.parametrize("family", DECLARED.values(), ids=DECLARED)
def test_names_follow_the_conventions(family: Family) -> None:
    assert re.fullmatch(r"orderpipeline(_[a-z]+)+", family.name)
    assert not family.name.endswith(("_total", "_bucket", "_count", "_sum")), "the type appends that"
    assert all(re.fullmatch(r"[a-z]+(_[a-z]+)*", label) for label in family.labels)
    assert not {"job", "instance", "le", "quantile"} & set(family.labels)
    if family.type == "histogram" or family.unit in ("seconds", "Unix seconds"):
        assert family.name.endswith("_seconds"), "times are in seconds, and the name says so"
    assert ("_bytes" in family.name) == (family.unit == "bytes")
    assert family.help.endswith(".")


def test_a_family_cannot_be_used_as_another_type() -> None:
    with pytest.raises(TypeError, match="declared as a counter"):
        Family("orderpipeline_x", "counter", "X.", "").values()
