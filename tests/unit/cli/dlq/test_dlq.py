"""Dead letters from the command line: options, words, and the pod that reads them."""

from datetime import UTC, datetime
from typing import Any

import pytest

from orderpipeline_cli.__main__ import main
from orderpipeline_cli.cluster.dead_letter_pod import answers, parsed
from orderpipeline_cli.dlq.manifests import kafka_user, pod
from orderpipeline_cli.dlq.selection import Selection
from orderpipeline_cli.dlq.wording import done, listed, row
from orderpipeline_cli.exits import CommandError, Exit, UsageError
from orderpipeline_common.contract import Env
from orderpipeline_operator.domain.api.v1alpha1 import OrderPipelineSpec
from orderpipeline_operator.domain.kubernetes.kinds import Manifest
from tests.unit.operator.domain.manifests.specs import SPECS, bundle

NOW = datetime(2026, 11, 30, 12, tzinfo=UTC)
PIPELINE: Manifest = {"metadata": {"name": "shop", "namespace": "store", "uid": "7d1c"}, "spec": {}}


def test_options_become_a_request() -> None:
    chosen = Selection("KeyError", "c-1", ("0:17", "1:2-5"), "2h", "2026-11-30T11:00:00+01:00")
    assert chosen.as_value(NOW) == {
        "reason": "KeyError",
        "customer": "c-1",
        "offsets": [(0, 17, 17), (1, 2, 5)],
        "since": int(NOW.timestamp() - 7200) * 1000,
        "until": int(NOW.timestamp() - 7200) * 1000,
    }
    assert not chosen.empty
    assert Selection().empty


@pytest.mark.parametrize(
    ("chosen", "says"),
    [
        (Selection(offset=("17",)), "PARTITION:OFFSET"),
        (Selection(since="yesterday"), "--since"),
        (Selection(until="1 h"), "--until"),
    ],
)
def test_options_that_are_wrong(chosen: Selection, says: str) -> None:
    with pytest.raises(UsageError, match=says):
        chosen.as_value(NOW)


def test_all_are_dropped_on_demand_only(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["dlq", "drop", "shop"]) == Exit.USAGE
    assert "--all" in capsys.readouterr().err


def test_a_letter_in_a_list() -> None:
    letter = {
        "partition": 1, "offset": 7, "timestamp": 0, "customer": "c-1", "attempts": "5", "error": "ValueError:\nbad",
        "handled": True,
    }  # fmt: skip
    assert row(letter).split() == ["1:7", "1970-01-01T00:00:00Z", "c-1", "5", "(done)", "ValueError:", "bad"]
    assert row({**letter, "error": "x" * 500}).endswith("x...")


def test_words() -> None:
    result = {"matched": 3, "done": 2, "before": 1}
    shown = listed(result, {"ValueError": 2, "": 1}, shown=3, every=False)
    assert shown.startswith("3 letters: 2 ValueError, 1 without a reason; 1 more has been")
    assert "more" not in listed(result, {}, shown=3, every=True)
    assert "the first 2 are shown" in listed(result, {}, shown=2, every=True)
    assert done("replay", result, dry_run=False) == "2 letters replayed; 1 had been replayed or dropped before"
    assert done("drop", result, dry_run=True).startswith("3 letters would be dropped")


def consumers(spec: str) -> Manifest:
    found = bundle(SPECS[spec]).manifests()
    return next(one for one in found if one["kind"] == "Deployment" and one["metadata"]["name"] == "shop-consumer")


@pytest.mark.parametrize("spec", [name for name in SPECS if name != "trial"])
def test_the_pod_reaches_kafka_as_the_consumers_do(spec: str) -> None:
    deployment = consumers(spec)
    model = OrderPipelineSpec.model_validate(SPECS[spec])
    own = kafka_user(PIPELINE, model) is not None
    assert own == (model.kafka.existing is None)
    made = pod(PIPELINE, deployment, "{}", "abc", own_user=own)
    template = deployment["spec"]["template"]["spec"]
    main_container, container = made["spec"]["containers"][0], template["containers"][0]
    assert main_container["image"] == container["image"]
    assert main_container["securityContext"] == container["securityContext"]
    assert made["spec"]["securityContext"] == template["securityContext"]
    variables = {entry["name"]: entry for entry in main_container["env"]}
    theirs = {entry["name"]: entry for entry in container["env"]}
    changed = {name for name, entry in variables.items() if entry != theirs[name]}
    assert changed == ({Env.SASL_USERNAME} if own else set())
    assert {Env.TOPIC, Env.GROUP, Env.DEAD_LETTER_TOPIC, Env.BOOTSTRAP_SERVERS} <= set(variables)
    volumes = made["spec"]["volumes"]
    assert {mount["name"] for mount in main_container["volumeMounts"]} == {one["name"] for one in volumes}
    secrets = {one["secret"]["secretName"] for one in volumes if "secret" in one}
    assert ("shop-dead-letters" in secrets) == own
    assert not any("sink" in one["name"] for one in volumes)
    assert made["metadata"]["ownerReferences"][0]["uid"] == "7d1c"


async def test_at_a_standby_nothing_is_replayed() -> None:
    standby = OrderPipelineSpec.model_validate(SPECS["standby"])
    user = kafka_user(PIPELINE, standby)
    assert user is not None
    acls = user["spec"]["authorization"]["acls"]
    assert not [acl for acl in acls if "Write" in acl["operations"]], "only the mirror writes orders"
    nobody: Any = None
    with pytest.raises(CommandError, match="active side"):
        await anext(answers(nobody, {**PIPELINE, "spec": SPECS["standby"]}, {"action": "replay"}))


def test_without_a_dead_letter_topic_there_is_nothing_to_read() -> None:
    with pytest.raises(CommandError, match=r"deadLetter\.enabled"):
        pod(PIPELINE, consumers("trial"), "{}", "abc", own_user=True)


@pytest.mark.parametrize(
    ("text", "answer"), [('{"dlq": {"a": 1}}', {"a": 1}), ("noise", None), ("[]", None), ('{"dlq": 1}', None)]
)
def test_the_answer_is_told_from_the_rest_of_a_log(text: str, answer: dict[str, Any] | None) -> None:
    assert parsed(text) == answer
