"""The local cluster's scripts as far as they can be tried without a cluster: real processes, sockets, certificates."""

import ast
import asyncio
import gc
import hashlib
import json
import os
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import pytest
import yaml

from hack.native import accelerator, addons, build, forward, images, network, pki
from hack.native.config import REPO, Paths
from hack.native.procs import Processes, start_time
from orderpipeline_operator.domain.api.v1alpha1.producer import Limits
from orderpipeline_operator.domain.units import durations

pytestmark = pytest.mark.integration

SHELL = (
    "hack/accelerator",
    "hack/kind/cluster.sh",
    "hack/native/netns-exec",
    "hack/prepare",
    "hack/up",
    "hack/lock",
    "hack/standin/run",
    ".ci/run",
)


def cluster(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, str(REPO / "hack/cluster"), *arguments],
        env=os.environ | {"ORDERPIPELINE_CLUSTER": "native"} | environment,
        capture_output=True,
        text=True,
        timeout=180,
        check=False,
    )


@pytest.fixture
def processes(tmp_path: Path) -> Iterator[Processes]:
    found = Processes(tmp_path / "records", tmp_path / "logs")
    yield found
    for name in found.names():
        found.stop(name)


def test_the_edge_is_more_patient_than_the_api_and_takes_more_at_once_than_by_default() -> None:
    config = yaml.safe_load(addons.CONTOUR_CONFIG.read_text())
    assert "request-timeout" not in config["timeouts"], "it would end an upload that takes its time"
    patience = durations.seconds(config["timeouts"]["stream-idle-timeout"])
    for own in (Limits().head_timeout, Limits().request_timeout):
        assert durations.seconds(own) < patience <= 60
    connections = config["listener"]["max-connections-per-listener"]
    assert set(config["cluster"]["circuit-breakers"].values()) == {2 * connections}
    assert connections > 1024


