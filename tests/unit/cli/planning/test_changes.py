"""What counts as a change, and how a plan is shown."""

from typing import Any

from orderpipeline_cli.planning.changes import Change, Plan, change, owned, significant, with_unread
from orderpipeline_cli.planning.wording import as_value, summary, text
from orderpipeline_operator.domain.kubernetes.kinds import DEPLOYMENT, KAFKA, SERVICE, TOPIC, Kind, Manifest, Ref
from orderpipeline_operator.domain.kubernetes.names import HASH_ANNOTATION, SECRETS_ANNOTATION

SERVED = {"uid": "u", "resourceVersion": "7", "generation": 2, "creationTimestamp": "t", "managedFields": [1]}


def ref(kind: Kind, name: str = "shop-orders") -> Ref:
    return Ref(kind, "web", name)


def manifest(kind: Kind, spec: Any, annotations: dict[str, str] | None = None, **metadata: Any) -> Manifest:
    meta: Manifest = {"name": "shop-orders", **metadata}
    if annotations:
        meta["annotations"] = annotations
    return {"apiVersion": kind.api_version, "kind": kind.kind, "metadata": meta, "spec": spec}


def test_what_the_api_server_and_tools_write_is_no_change() -> None:
    before = {**manifest(SERVICE, {"a": 1}, {HASH_ANNOTATION: "1"}, **SERVED), "status": {"x": 1}}
    after = manifest(SERVICE, {"a": 1}, {HASH_ANNOTATION: "2"})
    assert change(ref(SERVICE), before, after) is None


def test_each_kind_of_change() -> None:
    one, two = manifest(TOPIC, {"partitions": 12}), manifest(TOPIC, {"partitions": 24})
    actions = [change(ref(TOPIC), *pair) for pair in ((None, one), (one, two), (one, None))]
    assert [each.action for each in actions if each] == ["create", "change", "delete"]
    assert [each.note for each in actions if each] == ["", "", "its records stay in Kafka"]


def test_what_follows_is_said() -> None:
    pods = [manifest(DEPLOYMENT, {"replicas": 2, "template": {"image": image}}) for image in ("a", "b")]
    made = change(ref(DEPLOYMENT), *pods)
    assert made is not None
    assert "pods are replaced" in made.note
    scaled = change(ref(DEPLOYMENT), pods[0], {**pods[0], "spec": {**pods[0]["spec"], "replicas": 3}})
    assert scaled is not None
    assert scaled.note == ""
    kafka = change(ref(KAFKA), manifest(KAFKA, {"a": 1}), manifest(KAFKA, {"a": 2}))
    assert kafka is not None
    assert "restarts brokers" in kafka.note


def test_only_what_is_rendered_is_compared_where_the_server_may_not_be_asked() -> None:
    live = {"spec": {"ports": [{"port": 80, "nodePort": 1}], "clusterIP": "10.0.0.1"}, "status": {}}
    wanted = {"spec": {"ports": [{"port": 81}]}}
    assert owned(live, wanted) == {"spec": {"ports": [{"port": 80}]}}


def test_digests_of_secrets_are_the_live_ones() -> None:
    template = {"metadata": {"annotations": {SECRETS_ANNOTATION: "digest"}}}
    live = manifest(DEPLOYMENT, {"template": template})
    rendered = manifest(DEPLOYMENT, {"template": {"metadata": {"labels": {"a": "b"}}}})
    found = with_unread(rendered, live)
    assert found["spec"]["template"]["metadata"] == {"labels": {"a": "b"}, **template["metadata"]}
    assert with_unread(rendered, None) == rendered


def test_keda_s_key_is_the_live_one() -> None:
    def scaled(key: str, limit: int) -> Manifest:
        triggers = [{"type": "metrics-api", "metadata": {"apiKey": key}}]
        return {"kind": "ScaledObject", "metadata": {"name": "x"}, "spec": {"max": limit, "triggers": triggers}}

    assert with_unread(scaled("zeros", 2), scaled("real", 1)) == scaled("real", 2)


def plan() -> Plan:
    one, two = manifest(TOPIC, {"partitions": 12}), manifest(TOPIC, {"partitions": 24})
    made = (
        Change("change", ref(TOPIC), significant(one), significant(two)),
        Change("create", ref(SERVICE, "shop-producer"), None, significant(manifest(SERVICE, {"port": 80}))),
    )
    return Plan("shop", "web", made, ("Ingress web/shop: no",), ("A note.",))


def test_a_plan_as_text() -> None:
    shown = text(plan())
    assert "~ KafkaTopic web/shop-orders\n" in shown
    assert "\n    -  partitions: 12\n    +  partitions: 24\n" in shown
    assert "+ Service web/shop-producer\n" in shown
    assert "+  port: 80" not in shown
    assert "! Ingress web/shop: no\n" in shown
    assert shown.endswith("OrderPipeline web/shop: 1 to create, 1 to change. Nothing has been written.\n")
    assert "+  port: 80" in text(plan(), full=True)


def test_a_plan_as_a_value() -> None:
    value = as_value(plan())
    assert [(each["action"], each["kind"]) for each in value["changes"]] == [
        ("change", "KafkaTopic"),
        ("create", "Service"),
    ]
    assert "+  partitions: 24" in value["changes"][0]["diff"]
    assert value["refusals"] == ["Ingress web/shop: no"]


def test_nothing_to_do() -> None:
    assert summary(Plan("shop", "web", ())) == "OrderPipeline web/shop: nothing would change."
