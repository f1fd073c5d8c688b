"""What the chart promises for all values: the generated CRD, restricted pods, an environment that is read, one CA."""

import base64
import hashlib
import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from orderpipeline_operator.settings import from_environ
from tests.support.helm import CHART, NAMESPACE, ROOT, VALUES, Helm, Objects, of_kind, values_name

pytestmark = pytest.mark.integration
MOUNTED = "content of a mounted file, longer than a secret must be"
every_values = pytest.mark.parametrize("values", VALUES, ids=values_name)


def operator_container(objects: Objects) -> dict[str, Any]:
    (deployment,) = of_kind(objects, "Deployment")
    (container,) = deployment["spec"]["template"]["spec"]["containers"]
    assert isinstance(container, dict)
    return container


def test_the_crd_in_the_chart_is_the_generated_one() -> None:
    assert (CHART / "files" / "orderpipeline.yaml").read_bytes() == (
        ROOT / "crds" / "orderpipeline.yaml"
    ).read_bytes(), "run hack/gen-crds"


def test_the_crd_is_rendered_unchanged_but_for_the_policy_to_keep_it(helm: Helm) -> None:
    (crd,) = of_kind(helm.objects(), "CustomResourceDefinition")
    assert crd["metadata"].pop("annotations") == {"helm.sh/resource-policy": "keep"}
    assert crd == yaml.safe_load((ROOT / "crds" / "orderpipeline.yaml").read_text())
    (crd,) = of_kind(helm.objects("--set", "crds.keep=false"), "CustomResourceDefinition")
    assert "annotations" not in crd["metadata"]


@every_values
def test_every_pod_is_restricted(helm: Helm, values: Path | None) -> None:
    for deployment in of_kind(helm.objects(values=values), "Deployment"):
        pod = deployment["spec"]["template"]["spec"]
        assert pod["securityContext"]["runAsNonRoot"] is True
        assert pod["securityContext"]["runAsUser"] > 0
        assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
        assert not {"hostNetwork", "hostPID", "hostIPC"} & set(pod)
        assert all(set(volume) & {"emptyDir", "secret"} for volume in pod["volumes"])
        for container in pod["containers"]:
            context = container["securityContext"]
            assert context["allowPrivilegeEscalation"] is False
            assert context["readOnlyRootFilesystem"] is True
            assert context["capabilities"] == {"drop": ["ALL"]}
            assert container["resources"]["requests"].keys() == {"cpu", "memory"}
            assert "memory" in container["resources"]["limits"]
            assert {"startupProbe", "livenessProbe", "readinessProbe"} <= set(container)


@every_values
def test_the_operator_reads_the_environment_that_it_is_given(helm: Helm, values: Path | None, tmp_path: Path) -> None:
    objects = helm.objects(values=values)
    container = operator_container(objects)
    names = [entry["name"] for entry in container["env"]]
    assert len(set(names)) == len(names)
    source = (ROOT / "operator" / "orderpipeline_operator" / "settings.py").read_text()
    assert set(names) <= set(re.findall(r'"((?:ORDERPIPELINE|POD)_[A-Z_]+)"', source))
    settings = from_environ(_as_mounted(objects, tmp_path))
    leases = [rule for role in of_kind(objects, "Role") for rule in role["rules"] if "resourceNames" in rule]
    assert [rule["resourceNames"] for rule in leases] == [[settings.lease_name]]
    assert (settings.metrics_tls_cert is None) == (not of_kind(objects, "APIService"))
    policies = of_kind(objects, "NetworkPolicy")
    rules = [entry for policy in policies for rule in policy["spec"]["egress"] for entry in rule.get("ports", ())]
    opened = {entry["port"] for entry in rules} - {53, 443, 6443}
    assert settings.kafka_ports is None if not policies else set(settings.kafka_ports or ()) == opened
    assert settings.scaling_secret == MOUNTED.encode()


