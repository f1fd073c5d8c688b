"""Tilt as far as a Tiltfile can see it: its functions with their parameters, which only record how they were called."""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import starlark
import yaml

from tests.support.helm import Helm


@dataclass
class Tilt:
    """Evaluates a Tiltfile. A parameter that Tilt does not have is an error, as in Tilt."""

    root: Path
    helm: Helm
    context: str = "kind-orderpipeline"
    images: dict[str, dict[str, Any]] = field(default_factory=dict)
    resources: dict[str, dict[str, Any]] = field(default_factory=dict)
    local_resources: dict[str, dict[str, Any]] = field(default_factory=dict)
    objects: list[dict[str, Any]] = field(default_factory=list)
    kinds: dict[str, Any] = field(default_factory=dict)
    commands: list[str] = field(default_factory=list)
    deploys: dict[str, dict[str, Any]] = field(default_factory=dict)
    settings: dict[str, int] = field(default_factory=dict)

    def run(self) -> "Tilt":
        """Evaluate the Tiltfile at the root."""
        module = starlark.Module()
        for function in self._functions():
            module.add_callable(function.__name__.lstrip("_"), function)
        module["TRIGGER_MODE_MANUAL"] = "manual"
        dialect = starlark.Dialect.extended()
        dialect.enable_f_strings = False  # Tilt's Starlark has none
        syntax = starlark.parse("Tiltfile", (self.root / "Tiltfile").read_text(), dialect)
        starlark.eval(module, syntax, starlark.Globals.standard())
        return self

    def _functions(self) -> list[Callable[..., Any]]:
        builds = [self._docker_build, self._fall_back_on, self._sync, self._k8s_kind, self._k8s_yaml, self._helm]
        resources = [self._k8s_resource, self._local_resource, self._port_forward, self._link]
        files = [self._read_file, self._read_yaml, self._decode_yaml_stream, self._encode_yaml]
        settings = [self._version_settings, self._update_settings, self._k8s_context]
        return [*builds, *resources, *files, *settings, self._k8s_custom_deploy, self._local]

    def _version_settings(self, check_updates: bool = True, constraint: str = "") -> None:
        assert constraint

    def _update_settings(
        self,
        max_parallel_updates: int = 3,
        k8s_upsert_timeout_secs: int = 30,
        suppress_unused_image_warnings: Any = None,
    ) -> None:
        self.settings["k8s_upsert_timeout_secs"] = k8s_upsert_timeout_secs

    def _k8s_context(self) -> str:
        return self.context

    def _local(self, command: str, quiet: bool = False) -> str:
        self.commands.append(command)
        return ""

    def _docker_build(
        self,
        ref: str,
        context: str,
        *,
        dockerfile_contents: str = "",
        only: list[str] | None = None,
        ignore: list[str] | None = None,
        live_update: list[dict[str, Any]] | None = None,
    ) -> None:
        assert ref not in self.images, f"{ref} is built twice"
        self.images[ref] = {
            "context": context,
            "dockerfile": dockerfile_contents,
            "only": only or [],
            "live_update": live_update or [],
        }

    def _fall_back_on(self, files: list[str]) -> dict[str, Any]:
        return {"step": "fall_back_on", "files": files}

    def _sync(self, local_path: str, remote_path: str) -> dict[str, Any]:
        return {"step": "sync", "local": local_path, "remote": remote_path}

    def _helm(
        self, path: str, name: str = "", namespace: str = "", values: list[str] | None = None, kube_version: str = ""
    ) -> str:
        files = [word for file in values or [] for word in ("--values", str(self.root / file))]
        where = ("--namespace", namespace, *(("--kube-version", kube_version) if kube_version else ()))
        done = self.helm.run("template", name, str(self.root / path), *where, *files)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def _k8s_yaml(self, yaml: str) -> None:
        text = yaml if "\n" in yaml else self._read_file(yaml)
        self.objects += self._decode_yaml_stream(text)

    def _k8s_kind(self, kind: str, *, image_json_path: list[str], pod_readiness: str = "") -> None:
        self.kinds[kind] = image_json_path

    def _k8s_custom_deploy(
        self,
        name: str,
        apply_cmd: list[str],
        delete_cmd: list[str],
        deps: list[str],
        image_selector: str = "",
        live_update: list[dict[str, Any]] | None = None,
        container_selector: str = "",
        image_deps: list[str] | None = None,
    ) -> None:
        assert name not in self.deploys, f"{name} is deployed twice"
        self.deploys[name] = {"command": apply_cmd, "delete": delete_cmd, "files": deps, "images": image_deps or []}

    def _k8s_resource(
        self,
        workload: str = "",
        new_name: str = "",
        objects: list[str] | None = None,
        port_forwards: list[Any] | None = None,
        extra_pod_selectors: list[dict[str, str]] | None = None,
        resource_deps: list[str] | None = None,
        links: list[Any] | None = None,
        labels: list[str] | None = None,
        pod_readiness: str = "",
        discovery_strategy: str = "",
    ) -> None:
        assert discovery_strategy in ("", "default", "selectors-only")
        selectors = {"objects": objects or [], "pods": extra_pod_selectors or [], "discovery": discovery_strategy}
        self.resources[new_name or workload] = {**selectors, "deps": resource_deps or [], "links": links or []}

    def _local_resource(
        self,
        name: str,
        cmd: str,
        deps: list[str] | None = None,
        trigger_mode: str = "auto",
        resource_deps: list[str] | None = None,
        auto_init: bool = True,
        allow_parallel: bool = False,
        labels: list[str] | None = None,
    ) -> None:
        self.local_resources[name] = {"cmd": cmd, "files": deps or [], "deps": resource_deps or [], "auto": auto_init}

    def _port_forward(self, local_port: int, container_port: int, name: str = "", link_path: str = "") -> list[int]:
        return [local_port, container_port]

    def _link(self, url: str, name: str) -> str:
        return url

    def _read_file(self, file_path: str) -> str:
        return (self.root / file_path).read_text()

    def _read_yaml(self, path: str) -> Any:
        return yaml.safe_load((self.root / path).read_text())

    def _decode_yaml_stream(self, text: str) -> list[dict[str, Any]]:
        return [document for document in yaml.load_all(text, Loader=yaml.CSafeLoader) if document]

    def _encode_yaml(self, document: dict[str, Any]) -> str:
        return yaml.dump(document)
