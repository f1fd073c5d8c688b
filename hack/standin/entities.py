"""Reconciles topics and users of running clusters with their KafkaTopics and KafkaUsers."""

import hashlib
import logging
import secrets
import string
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Final

from confluent_kafka import KafkaException

from hack.standin import certs, model, quotas, status, topics, users
from hack.standin.brokers import Address, Brokers
from hack.standin.clusters import now_text
from hack.standin.kube import ApiError, Kube
from hack.standin.model import CLUSTER, Json
from hack.standin.topics import FINALIZER, Topic

log = logging.getLogger("standin.entities")
ALPHABET: Final = string.ascii_letters + string.digits
RETRY_SECONDS: Final = 10.0
Problem = tuple[str, str]


def kafka_problem(error: KafkaException) -> Problem:
    """The reason and message for a status."""
    return "KafkaError", str(error.args[0].str() if error.args else error)


class Entities:
    """Reconciles KafkaTopic and KafkaUser of clusters that have brokers and an entity operator."""

    def __init__(self, kube: Kube) -> None:
        self._kube = kube
        self._brokers: dict[tuple[str, str], Brokers] = {}
        self._failed: dict[str, tuple[topics.Change, float, Problem]] = {}
        self._passwords: dict[tuple[str, str, str], str] = {}

    def round(self) -> None:
        """One round over all clusters; one that fails does not affect the others."""
        for kafka in self._kube.list("Kafka"):
            metadata = kafka["metadata"]
            conditions = (kafka.get("status") or {}).get("conditions") or []
            alive = any(one["type"] in ("Ready", "ReconciliationPaused") for one in conditions) or (
                (kafka.get("status") or {}).get("kafkaVersion") is not None
            )
            if not alive or "deletionTimestamp" in metadata:
                continue
            entity = (kafka.get("spec") or {}).get("entityOperator") or {}
            parts: list[tuple[str, Callable[[Json, Brokers], None]]] = [
                ("topicOperator", self._topics), ("userOperator", self._users),
            ]  # fmt: skip
            for name, work in parts:
                if entity.get(name) is not None:
                    self._guarded(kafka, work)

    def _guarded(self, kafka: Json, work: Callable[[Json, Brokers], None]) -> None:
        where = f"{kafka['metadata']['namespace']}/{kafka['metadata']['name']}"
        try:
            brokers = self._connect(kafka)
            if brokers is not None:
                work(kafka, brokers)
        except (KafkaException, OSError) as error:
            log.info("%s: Kafka does not answer: %s", where, error)
        except ApiError as error:  # such as in a namespace that is being deleted; the next round tries again
            log.warning("%s: %s", where, error)
        except Exception:
            log.exception(where)

    def _connect(self, kafka: Json) -> Brokers | None:
        name, namespace = kafka["metadata"]["name"], kafka["metadata"]["namespace"]
        own = self._kube.get("Secret", namespace, f"{name}-cluster-operator-certs")
        ca = self._kube.get("Secret", namespace, f"{name}-cluster-ca-cert")
        if own is None or ca is None:
            return None
        pair = (certs.decoded(own, "cluster-operator.crt"), certs.decoded(own, "cluster-operator.key"))
        address = Address(f"{name}-kafka-bootstrap.{namespace}.svc:9091", certs.decoded(ca, "ca.crt"), *pair)
        key = (namespace, name)
        if key not in self._brokers or self._brokers[key].address != address:
            self._brokers[key] = Brokers(address)
            self._passwords = {one: value for one, value in self._passwords.items() if one[:2] != key}
        return self._brokers[key]

    def _mine(self, kind: str, kafka: Json) -> list[Json]:
        return self._kube.list(kind, kafka["metadata"]["namespace"], f"{CLUSTER}={kafka['metadata']['name']}")

    # topics

    def _topics(self, kafka: Json, brokers: Brokers) -> None:
        resources = self._mine("KafkaTopic", kafka)
        if not resources:
            return
        there = brokers.topics(topics.topic_name(resource) for resource in resources)
        winners = topics.winners(resources)
        for resource in resources:
            name = topics.topic_name(resource)
            change = topics.change(resource, there.get(name), winners.get(name))
            problem, topic = self._change(brokers, resource, change, there.get(name))
            if change.finalizer is not None and not (change.delete and problem):
                self._finalizer(resource, change.finalizer)
            elif "deletionTimestamp" not in resource["metadata"] and (topic or problem or not topics.managed(resource)):
                self._write(resource, topics.status(resource, topic, problem))

    def _change(
        self, brokers: Brokers, resource: Json, change: topics.Change, topic: Topic | None
    ) -> tuple[Problem | None, Topic | None]:
        """Apply a change; returns the problem, if any, and the topic afterwards."""
        spec, key = resource["spec"], f"{resource['metadata']['uid']} {resource['metadata']['generation']}"
        if not (change.create or change.grow or change.delete or change.put or change.drop):
            self._failed.pop(key, None)
            return change.problem, topic
        failed = self._failed.get(key)
        if failed and failed[0] == change and time.monotonic() < failed[1]:
            return failed[2], topic
        log.info("topic %s: %s", change.name, change)
        try:
            if change.create:
                config = topics.wanted_config(resource)
                brokers.create_topic(change.name, spec.get("partitions", -1), spec.get("replicas", -1), config)
            if change.grow:
                brokers.grow_topic(change.name, spec["partitions"])
            if change.put or change.drop:
                brokers.configure_topic(change.name, change.put, change.drop)
            if change.delete:
                brokers.delete_topic(change.name)
        except KafkaException as error:
            problem = kafka_problem(error)
            if topics.already_so(change, error.args[0].name(), problem[1]):
                return change.problem, None if change.create or change.delete else topic
            self._failed[key] = (change, time.monotonic() + RETRY_SECONDS, problem)
            return problem, topic
        return change.problem, None if change.create or change.delete else topic

    def _finalizer(self, resource: Json, there: bool) -> None:
        others = [one for one in resource["metadata"].get("finalizers") or [] if one != FINALIZER]
        metadata = resource["metadata"]
        finalizers = [*others, FINALIZER] if there else others
        patch = {"metadata": {"finalizers": finalizers, "resourceVersion": metadata["resourceVersion"]}}
        self._kube.merge("KafkaTopic", metadata["namespace"], metadata["name"], patch)

    # users

    def _users(self, kafka: Json, brokers: Brokers) -> None:
        resources = [one for one in self._mine("KafkaUser", kafka) if "deletionTimestamp" not in one["metadata"]]
        authorized = (kafka["spec"]["kafka"].get("authorization") or {}).get("type") == "simple"
        scram = brokers.scram_users()
        acls = brokers.acls() if authorized else set()
        limits = quotas.described(quotas.exchange(brokers.address, quotas.describe()))
        good = []
        for resource in resources:
            problem = users.problem(resource, authorized)
            if not problem and not model.paused(resource):
                problem = self._credentials(kafka, brokers, resource, scram)
                good.append(resource)
            if model.paused(resource):
                self._write(
                    resource,
                    {**(resource.get("status") or {}), "conditions": [status.condition("ReconciliationPaused")]},
                )
            else:
                self._write(resource, users.status(resource, problem))
        names = {resource["metadata"]["name"] for resource in resources}
        for user in scram - names:
            log.info("deleting user %s", user)
            brokers.drop_scram(user)
        if authorized:
            untouched = {one for resource in resources if resource not in good for one in users.acls(resource)}
            wanted = {one for resource in good for one in users.acls(resource)}
            if wanted - acls or acls - wanted - untouched:
                brokers.change_acls(wanted - acls, acls - wanted - untouched)
        asked = {users.username(resource): users.quotas(resource) for resource in good}
        for user in {*limits, *(one for one, values in asked.items() if values)}:
            put, drop = asked.get(user, {}), tuple(set(limits.get(user, {})) - set(asked.get(user, {})))
            if put != limits.get(user, {}):
                quotas.altered(quotas.exchange(brokers.address, quotas.alter(user, put, drop)))

    def _credentials(self, kafka: Json, brokers: Brokers, resource: Json, scram: set[str]) -> Problem | None:
        """Reconcile a user's Secret and its password in Kafka."""
        namespace, name = resource["metadata"]["namespace"], resource["metadata"]["name"]
        kind = users.authentication(resource)
        if kind not in ("scram-sha-512", "tls"):
            return None
        secret = self._kube.get("Secret", namespace, name)
        if kind == "tls":
            if secret is None or not certs.decoded(secret, "user.crt"):
                self._kube.apply(users.secret(resource, certs.encoded(self._certificate(kafka, name))))
            return None
        given = (resource["spec"]["authentication"].get("password") or {}).get("valueFrom", {}).get("secretKeyRef")
        password = certs.decoded(secret or {}, "password")
        if given:
            source = self._kube.get("Secret", namespace, given["name"])
            password = certs.decoded(source or {}, given["key"])
            if not password:
                return "InvalidResourceException", f"Secret {given['name']} with key {given['key']} does not exist"
        password = password or "".join(secrets.choice(ALPHABET) for _ in range(32))
        data = certs.encoded(users.scram_data(name, password))
        if secret is None or any((secret.get("data") or {}).get(key) != value for key, value in data.items()):
            self._kube.apply(users.secret(resource, data))
        key = (namespace, kafka["metadata"]["name"], name)
        digest = hashlib.sha256(password.encode()).hexdigest()
        if self._passwords.get(key) != digest or name not in scram:
            brokers.put_scram(name, password)
            self._passwords[key] = digest
        return None

    def _certificate(self, kafka: Json, name: str) -> dict[str, str | bytes]:
        namespace, cluster = kafka["metadata"]["namespace"], kafka["metadata"]["name"]
        private = self._kube.get("Secret", namespace, f"{cluster}-clients-ca") or {}
        public = self._kube.get("Secret", namespace, f"{cluster}-clients-ca-cert") or {}
        ca = certs.existing_ca({"x": private, "x-cert": public}, "x")
        assert ca is not None, "the clients' CA exists once the cluster does"
        return certs.user(ca, name, secrets.token_urlsafe(12), datetime.now(UTC))

    def _write(self, resource: Json, found: Json) -> None:
        before = resource.get("status") or {}
        stamped = status.stamped(found["conditions"], before.get("conditions") or [], now_text(datetime.now(UTC)))
        found = {**found, "conditions": stamped}
        if found != before:
            self._kube.put_status(resource, found)