def test_an_operator_that_may_reach_no_kafka_is_told_so(helm: Helm, tmp_path: Path) -> None:
    objects = helm.objects("--set-json", "networkPolicy.kafkaPorts=[]")
    assert from_environ(_as_mounted(objects, tmp_path)).kafka_ports == ()


def test_all_replicas_derive_the_keys_of_kedas_requests_from_one_secret(helm: Helm) -> None:
    objects = helm.objects()
    (secret,) = [each for each in of_kind(objects, "Secret") if each["type"] == "Opaque"]
    assert len(base64.b64decode(secret["data"]["secret"])) == 64
    (deployment,) = of_kind(objects, "Deployment")
    template = deployment["spec"]["template"]
    digest = hashlib.sha256(secret["data"]["secret"].encode()).hexdigest()
    assert template["metadata"]["annotations"]["checksum/scaling-secret"] == digest, "new pods for a new secret"
    objects = helm.objects("--set", "scalingSecret.existingSecret=mine")
    assert [each["type"] for each in of_kind(objects, "Secret")] == ["kubernetes.io/tls"]
    (deployment,) = of_kind(objects, "Deployment")
    (volume,) = [v for v in deployment["spec"]["template"]["spec"]["volumes"] if v["name"] == "scaling"]
    assert volume["secret"]["secretName"] == "mine"


def _as_mounted(objects: Objects, root: Path) -> dict[str, str]:
    """The container's environment, with its mounted Secret's files laid out under `root`."""
    (deployment,) = of_kind(objects, "Deployment")
    container = operator_container(objects)
    volumes = {volume["name"]: volume for volume in deployment["spec"]["template"]["spec"]["volumes"]}
    environ = {entry["name"]: entry.get("value", "from-the-pod") for entry in container["env"]}
    for mount in container["volumeMounts"]:
        for item in volumes[mount["name"]].get("secret", {}).get("items", ()):
            file = f"{mount['mountPath']}/{item['path']}"
            (root / item["path"]).write_text(MOUNTED)
            environ = {name: value.replace(file, str(root / item["path"])) for name, value in environ.items()}
    return environ


def test_values_reach_the_pods(helm: Helm) -> None:
    objects = helm.objects(values=CHART / "ci" / "everything-values.yaml")
    container = operator_container(objects)
    env = {entry["name"]: entry.get("value") for entry in container["env"]}
    digest = "@sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
    assert container["image"] == "registry.example.com/mirror/op:1.2.3"
    assert env["ORDERPIPELINE_PRODUCER_IMAGE"] == f"registry.example.com/mirror/producer{digest}"
    assert env["ORDERPIPELINE_CONSUMER_IMAGE"] == "registry.example.com/mirror/team/consumer:1.2.3"
    assert env["ORDERPIPELINE_WORKERS"] == "8"
    settings = from_environ(
        {"POD_NAME": "a", "POD_NAMESPACE": "b"}
        | {k: v for k, v in env.items() if v and not {"TLS", "FILE"} & set(k.split("_"))}
    )
    assert (settings.image_pull_policy, settings.image_pull_secrets) == ("Never", ("pull-a", "pull-b"))
    (deployment,) = of_kind(objects, "Deployment")
    pod = deployment["spec"]["template"]["spec"]
    assert deployment["spec"]["replicas"] == 3
    assert pod["imagePullSecrets"] == [{"name": "pull"}]
    assert pod["serviceAccountName"] == "orders-account"
    assert pod["priorityClassName"] == "system-cluster-critical"
    assert pod["terminationGracePeriodSeconds"] == 60
    assert {"nodeSelector", "tolerations", "affinity"} <= set(pod)


