"""The merge of maps and lists, and that it never changes what it is given."""

import copy
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from orderpipeline_operator.domain.manifests.strategic_merge import MERGE_KEYS, strategic_merge

NAMES = st.sampled_from(["a", "b", "c"])
SCALARS = st.one_of(st.booleans(), st.integers(0, 9), st.sampled_from(["x", "y", ""]))


def _entries(key: str) -> st.SearchStrategy[list[dict[str, Any]]]:
    one = st.fixed_dictionaries({key: NAMES}, optional={"value": SCALARS, "other": SCALARS})
    return st.lists(one, max_size=3, unique_by=lambda entry: entry[key])


KEYED = {field: _entries(key) for field, key in MERGE_KEYS.items()}
LEAVES = st.fixed_dictionaries(
    {}, optional={"workingDir": SCALARS, "args": st.lists(SCALARS, max_size=2), "tolerations": _entries("key")}
)
PARTS = st.builds(
    lambda *parts: {k: v for p in parts for k, v in p.items()}, LEAVES, st.fixed_dictionaries({}, optional=KEYED)
)
DOCUMENTS = st.fixed_dictionaries({}, optional={"metadata": PARTS, "spec": PARTS, "kind": SCALARS})


@given(DOCUMENTS)
def test_nothing_changes_nothing(base: dict[str, Any]) -> None:
    assert strategic_merge(base, {}) == base
    assert strategic_merge({}, base) == base
    assert strategic_merge(base, base) == base


@given(DOCUMENTS, DOCUMENTS)
def test_merging_twice_is_merging_once_and_changes_neither(base: dict[str, Any], patch: dict[str, Any]) -> None:
    before = copy.deepcopy((base, patch))
    once = strategic_merge(base, patch)
    assert strategic_merge(once, patch) == once
    assert (base, patch) == before


@given(DOCUMENTS, DOCUMENTS)
def test_lists_are_merged_by_their_key_and_the_patch_wins(base: dict[str, Any], patch: dict[str, Any]) -> None:
    merged = strategic_merge(base, patch)
    for part in ("metadata", "spec"):
        for field, key in MERGE_KEYS.items():
            old, new = (document.get(part, {}).get(field, []) for document in (base, patch))
            made = merged.get(part, {}).get(field, [])
            keys = [entry[key] for entry in made]
            assert keys == list(dict.fromkeys(entry[key] for entry in (*old, *new))), "each once, ours first"
            for entry in made:
                before = next((each for each in old if each[key] == entry[key]), {})
                after = next((each for each in new if each[key] == entry[key]), {})
                assert entry == {**before, **after}
        for field in ("args", "tolerations"):
            expected = patch.get(part, {}).get(field, base.get(part, {}).get(field))
            assert merged.get(part, {}).get(field) == expected


def test_two_entries_with_one_key_are_left_to_the_api_server() -> None:
    base = {"topologySpreadConstraints": [{"topologyKey": "zone", "maxSkew": 1}]}
    patch = {
        "topologySpreadConstraints": [{"topologyKey": "zone", "maxSkew": 2}, {"topologyKey": "zone", "maxSkew": 3}]
    }
    assert strategic_merge(base, patch) == patch
    assert strategic_merge({"env": [{"name": "A"}]}, {"env": ["A", 3]}) == {"env": [{"name": "A"}, "A", 3]}