@pytest.mark.parametrize("script", SHELL)
def test_shell_scripts_parse(script: str) -> None:
    result = subprocess.run(["bash", "-n", str(REPO / script)], capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr
    assert os.access(REPO / script, os.X_OK)


def test_it_needs_nothing_but_python_itself() -> None:
    files = [REPO / "hack/cluster", *(REPO / "hack/native").glob("*.py")]
    for path in files:
        for statement in ast.walk(ast.parse(path.read_text())):
            names = []
            if isinstance(statement, ast.Import):
                names = [alias.name for alias in statement.names]
            elif isinstance(statement, ast.ImportFrom) and statement.level == 0 and statement.module:
                names = [statement.module]
            for name in names:
                assert name.split(".")[0] in {*sys.stdlib_module_names, "hack"}, f"{path.name} imports {name}"


def test_kind_listens_on_loopback_at_the_native_clusters_ports() -> None:
    config = yaml.safe_load((REPO / "hack/kind/kind-config.yaml").read_text())
    mappings = {each["hostPort"]: each["listenAddress"] for each in config["nodes"][0]["extraPortMappings"]}
    assert mappings == {8080: "127.0.0.1", 8443: "127.0.0.1"}
    assert config["networking"] == {"apiServerAddress": "127.0.0.1", "apiServerPort": 6443}


def test_wrong_use_is_answered_with_the_usage() -> None:
    for arguments in ([], ["nonsense"], ["load"]):
        result = cluster(*arguments)
        assert result.returncode == 2
        assert "usage: hack/cluster COMMAND" in result.stderr
    assert "use kind or native" in cluster("url", ORDERPIPELINE_CLUSTER="bogus").stderr


def test_before_up_it_says_what_to_run(tmp_path: Path) -> None:
    result = cluster("kubectl", "get", "pods", ORDERPIPELINE_CACHE=str(tmp_path))
    assert result.returncode == 1
    assert "run: hack/cluster up" in result.stderr


def test_after_down_kubectl_is_not_sent_elsewhere(tmp_path: Path) -> None:
    (tmp_path / "native/bin").mkdir(parents=True)
    (tmp_path / "native/bin/kubectl").touch(0o755)
    result = cluster("kubectl", "get", "pods", ORDERPIPELINE_CACHE=str(tmp_path))
    assert (result.returncode, "is not up; run: hack/cluster up" in result.stderr) == (1, True)


def test_kinds_images_are_those_of_the_local_registry(tmp_path: Path) -> None:
    docker = tmp_path / "docker"
    names = "localhost/orderpipeline/x@sha256:aa\\nlocalhost:5001/orderpipeline/x@sha256:bb\\n"
    docker.write_text(f"#!/bin/sh\nprintf '{names}'\n")
    docker.chmod(0o755)
    path = f"{tmp_path}:{os.environ['PATH']}"
    result = cluster("values", ORDERPIPELINE_CLUSTER="kind", ORDERPIPELINE_CACHE=str(tmp_path / "cache"), PATH=path)
    images = yaml.safe_load(result.stdout)["images"]
    assert {images[part] for part in ("operator", "producer", "consumer")} == {
        "localhost:5001/orderpipeline/x@sha256:bb"
    }
    docker.write_text("#!/bin/sh\nexit 1\n")
    result = cluster("values", ORDERPIPELINE_CLUSTER="kind", ORDERPIPELINE_CACHE=str(tmp_path / "cache"), PATH=path)
    assert result.returncode == 1
    assert "run: hack/cluster build" in result.stderr


def test_down_of_a_cache_that_has_no_cluster_touches_none(tmp_path: Path) -> None:
    before = network.owner_of(Paths(tmp_path))
    result = cluster("down", ORDERPIPELINE_CACHE=str(tmp_path))
    assert result.returncode == 0
    assert "not up" in result.stderr
    assert network.owner_of(Paths(tmp_path)) == before


def test_a_process_is_started_once_restarted_when_changed_and_stopped(processes: Processes) -> None:
    sleep = ["sleep", "600"]
    assert processes.start("sleeper", sleep, in_netns=False)
    first = processes.pid("sleeper")
    assert not processes.start("sleeper", sleep, in_netns=False)
    assert processes.pid("sleeper") == first
    assert processes.start("sleeper", sleep, inputs="another configuration", in_netns=False)
    second = processes.pid("sleeper")
    assert second not in {None, first}
    assert first is not None
    assert start_time(first) is None
    processes.stop("sleeper")
    assert second is not None
    assert start_time(second) is None
    assert processes.names() == []


def test_a_process_that_got_the_id_of_an_ended_one_is_left_alone(processes: Processes) -> None:
    stranger = subprocess.Popen(["sleep", "600"])
    time.sleep(0.05)  # start times are told apart by the kernel's tick of 10 ms
    try:
        processes.start("ours", ["sleep", "600"], in_netns=False)
        path = processes.folder / "ours.json"
        record = json.loads(path.read_text())
        os.kill(record["pid"], 9)
        path.write_text(json.dumps(record | {"pid": stranger.pid}))
        assert not processes.running("ours")
        processes.stop("ours")
        assert stranger.poll() is None
    finally:
        stranger.kill()
        stranger.wait()


def test_what_is_built_is_not_built_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    paths = Paths(tmp_path)
    (paths.bin / ".stamps").mkdir(parents=True)
    (paths.bin / "pause").touch()
    (paths.bin / ".stamps/pause").write_text(build.stamp_of("pause"))
    monkeypatch.setenv("PATH", "")
    build.ensure(paths, ["pause"])
    (paths.bin / ".stamps/pause").write_text("built from something else")
    with pytest.raises(RuntimeError, match="go is not on PATH"):
        build.ensure(paths, ["pause"])


def test_building_all_names_each_project_that_is_missing_and_its_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    built: list[list[str]] = []
    monkeypatch.setenv("ORDERPIPELINE_CACHE", str(tmp_path))
    monkeypatch.setattr(build, "_build", lambda paths, project, names, report: built.append(names))
    build.main(["pause", "helm", "kubectl", "etcd"])
    assert built == [["etcd"], ["kubectl"], ["pause"], ["helm"]]
    told = capsys.readouterr().err.splitlines()
    assert [line.split(",")[0] for line in told if line.startswith("[")] == [
        "[1/4] etcd", "[2/4] kubernetes", "[3/4] pause", "[4/4] helm",
    ]  # fmt: skip
    assert "about" in told[0]
    built.clear()
    build.main([])
    assert {name for names in built for name in names} >= {"kube-apiserver", "keda", "contour", "kubelet"}


def test_a_static_binary_is_built_and_ends_on_a_signal(tmp_path: Path) -> None:
    paths = Paths(tmp_path)
    build.ensure(paths, ["pause"])
    assert build.missing(paths, ["pause"]) == []
    status = -1
    for seconds in (0.2, 2.0, 20.0):  # so long it may take until it listens to signals
        process = subprocess.Popen([paths.bin / "pause"])
        time.sleep(seconds)
        assert process.poll() is None
        process.terminate()
        if (status := process.wait(60)) == 0:
            break
    assert status == 0


def test_certificates_are_made_once_and_verify(tmp_path: Path) -> None:
    pki.make_control_plane(tmp_path, ("127.0.0.1", "10.96.0.1"))
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir() if path.suffix in {".crt", ".key", ".pub"}}
    pki.make_control_plane(tmp_path, ("127.0.0.1", "10.96.0.1"))
    assert {name: (tmp_path / name).read_bytes() for name in before} == before
    for authority, name, ok in (("ca", "apiserver", True), ("front-ca", "front", True), ("ca", "front", False)):
        command = ["openssl", "verify", "-x509_strict", "-CAfile", tmp_path / f"{authority}.crt"]
        result = subprocess.run([*command, tmp_path / f"{name}.crt"], capture_output=True, check=False)
        assert (result.returncode == 0) is ok, result.stderr