def test_the_api_service_trusts_the_ca_of_the_certificate_that_is_served(helm: Helm) -> None:
    objects = helm.objects("--set", "metricsApi.certificate.days=90")
    (api,) = of_kind(objects, "APIService")
    (secret,) = [each for each in of_kind(objects, "Secret") if each["type"] == "kubernetes.io/tls"]
    ca = x509.load_pem_x509_certificate(base64.b64decode(api["spec"]["caBundle"]))
    certificate = x509.load_pem_x509_certificate(base64.b64decode(secret["data"]["tls.crt"]))
    key = ca.public_key()
    assert isinstance(key, rsa.RSAPublicKey)
    assert certificate.signature_hash_algorithm is not None
    key.verify(
        certificate.signature,
        certificate.tbs_certificate_bytes,
        padding.PKCS1v15(),
        certificate.signature_hash_algorithm,
    )
    service = api["spec"]["service"]
    names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert names.get_values_for_type(x509.DNSName) == [f"{service['name']}.{service['namespace']}.svc"]
    assert (certificate.not_valid_after_utc - certificate.not_valid_before_utc).days == 90
    assert ca.extensions.get_extension_for_class(x509.BasicConstraints).value.ca is True
    assert [port["port"] for port in of_kind(objects, "Service")[1]["spec"]["ports"]] == [service["port"]]


def test_cert_manager_fills_the_secret_that_the_pods_mount(helm: Helm) -> None:
    objects = helm.objects(values=CHART / "ci" / "cert-manager-values.yaml")
    assert not [each for each in of_kind(objects, "Secret") if each["type"] == "kubernetes.io/tls"]
    (api,) = of_kind(objects, "APIService")
    assert "caBundle" not in api["spec"]
    serving = "shop-orderpipeline-metrics-api"
    assert api["metadata"]["annotations"] == {"cert-manager.io/inject-ca-from": f"{NAMESPACE}/{serving}"}
    certificates = {each["metadata"]["name"]: each["spec"] for each in of_kind(objects, "Certificate")}
    volumes = of_kind(objects, "Deployment")[0]["spec"]["template"]["spec"]["volumes"]
    (volume,) = [each for each in volumes if each["name"] == "metrics-tls"]
    assert certificates[serving]["secretName"] == volume["secret"]["secretName"]
    assert certificates[serving]["dnsNames"] == [f"{serving}.{NAMESPACE}.svc"]
    issuers = {each["metadata"]["name"]: each["spec"] for each in of_kind(objects, "Issuer")}
    issuer = issuers[certificates[serving]["issuerRef"]["name"]]
    assert issuer["ca"]["secretName"] == certificates[f"{serving}-ca"]["secretName"]
    given = (
        "--set",
        "metricsApi.certManager.issuerRef.kind=ClusterIssuer",
        "--set",
        "metricsApi.certManager.issuerRef.name=ca",
    )
    objects = helm.objects(*given, values=CHART / "ci" / "cert-manager-values.yaml")
    (certificate,) = of_kind(objects, "Certificate")
    assert certificate["spec"]["issuerRef"] == {"kind": "ClusterIssuer", "name": "ca"}
    assert of_kind(objects, "Issuer") == []


def test_the_operator_s_own_monitor_finds_its_pods_and_keeps_the_pipelines_labels(helm: Helm) -> None:
    assert of_kind(helm.objects(), "PodMonitor") == [], "most clusters have no Prometheus operator"
    objects = helm.objects(values=CHART / "ci" / "everything-values.yaml")
    (monitor,) = of_kind(objects, "PodMonitor")
    (deployment,) = of_kind(objects, "Deployment")
    template = deployment["spec"]["template"]
    assert monitor["spec"]["selector"]["matchLabels"].items() <= template["metadata"]["labels"].items()
    (endpoint,) = monitor["spec"]["podMetricsEndpoints"]
    assert endpoint["port"] in {port["name"] for port in operator_container(objects)["ports"]}
    assert endpoint["honorLabels"] is True
    assert (endpoint["interval"], monitor["metadata"]["labels"]["release"]) == ("15s", "prometheus")
