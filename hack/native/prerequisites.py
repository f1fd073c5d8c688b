"""What the native cluster requires of the machine: reports everything that is missing, installs Debian packages."""

import importlib.util
import os
import re
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

from hack.kafka import java

from . import network

JAVA = 21
GO_MINIMUM = (1, 21)  # from this version on Go fetches the newer toolchain that a module requires

# command or file -> Debian package
PACKAGES = {
    "runc": "runc",
    "/usr/lib/cni/bridge": "containernetworking-plugins",
    "buildah": "buildah",
    "mmdebstrap": "mmdebstrap",
    "ip": "iproute2",
    "nft": "nftables",
    "openssl": "openssl",
    "gpg": "gpg",  # mmdebstrap needs it to find Debian's keys
    "mount": "mount",
    "nsenter": "util-linux",
    "mvn": "maven",
    "/etc/ssl/certs/ca-certificates.crt": "ca-certificates",
    "/var/lib/dpkg/info/debian-archive-keyring.list": "debian-archive-keyring",  # mmdebstrap's keys
}
APT = ("apt-get", "-q", "-o", "DPkg::Lock::Timeout=300")  # a new machine may be updating itself


def missing_requirements() -> list[str]:
    """Every reason why the cluster cannot run here and what to do about it, except missing packages."""
    reasons = []
    if os.uname().sysname != "Linux":
        reasons.append("the native cluster runs on Linux only; on other systems install Docker, and kind is used")
    elif os.geteuid() != 0:
        reasons.append("network namespaces and containers require root; run it with sudo -E")
    elif _fails(["unshare", "--net", "true"]):
        reasons.append("network namespaces cannot be created (CAP_SYS_ADMIN is missing); use a virtual machine")
    if not _cgroup_controllers() >= {"cpu", "memory", "pids"}:
        reasons.append(
            "the cgroup controllers cpu, memory and pids are required; found " + str(sorted(_cgroup_controllers()))
        )
    go = shutil.which("go")
    if go is None:
        reasons.append("Go is missing, with which Kubernetes is built; install Go 1.26 or newer from https://go.dev/dl")
    else:
        found = re.search(r"go(\d+)\.(\d+)", _output([go, "version"]))
        if found is None or (int(found[1]), int(found[2])) < GO_MINIMUM:
            reasons.append(
                f"Go is too old ({_output([go, 'version'])}); install Go 1.26 or newer from https://go.dev/dl"
            )
    if not java.is_published(JAVA):
        try:
            java.find(JAVA, newest=True)
        except java.JavaMissingError as error:
            reasons.append(f"{error} Strimzi's CRDs are generated with it.")
    missing = missing_packages()
    if missing and (shutil.which("apt-get") is None or os.geteuid() != 0):
        reasons.append("these Debian packages are missing and cannot be installed automatically: " + " ".join(missing))
    return reasons


def missing_packages() -> list[str]:
    """Debian packages whose command or file does not exist."""
    missing = {package for name, package in PACKAGES.items() if not (_is_file(name) or shutil.which(name))}
    if importlib.util.find_spec("pip") is None:  # for the Python that runs this
        missing.add("python3-pip")
    if not network.BRIDGE_FILTER.exists() and shutil.which("modprobe") is None:
        missing.add("kmod")
    return sorted(missing)


def install(report: Callable[[str], None]) -> None:
    """Install what `missing_packages` lists. RuntimeError with apt's output."""
    packages = missing_packages()
    if not packages:
        return
    report("installing " + " ".join(packages))
    environment = os.environ | {"DEBIAN_FRONTEND": "noninteractive"}
    for command in ([*APT, "update"], [*APT, "install", "-y", "--no-install-recommends", *packages]):
        result = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
        if result.returncode:
            raise RuntimeError(f"{' '.join(command)} failed:\n{result.stdout[-500:]}{result.stderr[-1500:]}")


def _is_file(name: str) -> bool:
    return name.startswith("/") and Path(name).exists()


def _cgroup_controllers() -> set[str]:
    unified = Path("/sys/fs/cgroup/cgroup.controllers")
    if unified.exists():
        return set(unified.read_text().split())
    return {entry.name for entry in Path("/sys/fs/cgroup").glob("*") if entry.is_dir()}


def _fails(command: list[str]) -> bool:
    return shutil.which(command[0]) is None or subprocess.run(command, capture_output=True, check=False).returncode != 0


def _output(command: list[str]) -> str:
    return subprocess.run(command, capture_output=True, text=True, check=False).stdout.strip()
