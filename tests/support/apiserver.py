"""A bare but real Kubernetes API: etcd and kube-apiserver on loopback, with RBAC and the aggregation layer.

No controllers run, so nothing acts on what is written: no pods, no garbage collection, no default ServiceAccounts. To
serve an APIService from a test, make its Service `type: ExternalName, externalName: localhost` and name the port in the
APIService: the API server then calls https://localhost:<port> with the front-proxy certificate, and expects a serving
certificate for <service>.<namespace>.svc.
"""

import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

import pytest

from hack.native import build, controlplane, pki
from hack.native.config import Paths
from tests.support.ports import free_ports
from tests.support.processes import ENDS_WITH_US
from tests.support.waiting import Deadline, wait_until

SERVICES = "10.97.0.0/16"


@dataclass(frozen=True)
class ApiServer:
    """A running API server. Paths are PEM files or kubeconfigs; `cert` and `key` are a cluster administrator's."""

    url: str
    folder: Path
    kubeconfig: Path
    ca: Path
    cert: Path
    key: Path
    front_proxy_ca: Path
    front_proxy_cert: Path
    front_proxy_key: Path
    bin: Path

    def kubectl(self, *arguments: str, input: str | None = None) -> str:  # noqa: A002 - as subprocess.run names it
        """kubectl's output, as administrator. Raises AssertionError with its error text when it fails."""
        result = self.try_kubectl(*arguments, input=input)
        assert result.returncode == 0, f"kubectl {' '.join(arguments)}: {result.stderr.strip()}"
        return result.stdout

    def try_kubectl(
        self,
        *arguments: str,
        input: str | None = None,  # noqa: A002 - as subprocess.run names it
    ) -> subprocess.CompletedProcess[str]:
        """As `kubectl`, for calls that may fail: the completed process."""
        command = [str(self.bin / "kubectl"), f"--kubeconfig={self.kubeconfig}", *arguments]
        cache = f"--cache-dir={self.folder / 'kubectl-cache'}"
        return subprocess.run([*command, cache], input=input, capture_output=True, text=True, timeout=180, check=False)

    def wait_may(self, verb: str, resource: str, *arguments: str, may: bool = True) -> None:
        """Wait until a user may do this, or may not: rights that were just written are not in force at once."""
        answer = "yes" if may else "no"
        command = ("auth", "can-i", verb, resource, *arguments)
        wait_until(
            f"{answer} to {' '.join(command)}", lambda: self.try_kubectl(*command).stdout.startswith(answer), every=0.1
        )

    def wait_served(self, *plurals: str) -> None:
        """Wait until kinds can be used: an established one may still answer that its storage is initializing."""
        self.kubectl("wait", "--for=condition=Established", "crd", *plurals, "--timeout=120s")
        for plural in plurals:
            deadline = Deadline(f"{plural} can be listed")
            while (answer := self.try_kubectl("get", plural, "-A")).returncode:
                deadline.check(answer.stderr)
                time.sleep(0.2)

    def token_for(self, namespace: str, account: str) -> str:
        """A token of a new ServiceAccount that may do everything. Tokens are what pods have, and cost less to check."""
        name = f"{namespace}-{account}"
        self.kubectl("-n", namespace, "create", "serviceaccount", account)
        subject = f"--serviceaccount={namespace}:{account}"
        self.kubectl("create", "clusterrolebinding", name, "--clusterrole=cluster-admin", subject)
        self.wait_may("*", "*", f"--as=system:serviceaccount:{namespace}:{account}", "--all-namespaces")
        return self.kubectl("-n", namespace, "create", "token", account, "--duration=24h").strip()

    def kubeconfig_for(self, user: str, *groups: str) -> Path:
        """A kubeconfig for a user that has only what RBAC grants; its certificate is made on the first call."""
        certificates = self.ca.parent
        subject = "".join(f"/O={group}" for group in groups) + f"/CN={user}"
        name = "user-" + "".join(c if c.isalnum() else "-" for c in "-".join((user, *groups)))
        pki.issue(certificates, "ca", name, subject)
        path = self.folder / f"{name}.kubeconfig"
        controlplane.write_kubeconfig(path, self.url, certificates, name)
        return path


@pytest.fixture(scope="session")
def apiserver() -> Iterator[ApiServer]:
    """One API server for the whole session; tests keep apart by namespaces of their own."""
    with run_apiserver() as server:
        yield server


@contextmanager
def run_apiserver(*more: str, environment: Mapping[str, str] = MappingProxyType({})) -> Iterator[ApiServer]:
    """Start etcd and kube-apiserver, building them first if they are missing; stop both and remove their data after.

    `more` and `environment` are further flags and variables of the API server.
    """
    paths = Paths.from_env()
    build.ensure(paths, ["etcd", "kube-apiserver", "kubectl"])
    with ExitStack() as stack:
        folder = Path(tempfile.mkdtemp(prefix="orderpipeline-apiserver-"))
        stack.callback(shutil.rmtree, folder, ignore_errors=True)
        certificates = folder / "pki"
        pki.make_control_plane(certificates, ("127.0.0.1",))
        etcd_port, peer_port, port = free_ports(3)
        etcd = controlplane.etcd_command(paths.bin / "etcd", folder / "etcd", etcd_port, peer_port)
        stack.enter_context(_process(etcd, folder / "etcd.log"))
        # ExternalName Services are only followed without aggregator routing; nothing here can route to pods anyway.
        extra = ("--bind-address=127.0.0.1", "--authorization-mode=RBAC", "--endpoint-reconciler-type=none", *more)
        command = controlplane.apiserver_command(
            paths.bin / "kube-apiserver", certificates, etcd_port, port, SERVICES, extra
        )
        process = stack.enter_context(_process(command, folder / "kube-apiserver.log", environment))
        url = f"https://127.0.0.1:{port}"
        kubeconfig = folder / "kubeconfig"
        controlplane.write_kubeconfig(kubeconfig, url, certificates, "admin")
        server = ApiServer(
            url=url,
            folder=folder,
            kubeconfig=kubeconfig,
            ca=certificates / "ca.crt",
            cert=certificates / "admin.crt",
            key=certificates / "admin.key",
            front_proxy_ca=certificates / "front-ca.crt",
            front_proxy_cert=certificates / "front.crt",
            front_proxy_key=certificates / "front.key",
            bin=paths.bin,
        )
        _wait_ready(server, process)
        yield server


def _wait_ready(server: ApiServer, process: subprocess.Popen[bytes], seconds: float = 180) -> None:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        namespace = server.try_kubectl("get", "namespace", "default", "--request-timeout=10s")
        if namespace.returncode == 0 and server.try_kubectl("get", "--raw", "/readyz").returncode == 0:
            return
        if process.poll() is not None:
            break
        time.sleep(0.1)
    log = (server.folder / "kube-apiserver.log").read_text()[-2000:]
    raise AssertionError(f"kube-apiserver was not ready within {seconds:.0f} s; the end of its log:\n{log}")


@contextmanager
def _process(
    command: list[str], log: Path, environment: Mapping[str, str] = MappingProxyType({})
) -> Iterator[subprocess.Popen[bytes]]:
    """A child that dies with this process, even when that is killed."""
    with log.open("wb") as output:
        process = subprocess.Popen(
            [*ENDS_WITH_US, *command], stdout=output, stderr=output, env={"PATH": os.environ["PATH"], **environment}
        )
        try:
            yield process
        finally:
            process.terminate()
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
