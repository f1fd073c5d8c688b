"""Keys that are remembered."""

import pytest

from orderpipeline_producer.api import used_keys as module
from orderpipeline_producer.api.used_keys import UsedKeys
from orderpipeline_producer.web.problems import Problem


def test_a_key_belongs_to_one_order_of_one_client() -> None:
    keys = UsedKeys()
    keys.check("shop", "key", "id-1")
    keys.add("shop", "key", "id-1")
    keys.check("shop", "key", "id-1")
    keys.check("other", "key", "id-2")
    with pytest.raises(Problem) as caught:
        keys.check("shop", "key", "id-2")
    assert (caught.value.status, caught.value.field) == (422, "Idempotency-Key")
    assert "'key'" in caught.value.detail
    keys.remove("shop", "key")
    keys.check("shop", "key", "id-2")


def test_the_key_used_longest_ago_is_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_KEYS", 2)
    keys = UsedKeys()
    for key in ("a", "b", "a", "c"):
        keys.add("shop", key, "id-1")
    keys.check("shop", "b", "id-2")
    with pytest.raises(Problem):
        keys.check("shop", "a", "id-2")
