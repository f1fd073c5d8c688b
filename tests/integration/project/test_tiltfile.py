"""The Tiltfile's Starlark, with Tilt's functions faked and the real chart rendered. Tilt itself is not run."""

import os
import re
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import starlark
import yaml

from orderpipeline_operator.domain.api import v1alpha1
from tests.integration.project.tilt import Tilt
from tests.support.apiserver import ApiServer
from tests.support.helm import ROOT, Helm
from tests.support.waiting import wait_until

pytestmark = pytest.mark.integration
PROGRAMS = ("operator", "producer", "consumer")


@pytest.fixture(scope="module")
def tilt(helm: Helm) -> Tilt:
    return Tilt(ROOT, helm).run()


def test_another_context_than_kind_is_refused_before_anything_is_done(helm: Helm) -> None:
    elsewhere = Tilt(ROOT, helm, context="production")
    with pytest.raises(starlark.StarlarkError, match="the Kubernetes context is production"):
        elsewhere.run()
    assert elsewhere.commands == []
    assert elsewhere.objects == []


@pytest.mark.parametrize("program", PROGRAMS)
def test_the_images_have_all_that_their_dockerfile_copies(tilt: Tilt, program: str) -> None:
    image = tilt.images[f"orderpipeline/{program}"]
    assert re.search(r"^COPY (?!--from=).* .* ", image["dockerfile"], re.MULTILINE) is None
    copied = re.findall(r"^COPY (?!--)(\S+) (\S+)$", image["dockerfile"], re.MULTILINE)
    assert {source for source, _ in copied} == set(image["only"])
    assert all((ROOT / source).exists() for source in image["only"])
    assert re.findall(r"^USER (\S+)$", image["dockerfile"], re.MULTILINE)[-1] == "10001:10001"
    assert image["dockerfile"].endswith(f'ENTRYPOINT ["python3", "/reload.py", "orderpipeline_{program}"]')


@pytest.mark.parametrize("program", PROGRAMS)
def test_edited_code_goes_where_the_reloader_looks(tilt: Tilt, program: str) -> None:
    image = tilt.images[f"orderpipeline/{program}"]
    rebuild, *syncs = image["live_update"]
    assert rebuild["step"] == "fall_back_on"
    assert set(rebuild["files"]) <= set(image["only"])
    last = image["dockerfile"].rpartition("\nFROM ")[2]
    copied = dict(re.findall(r"^COPY (?!--)(\S+) (\S+)$", last, re.MULTILINE))
    assert {step["local"] for step in syncs} == {
        source for source in copied if Path(source).name.startswith("orderpipeline_")
    }
    for step in syncs:
        assert step["step"] == "sync"
        assert (ROOT / step["local"] / "__init__.py").exists()
        assert step["remote"] == copied[step["local"]].replace("/app/", "/tmp/app/")


def test_both_services_get_the_accelerator_by_the_same_stages() -> None:
    """Docker then builds them once for both."""
    producer, consumer = (
        (ROOT / f"services/{name}/Dockerfile").read_text().rpartition("\nFROM ")[0].partition("\nFROM ")[2]
        for name in ("producer", "consumer")
    )
    assert "maturin build --release --locked" in producer
    assert producer == consumer


def check_every_image_has_a_deployment(tilt: Tilt) -> None:
    """Each image belongs to one Deployment, and every Deployment to one resource.

    Of all pods that descend from one object, Tilt updates those of the newest ReplicaSet only. So an image whose pods
    are found through anything but their own Deployment, such as a custom resource with two, is not updated.
    """
    (operator,) = [each for each in tilt.objects if each["kind"] == "Deployment"]
    images = [container["image"].split(":")[0] for container in operator["spec"]["template"]["spec"]["containers"]]
    for deploy in tilt.deploys.values():
        assert len(deploy["images"]) == 1
        images += deploy["images"]
    assert sorted(images) == sorted(tilt.images)
    assert tilt.kinds == {}
    assert all(image["live_update"] for image in tilt.images.values())


def check_the_pipeline_has_no_pods(tilt: Tilt) -> None:
    """The brokers' pods descend from it too; the services' are found through their Deployments."""
    assert tilt.resources["shop"]["objects"] == ["shop:orderpipeline"]
    assert tilt.resources["shop"]["discovery"] == "selectors-only"
    assert not any(resource["pods"] for resource in tilt.resources.values())


def test_the_operator_starts_with_its_rights_and_the_crd(tilt: Tilt) -> None:
    selectors = tilt.resources["orderpipeline"]["objects"]
    for selector in selectors:
        name, kind = (part.replace("\\:", ":") for part in re.split(r"(?<!\\):", selector))
        found = [o for o in tilt.objects if o["metadata"]["name"] == name and o["kind"].lower() == kind]
        assert len(found) == 1, selector
    kinds = {selector.rsplit(":", 1)[1] for selector in selectors}
    assert {
        "customresourcedefinition",
        "serviceaccount",
        "clusterrole",
        "clusterrolebinding",
        "role",
        "secret",
    } <= kinds
    assert "create namespace orderpipeline-system" in tilt.commands[0]


