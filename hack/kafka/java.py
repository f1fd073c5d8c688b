"""Finds a Java new enough for the task, without asking the user where it is."""

import os
import re
import shutil
from collections.abc import Iterable
from pathlib import Path

JVM_FOLDER = Path("/usr/lib/jvm")


class JavaMissingError(RuntimeError):
    """No Java of the asked version is on this machine."""


def major(home: Path) -> int | None:
    """Major version of the Java at `home`, from its `release` file; None when there is none."""
    try:
        release = (home / "release").read_text(encoding="utf-8")
    except OSError:
        return None
    found = re.search(r'^JAVA_VERSION="(\d+)', release, re.MULTILINE)
    return int(found.group(1)) if found else None


def homes() -> Iterable[Path]:
    """Java homes in the order of preference: JAVA_HOME, the one on PATH, then /usr/lib/jvm, newest first."""
    if "JAVA_HOME" in os.environ:
        yield Path(os.environ["JAVA_HOME"])
    on_path = shutil.which("java")
    if on_path:
        yield Path(on_path).resolve().parent.parent
    if JVM_FOLDER.is_dir():
        yield from sorted(JVM_FOLDER.iterdir(), key=lambda home: major(home) or 0, reverse=True)


def find(minimum: int, newest: bool = False) -> Path:
    """Home of a Java >= `minimum`: the newest when asked, else the preferred one; JavaMissingError if none."""
    versions = {home: version for home in homes() if (home / "bin/java").exists() and (version := major(home))}
    fitting = [home for home, version in versions.items() if version >= minimum]
    if not fitting:
        seen = ", ".join(f"{home} ({version})" for home, version in versions.items()) or "none"
        raise JavaMissingError(
            f"Java {minimum} or newer is needed, found: {seen}. Install a JDK of that version or set JAVA_HOME to one."
        )
    return max(fitting, key=lambda home: versions[home]) if newest else fitting[0]
