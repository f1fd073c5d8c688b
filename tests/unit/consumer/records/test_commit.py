"""What a commit says besides its offset survives Kafka, and foreign commits say nothing."""

import pytest

from orderpipeline_consumer.records.commit import Commit, read_commit
from orderpipeline_consumer.records.log_position import LogPosition

AT = LogPosition(7, 2)


@pytest.mark.parametrize("commit", [Commit(AT, "eMadwumqTaWTiyH4fcagVQ"), Commit(AT, "id", 0), Commit(AT, "id", 12)])
@pytest.mark.parametrize("end", ["", "\0"])
def test_a_commit_is_read_as_it_was_written(commit: Commit, end: str) -> None:
    assert read_commit(AT, commit.metadata + end) == commit


@pytest.mark.parametrize(
    "metadata", [None, "", "x", "topic=id", "orderpipeline", "orderpipeline topic", "other topic=id"]
)
def test_foreign_metadata_says_nothing(metadata: str | None) -> None:
    assert read_commit(AT, metadata) == Commit(AT)


def test_a_damaged_number_is_unknown() -> None:
    assert read_commit(AT, "orderpipeline topic=id stored=-3") == Commit(AT, "id")
