"""Events of ScaledObjects: KEDA writes their status at every poll, which is no reason to look at a pipeline."""

from typing import Any

from orderpipeline_operator.handlers import News


def scaled(active: str, at: str, generation: int = 1) -> dict[str, Any]:
    status = {"lastActiveTime": at, "conditions": [{"type": "Active", "status": active}]}
    return {"kind": "ScaledObject", "metadata": {"uid": "u", "generation": generation}, "status": status}


def test_only_what_changed_in_substance_is_news() -> None:
    news = News()
    assert news.worth(None, scaled("True", "1"))
    assert not news.worth("MODIFIED", scaled("True", "2"))
    assert news.worth("MODIFIED", scaled("False", "2"))
    assert news.worth("MODIFIED", scaled("False", "2", generation=2))
    assert not news.worth("MODIFIED", scaled("False", "3", generation=2))
    assert news.worth("DELETED", scaled("False", "3", generation=2))
    assert news.worth("ADDED", scaled("False", "3", generation=2))


def test_other_kinds_are_always_news() -> None:
    news, other = News(), {"kind": "Deployment", "metadata": {"uid": "d"}}
    assert news.worth("MODIFIED", other)
    assert news.worth("MODIFIED", other)
