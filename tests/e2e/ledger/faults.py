"""The faults, each with an entry in the books of what it has destroyed."""

import os
import random
import signal
from collections import Counter
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient, NewTopic

from tests.e2e.ledger import segments
from tests.e2e.ledger.database import LedgerDatabase
from tests.e2e.ledger.run import PARTITIONS, PipelineRun
from tests.e2e.ledger.verdict import Books, LogRecord
from tests.support.waiting import wait_until

MAX_CUT: Final = 2048
"""Bytes of a partition's log, about 15 orders."""


class Faults:
    """`counts` has how often each was made, `to_be_stored_again` how many orders restores have removed from the
    database and not from the log."""

    def __init__(self, run: PipelineRun, database: LedgerDatabase, books: Books) -> None:
        self._run = run
        self._database = database
        self._books = books
        self._deleted: set[Path] = set()
        self._faults: Mapping[str, Callable[[], None]] = {
            "consumer": self._consumer_killed,
            "everything": self._everything_killed,
            "cut": self._logs_cut,
            "restore": self._database_restored,
            "topic": self._topic_made_anew,
        }
        self.names = tuple(self._faults)
        self.counts: Counter[str] = Counter()
        self.to_be_stored_again = 0

    def make(self, name: str) -> None:
        """Make one fault; returns when orders can be taken again."""
        self._faults[name]()
        self.counts[name] += 1

    def _consumer_killed(self) -> None:
        os.kill(random.choice(self._run.processes("orderpipeline_consumer")), signal.SIGKILL)

    def _everything_killed(self) -> None:
        self._run.kill()
        self._run.start()

    def _logs_cut(self) -> None:
        """A power cut: the ends of the orders' logs and of the group's commits were not on the disk yet."""
        self._run.kill()
        destroyed: list[LogRecord] = []
        for folder in self._run.logs.glob("orders-?"):
            destroyed += segments.cut(folder, random.randrange(MAX_CUT))
        self._books.log_destroyed(destroyed, self._database.read())
        self._run.start()

    def _database_restored(self) -> None:
        self._database.wait_for_more_than_backed_up(100)
        self.to_be_stored_again += self._books.database_restored(*self._database.restore())

    def _topic_made_anew(self) -> None:
        """At once and under load, when the consumers have stored what the topic held a moment before, so that little
        is excused. What it held in the end is read from its folders, which stay for a minute."""
        records = segments.read_topic(self._run.logs)
        wait_until("the consumers have caught up", lambda: self._database.passed(records), every=0.2)
        admin = AdminClient({"bootstrap.servers": self._run.bootstrap})
        admin.delete_topics(["orders"])["orders"].result(60)

        def create() -> bool:
            admin.create_topics([NewTopic("orders", PARTITIONS, 1)])["orders"].result(60)
            return True

        wait_until("the topic is there again", create, tolerate=(KafkaException,))

        def deleted() -> set[Path]:
            found = set(self._run.logs.glob("orders-?.*-delete")) - self._deleted
            return found if len(found) == PARTITIONS else set()

        folders = wait_until("the logs of the deleted topic are set aside", deleted, seconds=30)
        self._deleted |= folders
        destroyed = [each for folder in folders for each in segments.read_folder(folder)]
        self._books.log_destroyed(destroyed, self._database.read())