def test_things_happen_in_order(tilt: Tilt) -> None:
    assert tilt.resources["shop"]["deps"] == ["orderpipeline"]
    services = ["shop-producer", "shop-consumer"]
    assert all(tilt.resources[service]["deps"] == ["shop"] for service in services)
    ready = tilt.local_resources["shop-ready"]
    assert ready["deps"] == services
    assert ready["auto"]
    assert "kubectl wait --for=condition=Ready orderpipeline/shop" in ready["cmd"]
    known = {*tilt.resources, *tilt.local_resources}
    every: list[dict[str, Any]] = [*tilt.resources.values(), *tilt.local_resources.values()]
    assert all(set(each["deps"]) <= known for each in every)
    assert set(tilt.deploys) == set(services)


def test_links_lead_to_the_host_of_the_example(tilt: Tilt) -> None:
    (shop,) = [each for each in tilt.objects if each["kind"] == v1alpha1.KIND]
    host = shop["spec"]["producer"]["ingress"]["host"]
    links = tilt.resources["shop-producer"]["links"]
    assert links
    assert all(link.startswith(f"http://{host}:8080/") for link in links)


def changed(helm: Helm, folder: Path, change: Callable[[str], str]) -> Tilt:
    """The Tiltfile after a change; not evaluated yet."""
    for name in ("charts", "examples", "hack", "operator", "services"):
        (folder / name).symlink_to(ROOT / name)
    before = (ROOT / "Tiltfile").read_text()
    (folder / "Tiltfile").write_text(change(before))
    assert change(before) != before
    return Tilt(folder, helm)


@pytest.mark.parametrize("change", [lambda text: text.replace("only =", "onyl ="), lambda text: text + "\nwatch("])
def test_the_fake_would_notice_a_mistake(helm: Helm, tmp_path: Path, change: Callable[[str], str]) -> None:
    with pytest.raises(starlark.StarlarkError):
        changed(helm, tmp_path, change).run()


CHECKS = (check_every_image_has_a_deployment, check_the_pipeline_has_no_pods)


@pytest.mark.parametrize("check", CHECKS)
def test_live_updates_reach_the_pods(tilt: Tilt, check: Callable[[Tilt], None]) -> None:
    check(tilt)


TWO_IMAGES = 'k8s_kind("OrderPipeline", image_json_path = ["{.spec.producer.image}", "{.spec.consumer.image}"])'


@pytest.mark.parametrize(
    ("check", "change"),
    [
        (CHECKS[0], lambda text: text.replace('["orderpipeline/" + component]', "[]") + TWO_IMAGES),
        (CHECKS[1], lambda text: text.replace('objects = ["shop:orderpipeline"]', "extra_pod_selectors = [{}]")),
    ],
    ids=["two images of one custom resource", "pods by their labels"],
)
def test_what_once_kept_them_from_the_pods_is_noticed(
    helm: Helm, tmp_path: Path, check: Callable[[Tilt], None], change: Callable[[str], str]
) -> None:
    tilt = changed(helm, tmp_path, change).run()
    with pytest.raises(AssertionError):
        check(tilt)


def test_a_service_is_deployed_once_its_deployment_has_the_image(crds: ApiServer, tmp_path: Path) -> None:
    """What `apply_cmd` prints is what Tilt finds the pods by."""
    image, pipeline = "registry.example/producer:tilt-1", (ROOT / "examples/shop.yaml").read_text()
    crds.kubectl("create", "namespace", "tilt")
    crds.kubectl("--namespace=tilt", "create", "-f", "-", input=pipeline)
    kubeconfig = yaml.safe_load(crds.kubeconfig.read_text())
    kubeconfig["contexts"][0]["context"]["namespace"] = "tilt"
    (tmp_path / "kubeconfig").write_text(yaml.dump(kubeconfig))
    path = {"PATH": f"{crds.bin}:{os.environ['PATH']}"}
    environment = {**os.environ, **path, "KUBECONFIG": str(tmp_path / "kubeconfig"), "TILT_IMAGE_0": image}
    command = [ROOT / "hack/tilt/deploy", "shop", "producer"]
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True) as deploy:
        try:
            read = ("--namespace=tilt", "get", "orderpipeline", "shop", "-o", "jsonpath={.spec.producer.image}")
            wait_until("the image in the pipeline", lambda: crds.kubectl(*read) == image, seconds=60)
            create = ("--namespace=tilt", "create", "deployment", "shop-producer", "--image=former")
            crds.kubectl(*create)
            crds.kubectl("--namespace=tilt", "set", "image", "deployment/shop-producer", f"former={image}")
            printed, _ = deploy.communicate(timeout=60)
        finally:
            deploy.kill()
    found = yaml.safe_load(printed)
    assert (found["kind"], found["metadata"]["name"]) == ("Deployment", "shop-producer")
    assert found["metadata"]["uid"]
    assert found["spec"]["template"]["spec"]["containers"][0]["image"] == image