def test_an_images_inputs_are_what_its_dockerfile_copies(tmp_path: Path) -> None:
    for name in ("a/one.py", "a/__pycache__/one.pyc", "b.txt", "c.txt"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    (tmp_path / "Dockerfile").write_text("FROM x\nCOPY --chown=1:1 a/ \\\n  b.txt /app/\nCOPY --from=y /z /z\n")
    found = {str(path.relative_to(tmp_path)) for path in images.copied(tmp_path / "Dockerfile", tmp_path)}
    assert found == {"a/one.py", "b.txt"}


NO_TOOLCHAIN = "error: rustup could not choose a version of cargo to run"
WHEEL = "orderpipeline_accelerator-0.1.0-cp311-abi3-manylinux_2_34_x86_64.whl"


@pytest.fixture
def rust(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str, str], None]:
    """Puts a cargo of this version on the PATH, and a maturin that runs this shell code for `--out FOLDER` (`$9`).
    Without a version it is rustup's, which has no toolchain to run.
    """

    def put(version: str, build: str) -> None:
        cargo = f"echo 'cargo {version} (x)'" if version else f"echo '{NO_TOOLCHAIN}' >&2; exit 1"
        lock = hashlib.sha256((REPO / "services/accelerator/requirements.lock").read_bytes()).hexdigest()[:16]
        maturin = tmp_path / f"cache/maturin-{lock}/bin/maturin"
        programs = {"cargo": cargo, "rustc": "echo rustc"}
        for path, code in [(maturin, build), *((tmp_path / "bin" / name, code) for name, code in programs.items())]:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(f"#!/bin/sh\n{code}\n")
            path.chmod(0o755)
        monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:{os.environ['PATH']}")
        monkeypatch.setenv("CARGO_TARGET_DIR", str(tmp_path / "target"))

    return put


