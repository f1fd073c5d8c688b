"""Reconciles Kafka clusters with their Kafka and KafkaNodePool resources, one step per round."""

import base64
import logging
import secrets
import uuid
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Final

from confluent_kafka import KafkaException

from hack.standin import certs, check, model, pods, roll, status
from hack.standin.brokers import Address, Brokers
from hack.standin.kube import ApiError, Kube
from hack.standin.model import Cluster, Json

log = logging.getLogger("standin.clusters")
TIMEOUT_SECONDS: Final = 300.0


@dataclass
class Memory:
    """State between rounds: connections, what was applied last, since when pods have not been ready."""

    brokers: dict[tuple[str, str], Brokers] = field(default_factory=dict)
    applied: dict[tuple[str, str, str], Json] = field(default_factory=dict)
    unready_since: dict[tuple[str, str], datetime] = field(default_factory=dict)


def now_text(now: datetime) -> str:
    """An RFC 3339 time with nanoseconds, as Strimzi writes it."""
    return now.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%f") + "000Z"


class Clusters:
    """Reconciles Kafka and KafkaNodePool."""

    def __init__(self, kube: Kube) -> None:
        self._kube = kube
        self._memory = Memory()

    def round(self) -> None:
        """One round over all clusters; one that fails does not affect the others."""
        pools = self._kube.list("KafkaNodePool")
        for kafka in self._kube.list("Kafka"):
            if "deletionTimestamp" in kafka["metadata"]:
                continue
            try:
                self._one(kafka, [p for p in pools if p["metadata"]["namespace"] == kafka["metadata"]["namespace"]])
            except ApiError as error:  # such as in a namespace that is being deleted; the next round tries again
                log.warning("%s/%s: %s", kafka["metadata"]["namespace"], kafka["metadata"]["name"], error)
            except Exception:
                log.exception("%s/%s", kafka["metadata"]["namespace"], kafka["metadata"]["name"])

    def _one(self, kafka: Json, pools: list[Json]) -> None:
        now = datetime.now(UTC)
        generation = kafka["metadata"]["generation"]
        if model.paused(kafka):
            found: Json = {"conditions": [status.condition("ReconciliationPaused")], "observedGeneration": generation}
            self._write(kafka, {**self._remembered(kafka), **found}, now)
            return
        cluster = model.cluster(kafka, [pool for pool in pools if "deletionTimestamp" not in pool["metadata"]])
        problem = check.problem(cluster)
        if problem:
            conditions = (
                [*check.warnings(cluster), *status.failed(*problem)] if cluster.pools else status.failed(*problem)
            )
            found = {"conditions": conditions, "observedGeneration": generation}
            self._write(kafka, {**self._remembered(kafka), **found}, now)
            return
        self._bring_up(cluster, now)

    @staticmethod
    def _remembered(kafka: Json) -> Json:
        kept = ("clusterId", "kafkaVersion", "kafkaMetadataVersion", "operatorLastSuccessfulVersion", "kafkaNodePools")
        return {key: value for key, value in (kafka.get("status") or {}).items() if key in kept}

    def _bring_up(self, cluster: Cluster, now: datetime) -> None:
        before = cluster.kafka.get("status") or {}
        held = [before, *((pool.get("status") or {}) for pool in cluster.pools)]
        cluster_id = next((one["clusterId"] for one in held if one.get("clusterId")), None)
        cluster_id = cluster_id or base64.urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=")
        was_ready = any(one["type"] == "Ready" for one in before.get("conditions") or [])
        if not was_ready:
            self._write(cluster.kafka, status.kafka(cluster, "creating", before, cluster_id, ""), now)
        namespace = cluster.namespace
        found = {one["metadata"]["name"]: one for one in self._kube.list("Secret", namespace)}
        cas, make = certs.authorities(cluster, found, secrets.token_urlsafe(12), now)
        for resource in [*make, *certs.node_secrets(cluster, cas, found, now)]:
            self._kube.apply(resource)
            found[resource["metadata"]["name"]] = resource
        brokers = self._connect(cluster, cas, found)
        cluster, extra, in_sync, serving = self._observe(cluster, brokers)
        for pool in cluster.pools:
            self._write(pool, status.pool(cluster, pool, cluster_id), now)
        self._objects(cluster)
        done = self._pods(cluster, cluster_id, cas, in_sync)
        whole = {node.id for node in cluster.brokers} <= serving
        if done and whole:
            self._memory.unready_since.pop((namespace, cluster.name), None)
            ready = status.kafka(cluster, "ready", before, cluster_id, cas.cluster.cert, extra)
            self._write(cluster.kafka, {key: value for key, value in ready.items() if value is not None}, now)
            return
        self._late(cluster, now)

    def _late(self, cluster: Cluster, now: datetime) -> None:
        since = self._memory.unready_since.setdefault((cluster.namespace, cluster.name), now)
        if (now - since).total_seconds() > TIMEOUT_SECONDS:
            message = "Exceeded timeout of 300000ms while waiting for Pods to be ready"
            found = {"conditions": status.failed("TimeoutException", message)}
            found["observedGeneration"] = cluster.kafka["metadata"]["generation"]
            self._write(cluster.kafka, {**self._remembered(cluster.kafka), **found}, now)

    def _connect(self, cluster: Cluster, cas: certs.Authorities, found: dict[str, Json]) -> Brokers:
        own = found[f"{cluster.name}-cluster-operator-certs"]
        pair = (certs.decoded(own, "cluster-operator.crt"), certs.decoded(own, "cluster-operator.key"))
        bootstrap = f"{cluster.name}-kafka-bootstrap.{cluster.namespace}.svc:9091"
        address = Address(bootstrap, cas.cluster.cert, *pair)
        key = (cluster.namespace, cluster.name)
        if key not in self._memory.brokers or self._memory.brokers[key].address != address:
            self._memory.brokers[key] = Brokers(address)
        return self._memory.brokers[key]

    def _observe(self, cluster: Cluster, brokers: Brokers) -> tuple[Cluster, list[Json], bool, set[int]]:
        """The cluster without scale-downs that would lose partitions, warnings about those, in sync, live brokers."""
        serving, in_sync, holding = self._view(cluster, brokers) or (set(), False, None)
        keep, extra = check.blocked_scale_downs(cluster, holding)
        if keep:
            cluster = model.cluster(cluster.kafka, cluster.pools, keep)
        return cluster, extra, in_sync, serving

    def _view(self, cluster: Cluster, brokers: Brokers) -> tuple[set[int], bool, set[int]] | None:
        """The brokers' view of the cluster; None if none answers."""
        running = self._kube.list("Pod", cluster.namespace, f"{model.CLUSTER}={cluster.name},strimzi.io/kind=Kafka")
        if not any(roll.ready(pod) and model.label(pod, "strimzi.io/broker-role") == "true" for pod in running):
            return None
        try:
            return brokers.view()
        except KafkaException as error:
            log.info("%s/%s: brokers do not answer yet: %s", cluster.namespace, cluster.name, error)
            return None

    def _objects(self, cluster: Cluster) -> None:
        wanted = [*pods.services(cluster), pods.budget(cluster)]
        for node in cluster.nodes:
            wanted += [*pods.claims(cluster, node), pods.config_map(cluster, node)]
        there = {
            (one["kind"], one["metadata"]["name"])
            for kind in ("Service", "PodDisruptionBudget", "PersistentVolumeClaim", "ConfigMap")
            for one in self._kube.list(kind, cluster.namespace, f"{model.CLUSTER}={cluster.name}")
        }
        for resource in wanted:
            metadata = resource["metadata"]
            key = (cluster.namespace, resource["kind"], metadata["name"])
            if (resource["kind"], metadata["name"]) not in there or self._memory.applied.get(key) != resource:
                self._kube.apply(resource)
                self._memory.applied[key] = resource

    def _pods(self, cluster: Cluster, cluster_id: str, cas: certs.Authorities, in_sync: bool) -> bool:
        order = sorted(cluster.nodes, key=lambda node: (node.broker, node.id))  # controllers first
        manifests = {node.name: pods.pod(cluster, node, cluster_id, cas.digest) for node in order}
        selector = f"{model.CLUSTER}={cluster.name},strimzi.io/kind=Kafka"
        found = {pod["metadata"]["name"]: pod for pod in self._kube.list("Pod", cluster.namespace, selector)}
        step = roll.step({name: roll.revision(pod) for name, pod in manifests.items()}, found, in_sync)
        for name in step.make:
            log.info("creating pod %s/%s", cluster.namespace, name)
            self._kube.create(manifests[name])
        for name in step.stop:
            log.info("stopping pod %s/%s", cluster.namespace, name)
            self._kube.delete("Pod", cluster.namespace, name)
        return step.done

    def _write(self, resource: Json, found: Json, now: datetime) -> None:
        before = resource.get("status") or {}
        if "conditions" in found:
            stamped = status.stamped(found["conditions"], before.get("conditions") or [], now_text(now))
            found = {**found, "conditions": stamped}
        if found != before:
            self._kube.put_status(resource, found)
