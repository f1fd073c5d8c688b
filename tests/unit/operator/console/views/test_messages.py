import json

from hypothesis import given
from hypothesis import strategies as st

from orderpipeline_common.contract import Header
from orderpipeline_operator.console.views.messages import HIDDEN, MAX_SHOWN, Message, shown

ORDER = {"order_id": "o-1", "customer_id": "anna@example.org", "items": [{"card": {"number": "4111"}, "sku": "x"}]}
FIELDS = ("customer_id", "card.number")


def message(value: object, **more: object) -> Message:
    raw = value if isinstance(value, bytes) else json.dumps(value).encode()
    return Message(0, 7, 1000, b"anna@example.org", raw, **more)  # type: ignore[arg-type]


def test_fields_are_hidden_by_name_at_any_depth_and_by_path():
    page = shown(message(ORDER), ("customer_id", "number"))
    assert json.loads(page["value"])["items"] == [{"card": {"number": HIDDEN}, "sku": "x"}]
    assert json.loads(shown(message({"card": {"number": "4111"}}), ("card.number",))["value"]) == {
        "card": {"number": HIDDEN}
    }
    assert json.loads(shown(message({"number": 3}), ("card.number",))["value"]) == {"number": 3}


def test_the_key_is_hidden_with_its_field_and_shown_otherwise():
    assert shown(message(ORDER), FIELDS)["key"] == HIDDEN
    assert shown(message(ORDER), ())["key"] == "anna@example.org"
    assert json.loads(shown(message(ORDER), ())["value"]) == ORDER


def test_the_reason_of_a_dead_letter_does_not_repeat_what_is_hidden():
    headers = (
        (Header.ERROR, b"ValueError: anna@example.org has no card 4111"),
        (Header.ATTEMPTS, b"5"),
        ("x", b"anna"),
    )
    page = shown(message(ORDER, headers=headers), ("customer_id", "number"))
    assert page["error"] == f"ValueError: {HIDDEN} has no card {HIDDEN}"
    assert page["headers"] == {Header.ATTEMPTS: "5", "x": "(4 bytes)"}


def test_what_is_no_json_is_not_shown_while_fields_are_hidden():
    assert "anna" not in shown(message(b"anna@example.org;3"), FIELDS)["value"]
    assert shown(message(b"anna@example.org;3"), ())["value"] == "anna@example.org;3"
    assert "not JSON" in shown(message(b"[" * 100_000), FIELDS)["value"]
    assert shown(Message(0, 0, None, None, None), FIELDS)["value"] == ""


def test_long_values_are_cut_and_the_rest_is_counted():
    page = shown(message({"note": "x" * 20_000}), FIELDS)
    assert len(page["value"]) == MAX_SHOWN
    assert page["more"] == len(json.dumps({"note": "x" * 20_000}, indent=1)) - MAX_SHOWN


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["customer_id", "a", "b"]), inner, max_size=3)
    ),
    max_leaves=12,
)


@given(values)
def test_no_value_of_a_hidden_field_is_left_at_any_depth(value):
    def left(found):
        if isinstance(found, list):
            return [one for each in found for one in left(each)]
        if isinstance(found, dict):
            own = [found["customer_id"]] if "customer_id" in found else []
            return own + [one for name, each in found.items() if name != "customer_id" for one in left(each)]
        return []

    page = shown(message(value), ("customer_id",))
    if not page["more"]:
        assert set(left(json.loads(page["value"]))) <= {HIDDEN}
