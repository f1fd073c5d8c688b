"""Reconciles Kafka clusters with their Kafka and KafkaNodePool resources, one step per round."""

import logging
import secrets
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Final

from confluent_kafka import KafkaException

from hack.standin import certs, check, model, pods, reconcile, roll, status
from hack.standin.brokers import Address, Brokers
from hack.standin.kube import ApiError, Kube
from hack.standin.model import Cluster, Json
from hack.standin.reconcile import Reconcile, Wanted

log = logging.getLogger("standin.clusters")
READING_SECONDS: Final = 0.1
"""Between the Kafkas and their pools, as in Strimzi: a pool that is written right after its Kafka is still seen."""
Key = tuple[str, str, str]


def now_text(now: datetime) -> str:
    """An RFC 3339 time with nanoseconds, as Strimzi writes it."""
    return now.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%f") + "000Z"


class Clusters:
    """Reconciles Kafka and KafkaNodePool. `connect`, `now` and `sleep` are replaced in tests."""

    def __init__(
        self,
        kube: Kube,
        connect: Callable[[Address], Brokers] = Brokers,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._kube = kube
        self._connect = connect
        self._now = now
        self._sleep = sleep
        self._reconciles: dict[Key, Reconcile] = {}

    def round(self) -> None:
        """One round over all clusters; one that fails does not affect the others."""
        kafkas = [one for one in self._kube.list("Kafka") if "deletionTimestamp" not in one["metadata"]]
        if kafkas:
            self._sleep(READING_SECONDS)
        pools = [one for one in self._kube.list("KafkaNodePool") if "deletionTimestamp" not in one["metadata"]]
        keys = [self._key(kafka) for kafka in kafkas]
        self._reconciles = {key: one for key, one in self._reconciles.items() if key in keys}
        for kafka in kafkas:
            namespace, name, _ = self._key(kafka)
            own = [
                pool
                for pool in pools
                if pool["metadata"]["namespace"] == namespace and model.label(pool, model.CLUSTER) == name
            ]
            try:
                self._one(kafka, own)
            except ApiError as error:  # such as in a namespace that is being deleted; the next round tries again
                log.warning("%s/%s: %s", namespace, name, error)
            except Exception:
                log.exception("%s/%s", namespace, name)

    @staticmethod
    def _key(kafka: Json) -> Key:
        return kafka["metadata"]["namespace"], kafka["metadata"]["name"], kafka["metadata"]["uid"]

    def _one(self, kafka: Json, pools: list[Json]) -> None:
        now, key, seen = self._now(), self._key(kafka), reconcile.seen(kafka, pools)
        last = self._reconciles.get(key)
        if last is None or reconcile.due(last, seen, now):
            wanted = self._begin(kafka, pools, now)
            before = last.wanted if last else None
            last = self._reconciles[key] = Reconcile(seen, now, wanted or before, ended=wanted is None)
        if last.wanted is not None:
            self._advance(last, last.wanted, kafka, pools)

    def _begin(self, kafka: Json, pools: list[Json], now: datetime) -> Wanted | None:
        """Everything but the pods, from what is read now. None if the Kafka is paused or invalid."""
        generation = kafka["metadata"]["generation"]
        if model.paused(kafka):
            found: Json = {"conditions": [status.condition("ReconciliationPaused")], "observedGeneration": generation}
            self._write(kafka, {**self._remembered(kafka), **found})
            return None
        cluster = model.cluster(kafka, pools)
        problem = check.problem(cluster)
        if problem:
            warnings = check.warnings(cluster) if cluster.pools else []
            found = {"conditions": [*warnings, *status.failed(*problem)], "observedGeneration": generation}
            self._write(kafka, {**self._remembered(kafka), **found})
            return None
        return self._prepare(cluster, now)

    @staticmethod
    def _remembered(kafka: Json) -> Json:
        kept = ("clusterId", "kafkaVersion", "kafkaMetadataVersion", "operatorLastSuccessfulVersion", "kafkaNodePools")
        return {key: value for key, value in (kafka.get("status") or {}).items() if key in kept}

    def _prepare(self, cluster: Cluster, now: datetime) -> Wanted:
        """The first statuses, Secrets, Services and the other objects that the pods need."""
        before = cluster.kafka.get("status") or {}
        held = [before, *((pool.get("status") or {}) for pool in cluster.pools)]
        cluster_id = next((one["clusterId"] for one in held if one.get("clusterId")), None)
        cluster_id = cluster_id or model.new_cluster_id(secrets.token_bytes)
        if not before.get("conditions"):
            self._write(cluster.kafka, status.kafka(cluster, "creating", before, cluster_id, ""))
        found = {one["metadata"]["name"]: one for one in self._kube.list("Secret", cluster.namespace)}
        cas, make = certs.authorities(cluster, found, secrets.token_urlsafe(12), now)
        brokers = self._brokers(cluster, cas, found, make, now)
        cluster, extra = self._without_blocked_scale_downs(cluster, brokers)
        make += certs.node_secrets(cluster, cas, found, now)
        for resource in make:
            self._kube.apply(resource)
        for pool in cluster.pools:
            self._write(pool, status.pool(cluster, pool, cluster_id, done=False))
        self._objects(cluster)
        return Wanted(cluster, cluster_id, cas, brokers, extra)

    def _brokers(
        self, cluster: Cluster, cas: certs.Authorities, found: dict[str, Json], make: list[Json], now: datetime
    ) -> Brokers:
        """A client with the operator's certificate; the former one if that has the same. A new certificate is added to
        `make` and `found`."""
        own = certs.operator_secret(cluster, cas, found, now)
        if own is not None:
            make.append(own)
            found[own["metadata"]["name"]] = own
        secret = found[certs.operator_secret_name(cluster)]
        pair = (certs.decoded(secret, "cluster-operator.crt"), certs.decoded(secret, "cluster-operator.key"))
        bootstrap = f"{cluster.name}-kafka-bootstrap.{cluster.namespace}.svc:9091"
        address = Address(bootstrap, cas.cluster.cert, *pair)
        last = self._reconciles.get(self._key(cluster.kafka))
        former = last.wanted.brokers if last and last.wanted else None
        return former if former and former.address == address else self._connect(address)

    def _without_blocked_scale_downs(self, cluster: Cluster, brokers: Brokers) -> tuple[Cluster, list[Json]]:
        """The cluster without scale-downs that would lose partitions, and warnings about those."""
        view = self._view(cluster, brokers)
        keep, extra = check.blocked_scale_downs(cluster, None if view is None else view[2])
        return (model.cluster(cluster.kafka, cluster.pools, keep) if keep else cluster), extra

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
        for resource in wanted:
            self._kube.apply(resource)

    def _advance(self, last: Reconcile, wanted: Wanted, kafka: Json, pools: list[Json]) -> None:
        """The next step of the pods; once all are as wanted, or it takes too long, the status and the end."""
        cluster = wanted.cluster
        view = None if last.ended else self._view(cluster, wanted.brokers)
        serving, in_sync = view[:2] if view else (set(), False)
        alive = {pool["metadata"]["name"] for pool in pools}
        done = self._pods(wanted, in_sync, alive)
        if last.ended:
            return
        if done and {node.id for node in cluster.brokers} <= serving:
            before, ca = kafka.get("status") or {}, wanted.authorities.cluster.cert
            ready = status.kafka(cluster, "ready", before, wanted.cluster_id, ca, wanted.warnings)
            begun = {pool["metadata"]["name"]: pool for pool in cluster.pools}
            for pool in pools:
                if pool["metadata"]["name"] in begun:
                    one = begun[pool["metadata"]["name"]]
                    self._write(pool, status.pool(cluster, one, wanted.cluster_id, done=True))
            self._write(kafka, {key: value for key, value in ready.items() if value is not None})
            last.ended = True
        elif last.late(self._now()):
            message = "Exceeded timeout of 300000ms while waiting for Pods to be ready"
            found = {"conditions": status.failed("TimeoutException", message)}
            found["observedGeneration"] = cluster.kafka["metadata"]["generation"]
            self._write(kafka, {**self._remembered(kafka), **found})
            last.ended = True

    def _pods(self, wanted: Wanted, in_sync: bool, alive: set[str]) -> bool:
        """Create and stop pods. `alive` are the pools that exist: with a pool, Kubernetes deletes its pods."""
        cluster = wanted.cluster
        order = sorted(cluster.nodes, key=lambda node: (node.broker, node.id))  # controllers first
        manifests = {
            node.name: pods.pod(cluster, node, wanted.cluster_id, wanted.authorities.digest)
            for node in order
            if node.pool in alive
        }
        selector = f"{model.CLUSTER}={cluster.name},strimzi.io/kind=Kafka"
        found = {pod["metadata"]["name"]: pod for pod in self._kube.list("Pod", cluster.namespace, selector)}
        step = roll.step({name: roll.revision(pod) for name, pod in manifests.items()}, found, in_sync)
        pool_of = {node.name: node.pool for node in order}
        owners = self._pod_sets(cluster, manifests, pool_of, found)
        for name in step.make:
            log.info("creating pod %s/%s", cluster.namespace, name)
            owner = owners[pool_of[name]]
            metadata = {**manifests[name]["metadata"], "ownerReferences": pods.owner(owner, controller=True)}
            self._kube.create({**manifests[name], "metadata": metadata})
        for name in step.stop:
            log.info("stopping pod %s/%s", cluster.namespace, name)
            self._kube.delete("Pod", cluster.namespace, name)
        return step.done

    def _pod_sets(
        self, cluster: Cluster, manifests: dict[str, Json], pool_of: dict[str, str], found: dict[str, Json]
    ) -> dict[str, Json]:
        """The StrimziPodSets by pool, with the pods that there should be and a status of those that there are."""
        before = {one["metadata"]["name"]: one for one in self._kube.list(pods.POD_SET, cluster.namespace)}
        made: dict[str, Json] = {}
        for pool in sorted({pool_of[name] for name in manifests}):
            own = [one for name, one in manifests.items() if pool_of[name] == pool]
            wanted = pods.pod_set(cluster, pool, own)
            there = before.get(wanted["metadata"]["name"])
            if there is None or there["spec"] != wanted["spec"]:
                there = self._kube.apply(wanted)
            self._write(there, status.pod_set(there, found))
            made[pool] = there
        return made

    def _write(self, resource: Json, found: Json) -> None:
        """Raises ApiError if the object has changed since it was read; the next round tries again."""
        before = resource.get("status") or {}
        if "conditions" in found:
            stamped = status.stamped(found["conditions"], before.get("conditions") or [], now_text(self._now()))
            found = {**found, "conditions": stamped}
        if found != before and not self._kube.put_status(resource, found):
            raise ApiError(409, "the object has changed since it was read")