def test_the_accelerator_is_built_once_for_its_sources(tmp_path: Path, rust: Callable[[str, str], None]) -> None:
    said: list[str] = []
    rust("1.99.0", f'mkdir -p "$9"; touch "$9/{WHEEL}"')
    first = accelerator.wheel(Paths(tmp_path / "cache"), said.append)
    assert first is not None
    assert first.name == WHEEL
    assert len(said) == 1, "it takes a while"
    rust("1.99.0", "exit 1")
    assert accelerator.wheel(Paths(tmp_path / "cache"), said.append) == first
    assert len(said) == 1


@pytest.mark.parametrize(
    ("version", "build", "reason"),
    [
        ("1.63.0", "exit 1", "cargo 1.63.0 is too old"),
        ("", "exit 1", "no cargo"),
        ("1.99.0", "echo an error of the compiler; exit 1", "cannot be built"),
        ("1.99.0", f'mkdir -p "$9"; touch "$9/{WHEEL.replace("2_34", "2_39")}"', "a newer C library"),
    ],
)
def test_images_that_go_without_the_accelerator_say_so_in_one_line(
    tmp_path: Path, rust: Callable[[str, str], None], version: str, build: str, reason: str
) -> None:
    said: list[str] = []
    rust(version, build)
    assert accelerator.wheel(Paths(tmp_path / "cache"), said.append) is None
    assert reason in said[-1]
    assert "the images go without the accelerator" in said[-1]
    assert len(said) <= 2
    log = tmp_path / "cache/native/images/accelerator.log"
    assert not log.exists() or "an error of the compiler" in log.read_text()


@pytest.mark.parametrize("doing", [[], ["--wheel"], ["--test"]])
def test_where_cargo_cannot_run_the_accelerator_is_left_out_in_one_line(
    rust: Callable[[str, str], None], doing: list[str]
) -> None:
    rust("", "exit 1")
    command = [str(REPO / "hack/accelerator"), *doing]
    able = subprocess.run([*command, "--if-able"], capture_output=True, text=True, check=False)
    assert (able.returncode, able.stdout) == (0, "")
    assert able.stderr.startswith("no cargo: the accelerator is not ")
    assert able.stderr.count("\n") == 1
    assert subprocess.run(command, capture_output=True, text=True, check=False).returncode == 1


async def test_the_forward_carries_many_connections_both_ways_and_half_closes() -> None:
    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        body = await reader.read()  # until the client's end: needs the half-close to come through
        writer.write(body[::-1])
        await writer.drain()
        writer.close()

    async def ask(port: int, body: bytes) -> bytes:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(body)
        writer.write_eof()
        reply = await reader.read()
        writer.close()
        await writer.wait_closed()
        return reply

    upstream = await asyncio.start_server(answer, "127.0.0.1", 0, backlog=1024)
    async with forwarding(upstream.sockets[0].getsockname()[1]) as port:
        bodies = [f"request {number} ".encode() * 50 for number in range(400)] + [bytes(range(256)) * 8192]
        replies = await asyncio.gather(*(ask(port, body) for body in bodies))
        assert replies == [body[::-1] for body in bodies]
    upstream.close()
    await upstream.wait_closed()


def test_a_port_that_is_taken_leaves_no_socket_behind() -> None:
    taken = forward.listen(0)
    with taken, pytest.raises(OSError, match="in use"):
        forward.listen(taken.getsockname()[1])
    gc.collect()  # a socket that was left would be found here


async def test_the_forward_closes_a_connection_that_nothing_answers() -> None:
    async with forwarding(1) as port:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        try:
            received = await asyncio.wait_for(reader.read(), 60)
        except ConnectionResetError:
            received = b""
        assert received == b""
        writer.close()
        with suppress(ConnectionResetError):
            await writer.wait_closed()


@asynccontextmanager
async def forwarding(upstream_port: int) -> AsyncIterator[int]:
    sock = forward.listen(0)
    task = asyncio.create_task(forward.serve({sock: ("127.0.0.1", upstream_port)}))
    try:
        yield sock.getsockname()[1]
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
