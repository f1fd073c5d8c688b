"""Which of Kafka's metrics a broker exports through the Strimzi Metrics Reporter."""

from typing import Final

ALLOW_LIST: Final = (
    # controllers
    "kafka_controller_(controllereventmanager|controllerstats|kafkacontroller)_.*",
    "kafka_server_(broker_metadata|raft)_metrics_.*",
    "kafka_server_(metadataloader|snapshotemitter)_.*",
    # partitions and disks
    "kafka_log_log_(logendoffset|logstartoffset|numlogsegments|size)",
    "kafka_log_(logcleaner|logcleanermanager|logflushstats|logmanager)_.*",
    # replication
    "kafka_server_(replicaalterlogdirsmanager|replicafetchermanager|replicamanager)_.*",
    "kafka_server_fetcherlagmetrics_consumerlag",
    # traffic, by topic too
    "kafka_server_brokertopicmetrics_.*",
    "kafka_network_requestmetrics_(errorspersec|requestspersec)",
    # load
    "kafka_network_(acceptor|processor|requestchannel|socketserver)_.*",
    "kafka_server_(kafkarequesthandlerpool|kafkaserver)_.*",
    "kafka_server_(delayedfetchmetrics|delayedoperationpurgatory|delayedproducemetrics|fetchsessioncache)_.*",
    # clients
    "kafka_server_socket_server_metrics_connection_(close_rate|count|creation_rate)",
    "kafka_server_socket_server_metrics_(expired_connections_killed_count|failed_(re)?authentication_rate)",
    "kafka_server_(fetch|produce|request)_(byte_rate|queue_size|request_time|throttle_time)",
    # groups
    "kafka_server_group_coordinator_metrics_(consumer_group|group|event_queue|offset_commit|partition_load_time)_.*",
    "kafka_server_group_coordinator_metrics_(num_partitions|thread_idle_ratio_avg)",
    "kafka_server_transaction_coordinator_metrics_.*",
)
"""Regular expressions for whole names, without the `_total` and `_info` that the reporter appends. None may contain a
comma, which separates them in the broker's configuration. They name families rather than prefixes: a broker has eight
quantiles of nine timings for each of 93 kinds of requests, which is 6,700 of its 7,400 series. The reporter exports the
JVM's own metrics in addition."""
