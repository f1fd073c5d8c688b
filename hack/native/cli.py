"""The commands of hack/cluster on a machine without Docker."""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from . import images, keda, loading, prerequisites
from .config import HTTP_PORT, HTTPS_PORT
from .down import down
from .progress import Step, run, say
from .up import PROCESSES, Cluster, cluster


def main(arguments: Sequence[str]) -> int:
    """Run one command; returns the exit status. A failure is one message on stderr."""
    command, rest = arguments[0], list(arguments[1:])
    native = cluster()
    commands: dict[str, Callable[[], int | None]] = {
        "up": lambda: _up(native),
        "down": lambda: down(native.paths),
        "build": lambda: _build(native),
        "load": lambda: _load(native, rest),
        "values": lambda: _print(values(native)),
        "keda": lambda: keda.command(native, rest),
        "url": lambda: _print(url(native)),
        "status": lambda: _status(native),
    }
    try:
        if command in commands:
            return commands[command]() or 0
        _pass_through(native, command, rest)
    except (RuntimeError, OSError, subprocess.SubprocessError) as error:
        say(f"hack/cluster {command}: {error}")
        return 1
    except KeyboardInterrupt:
        say(f"hack/cluster {command}: interrupted; run it again to continue")
        return 130
    return 0


def _up(native: Cluster) -> None:
    _require_machine()
    native.up()
    say(url(native))


def _build(native: Cluster) -> None:
    _require_machine()
    run([Step("images", 1, lambda report: images.build_all(native.paths, report))])


def _load(native: Cluster, names: Sequence[str]) -> None:
    for name in names:
        loading.load(native.paths, name, say)


def _print(text: str) -> None:
    sys.stdout.write(text.rstrip("\n") + "\n")


def url(native: Cluster) -> str:
    """The URLs of the ingress, the order APIs and the kubeconfig. Hosts below .localhost need no DNS entry."""
    lines = [f"ingress     http://127.0.0.1:{HTTP_PORT}  https://127.0.0.1:{HTTPS_PORT}"]
    listed = native.kubectl("get", "ingress", "--all-namespaces", "-o", "json")
    for item in json.loads(listed.stdout)["items"] if listed.returncode == 0 else []:
        hosts = [rule["host"] for rule in item["spec"].get("rules", []) if "host" in rule]
        lines += [f"order API   http://{host}:{HTTP_PORT}  ({item['metadata']['namespace']})" for host in hosts]
    lines.append(f"kubeconfig  {native.paths.kubeconfig}")
    return "\n".join(lines)


def values(native: Cluster) -> str:
    """Chart values that name the images by digest, so that a rebuilt image rolls its pods."""
    parts = ("operator", "producer", "consumer")
    names = {part: loading.pinned(native.paths, f"localhost/orderpipeline/{part}:dev") for part in parts}
    return json.dumps({"images": {"registry": "", **names}}) + "\n"


def _status(native: Cluster) -> int:
    """Print a line per process; 0 if all are running."""
    running = {name: native.processes.pid(name) for name in (*PROCESSES, *native.processes.names())}
    for name, pid in running.items():
        sys.stdout.write(f"{name:20} {f'running, process {pid}' if pid else 'not running'}\n")
    nodes = native.kubectl("get", "nodes", "--no-headers")
    sys.stdout.write(nodes.stdout or "no node\n")
    return 0 if all(running.values()) and nodes.returncode == 0 else 1


def _require_machine() -> None:
    reasons = prerequisites.missing_requirements()
    if reasons:
        raise RuntimeError("this machine cannot run the cluster:\n" + "\n".join(f"  - {reason}" for reason in reasons))


def _pass_through(native: Cluster, command: str, rest: list[str]) -> None:
    """Replace this process by the cached binary, with the cluster's kubeconfig."""
    binary: Path = native.paths.bin / command
    if not binary.exists():
        raise RuntimeError(f"{binary} does not exist yet; run: hack/cluster up")
    if command == "kubectl" and not native.paths.kubeconfig.exists():  # it would try port 8080, the ingress
        raise RuntimeError("the local cluster is not up; run: hack/cluster up")
    environment = dict(os.environ) | {"KUBECONFIG": str(native.paths.kubeconfig)}
    os.execve(binary, [command, *rest], environment)  # noqa: S606 - replaces this process on purpose
