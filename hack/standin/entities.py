"""Brings topics and users of running clusters toward what their KafkaTopics and KafkaUsers ask for."""

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
from hack.standin.kube import Kube, Refused
from hack.standin.model import CLUSTER, Json
from hack.standin.topics import FINALIZER, Topic

log = logging.getLogger("standin.entities")
ALPHABET: Final = string.ascii_letters + string.digits
RETRY_SECONDS: Final = 10.0
Trouble = tuple[str, str]


def kafka_problem(error: KafkaException) -> Trouble:
    """Reason and message for a status."""
    return "KafkaError", str(error.args[0].str() if error.args else error)


class Entities:
    """Reconciles KafkaTopic and KafkaUser of clusters that have brokers and an entity operator."""

    def __init__(self, kube: Kube) -> None:
        self._kube = kube
        self._brokers: dict[tuple[str, str], Brokers] = {}
        self._failed: dict[str, tuple[topics.Change, float, Trouble]] = {}
        self._passwords: dict[tuple[str, str, str], str] = {}

    def round(self) -> None:
        """One round over all clusters; a failing one does not hold up the others."""
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
        except Refused as refused:  # such as a namespace on its way out; the next round tries again
            log.warning("%s: %s", where, refused)
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
        things = self._mine("KafkaTopic", kafka)
        if not things:
            return
        there = brokers.topics(topics.topic_name(thing) for thing in things)
        winners = topics.winners(things)
        for thing in things:
            name = topics.topic_name(thing)
            change = topics.change(thing, there.get(name), winners.get(name))
            trouble, topic = self._change(brokers, thing, change, there.get(name))
            if change.finalizer is not None and not (change.delete and trouble):
                self._finalizer(thing, change.finalizer)
            elif "deletionTimestamp" not in thing["metadata"] and (topic or trouble or not topics.managed(thing)):
                self._write(thing, topics.status(thing, topic, trouble))

    def _change(
        self, brokers: Brokers, thing: Json, change: topics.Change, topic: Topic | None
    ) -> tuple[Trouble | None, Topic | None]:
        """Carries a change out; what went wrong, and the topic as it then is."""
        spec, key = thing["spec"], f"{thing['metadata']['uid']} {thing['metadata']['generation']}"
        if not (change.create or change.grow or change.delete or change.put or change.drop):
            self._failed.pop(key, None)
            return change.problem, topic
        failed = self._failed.get(key)
        if failed and failed[0] == change and time.monotonic() < failed[1]:
            return failed[2], topic
        log.info("topic %s: %s", change.name, change)
        try:
            if change.create:
                config = topics.wanted_config(thing)
                brokers.create_topic(change.name, spec.get("partitions", -1), spec.get("replicas", -1), config)
            if change.grow:
                brokers.grow_topic(change.name, spec["partitions"])
            if change.put or change.drop:
                brokers.configure_topic(change.name, change.put, change.drop)
            if change.delete:
                brokers.delete_topic(change.name)
        except KafkaException as error:
            trouble = kafka_problem(error)
            self._failed[key] = (change, time.monotonic() + RETRY_SECONDS, trouble)
            return trouble, topic
        return change.problem, None if change.create or change.delete else topic

    def _finalizer(self, thing: Json, there: bool) -> None:
        others = [one for one in thing["metadata"].get("finalizers") or [] if one != FINALIZER]
        metadata = thing["metadata"]
        finalizers = [*others, FINALIZER] if there else others
        patch = {"metadata": {"finalizers": finalizers, "resourceVersion": metadata["resourceVersion"]}}
        self._kube.merge("KafkaTopic", metadata["namespace"], metadata["name"], patch)

    # users

    def _users(self, kafka: Json, brokers: Brokers) -> None:
        things = [one for one in self._mine("KafkaUser", kafka) if "deletionTimestamp" not in one["metadata"]]
        authorized = (kafka["spec"]["kafka"].get("authorization") or {}).get("type") == "simple"
        scram = brokers.scram_users()
        acls = brokers.acls() if authorized else set()
        limits = quotas.described(quotas.exchange(brokers.address, quotas.describe()))
        good = []
        for thing in things:
            trouble = users.problem(thing, authorized)
            if not trouble and not model.paused(thing):
                trouble = self._credentials(kafka, brokers, thing, scram)
                good.append(thing)
            if model.paused(thing):
                self._write(
                    thing, {**(thing.get("status") or {}), "conditions": [status.condition("ReconciliationPaused")]}
                )
            else:
                self._write(thing, users.status(thing, trouble))
        names = {thing["metadata"]["name"] for thing in things}
        for user in scram - names:
            log.info("user %s goes", user)
            brokers.drop_scram(user)
        if authorized:
            kept = {one for thing in things if thing not in good for one in users.acls(thing)}
            wanted = {one for thing in good for one in users.acls(thing)}
            if wanted - acls or acls - wanted - kept:
                brokers.change_acls(wanted - acls, acls - wanted - kept)
        asked = {users.username(thing): users.quotas(thing) for thing in good}
        for user in {*limits, *(one for one, values in asked.items() if values)}:
            put, drop = asked.get(user, {}), tuple(set(limits.get(user, {})) - set(asked.get(user, {})))
            if put != limits.get(user, {}):
                quotas.altered(quotas.exchange(brokers.address, quotas.alter(user, put, drop)))

    def _credentials(self, kafka: Json, brokers: Brokers, thing: Json, scram: set[str]) -> Trouble | None:
        """Keeps a user's Secret and its password in Kafka."""
        namespace, name = thing["metadata"]["namespace"], thing["metadata"]["name"]
        kind = users.authentication(thing)
        if kind not in ("scram-sha-512", "tls"):
            return None
        secret = self._kube.get("Secret", namespace, name)
        if kind == "tls":
            if secret is None or not certs.decoded(secret, "user.crt"):
                self._kube.apply(users.secret(thing, certs.encoded(self._certificate(kafka, name))))
            return None
        given = (thing["spec"]["authentication"].get("password") or {}).get("valueFrom", {}).get("secretKeyRef")
        password = certs.decoded(secret or {}, "password")
        if given:
            source = self._kube.get("Secret", namespace, given["name"])
            password = certs.decoded(source or {}, given["key"])
            if not password:
                return "InvalidResourceException", f"Secret {given['name']} with key {given['key']} does not exist"
        password = password or "".join(secrets.choice(ALPHABET) for _ in range(32))
        data = certs.encoded(users.scram_data(name, password))
        if secret is None or any((secret.get("data") or {}).get(key) != value for key, value in data.items()):
            self._kube.apply(users.secret(thing, data))
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
        ca = certs.kept({"x": private, "x-cert": public}, "x")
        assert ca is not None, "the clients' CA is there once the cluster is"
        return certs.user(ca, name, secrets.token_urlsafe(12), datetime.now(UTC))

    def _write(self, thing: Json, found: Json) -> None:
        before = thing.get("status") or {}
        stamped = status.stamped(found["conditions"], before.get("conditions") or [], now_text(datetime.now(UTC)))
        found = {**found, "conditions": stamped}
        if found != before:
            self._kube.put_status(thing, found)
