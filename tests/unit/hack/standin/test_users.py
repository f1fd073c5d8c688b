"""The ACLs, quotas and Secret of a KafkaUser."""

from hack.standin import users
from tests.unit.hack.standin import samples


def test_every_operation_of_a_rule_is_an_acl() -> None:
    rules = [
        {"resource": {"type": "topic", "name": "o", "patternType": "prefix"}, "operations": ["Read", "Describe"]},
        {"resource": {"type": "cluster"}, "operations": ["IdempotentWrite"], "type": "deny", "host": "h"},
    ]
    found = users.acls(samples.user(authorization={"type": "simple", "acls": rules}))
    assert found == {
        users.Acl("User:u", "TOPIC", "o", "PREFIXED", "*", "READ", "ALLOW"),
        users.Acl("User:u", "TOPIC", "o", "PREFIXED", "*", "DESCRIBE", "ALLOW"),
        users.Acl("User:u", "BROKER", "kafka-cluster", "LITERAL", "h", "IDEMPOTENT_WRITE", "DENY"),
    }


def test_a_tls_user_is_named_by_its_certificate() -> None:
    assert users.username(samples.user(authentication={"type": "tls"})) == "CN=u"


def test_quotas_have_kafkas_names() -> None:
    resource = samples.user(quotas={"producerByteRate": 1024, "requestPercentage": 50})
    assert users.quotas(resource) == {"producer_byte_rate": 1024.0, "request_percentage": 50.0}


def test_a_scram_secret_holds_the_password_and_the_login() -> None:
    found = users.scram_data("u", "p")
    assert found["password"] == "p"
    assert found["sasl.jaas.config"].endswith('required username="u" password="p";')


def test_acls_without_an_authorizer_are_rejected() -> None:
    resource = samples.user(authorization={"type": "simple", "acls": []})
    problem_found = users.problem(resource, authorized=False)
    assert problem_found is not None
    found = users.status(resource, problem_found)
    assert (found["conditions"][0]["type"], found["conditions"][0]["status"]) == ("NotReady", "True")
    assert "secret" not in found
    assert users.status(resource, None)["secret"] == "u"
