"""The allow list of metrics, applied to what a real broker exported (kafka_metrics.tsv)."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from orderpipeline_operator.domain.manifests.kafka_metrics import ALLOW_LIST

RECORD = Path(__file__).parent / "kafka_metrics.tsv"
PARTITIONS = 63
"""12 of the topic, 50 of the consumer offsets, 1 of the metadata."""


class Family(NamedTuple):
    """A family of series and the number of them."""

    name: str
    labels: tuple[str, ...]
    series: int

    @property
    def allowed(self) -> bool:
        """Whether the reporter exports it: it compares names before it appends a suffix, and spares the JVM's."""
        allow = "|".join(f"({entry})" for entry in ",".join(ALLOW_LIST).split(","))
        bare = self.name.removesuffix("_total").removesuffix("_info")
        return not self.name.startswith("kafka_") or re.fullmatch(allow, bare) is not None


def recorded() -> Iterator[Family]:
    for line in RECORD.read_text().splitlines():
        if not line.startswith("#"):
            name, _, labels, series = line.split("\t")
            yield Family(name, tuple(labels.split(",")), int(series))


def test_a_broker_exports_few_series_besides_those_of_its_partitions() -> None:
    exported = [family for family in recorded() if family.allowed]
    by_partition = sum(family.series for family in exported if "partition" in family.labels)
    assert sum(family.series for family in exported) - by_partition < 800
    assert by_partition <= 6 * PARTITIONS
    assert sum(family.series for family in recorded()) == 7382


@pytest.mark.parametrize("entry", ALLOW_LIST)
def test_every_entry_finds_something(entry: str) -> None:
    names = {family.name.removesuffix("_total").removesuffix("_info") for family in recorded()}
    one_node_has_none = "kafka_server_fetcherlagmetrics_consumerlag"
    assert entry == one_node_has_none or any(re.fullmatch(entry, name) for name in names)


@pytest.mark.parametrize(
    "name",
    [
        "kafka_controller_kafkacontroller_activecontrollercount",
        "kafka_controller_kafkacontroller_offlinepartitionscount",
        "kafka_controller_controllerstats_uncleanleaderelectionspersec_total",
        "kafka_log_log_logendoffset",
        "kafka_log_log_size",
        "kafka_log_logmanager_offlinelogdirectorycount",
        "kafka_network_requestmetrics_errorspersec_total",
        "kafka_network_socketserver_networkprocessoravgidlepercent",
        "kafka_server_brokertopicmetrics_bytesinpersec_total",
        "kafka_server_brokertopicmetrics_messagesinpersec_total",
        "kafka_server_group_coordinator_metrics_consumer_group_count",
        "kafka_server_group_coordinator_metrics_group_completed_rebalance_rate",
        "kafka_server_kafkarequesthandlerpool_requesthandleravgidlepercent_total",
        "kafka_server_kafkaserver_brokerstate",
        "kafka_server_raft_metrics_current_state_info",
        "kafka_server_replicafetchermanager_maxlag",
        "kafka_server_replicamanager_underminisrpartitioncount",
        "kafka_server_replicamanager_underreplicatedpartitions",
        "kafka_server_socket_server_metrics_connection_count",
        "jvm_memory_used_bytes",
    ],
)
def test_what_alerts_and_dashboards_ask_for_is_exported(name: str) -> None:
    (family,) = (family for family in recorded() if family.name == name)
    assert family.allowed
