"""The Tiltfile's Starlark, with Tilt's functions faked and the real chart rendered. Tilt itself is not run."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import starlark

from orderpipeline_operator.domain.api import v1alpha1
from orderpipeline_operator.domain.kubernetes import names
from tests.integration.project.tilt import Tilt
from tests.support.helm import ROOT, Helm

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
    copied = re.findall(r"^COPY (\S+) (\S+)$", image["dockerfile"], re.MULTILINE)
    assert {source for source, _ in copied} == set(image["only"])
    assert all((ROOT / source).exists() for source in image["only"])
    assert image["dockerfile"].count("FROM ") == 1
    assert re.findall(r"^USER (\S+)$", image["dockerfile"], re.MULTILINE)[-1] == "10001:10001"
    assert image["dockerfile"].endswith(f'ENTRYPOINT ["python3", "/reload.py", "orderpipeline_{program}"]')


@pytest.mark.parametrize("program", PROGRAMS)
def test_edited_code_goes_where_the_reloader_looks(tilt: Tilt, program: str) -> None:
    image = tilt.images[f"orderpipeline/{program}"]
    rebuild, *syncs = image["live_update"]
    assert rebuild["step"] == "fall_back_on"
    assert set(rebuild["files"]) <= set(image["only"])
    copied = dict(re.findall(r"^COPY (\S+) (\S+)$", image["dockerfile"], re.MULTILINE))
    assert {step["local"] for step in syncs} == {
        source for source in copied if Path(source).name.startswith("orderpipeline_")
    }
    for step in syncs:
        assert step["step"] == "sync"
        assert (ROOT / step["local"] / "__init__.py").exists()
        assert step["remote"] == copied[step["local"]].replace("/app/", "/tmp/app/")


def test_every_image_is_used_by_an_object_that_is_applied(tilt: Tilt) -> None:
    (operator,) = [each for each in tilt.objects if each["kind"] == "Deployment"]
    (shop,) = [each for each in tilt.objects if each["kind"] == v1alpha1.KIND]
    used = {operator["spec"]["template"]["spec"]["containers"][0]["image"].split(":")[0]}
    used |= {_at(shop, path) for path in tilt.kinds[v1alpha1.KIND]}
    assert used == set(tilt.images)


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
    ready = tilt.local_resources["shop-ready"]
    assert ready["deps"] == ["shop"]
    assert ready["auto"]
    assert "kubectl wait --for=condition=Ready orderpipeline/shop" in ready["cmd"]
    known = {*tilt.resources, *tilt.local_resources}
    every: list[dict[str, Any]] = [*tilt.resources.values(), *tilt.local_resources.values()]
    assert all(set(each["deps"]) <= known for each in every)


def test_the_pods_of_the_pipeline_are_found_by_the_labels_they_get(tilt: Tilt) -> None:
    for component, selector in zip(("producer", "consumer"), tilt.resources["shop"]["pods"], strict=True):
        assert selector.items() <= names.labels("shop", component).items()


def test_links_lead_to_the_host_of_the_example(tilt: Tilt) -> None:
    (shop,) = [each for each in tilt.objects if each["kind"] == v1alpha1.KIND]
    host = shop["spec"]["producer"]["ingress"]["host"]
    assert tilt.resources["shop"]["links"]
    assert all(link.startswith(f"http://{host}:8080/") for link in tilt.resources["shop"]["links"])


@pytest.mark.parametrize("change", [lambda text: text.replace("only =", "onyl ="), lambda text: text + "\nwatch("])
def test_the_fake_would_notice_a_mistake(helm: Helm, tmp_path: Path, change: Callable[[str], str]) -> None:
    for name in ("charts", "examples", "hack", "operator", "services"):
        (tmp_path / name).symlink_to(ROOT / name)
    (tmp_path / "Tiltfile").write_text(change((ROOT / "Tiltfile").read_text()))
    with pytest.raises(starlark.StarlarkError):
        Tilt(tmp_path, helm).run()


def _at(document: dict[str, Any], path: str) -> Any:
    node: Any = document
    for step in path.strip("{}").strip(".").split("."):
        node = node[step]
    return node
