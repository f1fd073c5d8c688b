"""Builds the cluster's binaries from Go modules with the Go toolchain. Idempotent: stamps record the inputs."""

import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path
from typing import TextIO

from .config import Paths
from .files import locked
from .progress import Step, run
from .projects import KUBERNETES, PROJECTS, STAGING, Project, project_of

Report = Callable[[str], None]
GO_VERSION = "1.26.0"


def stamp_of(binary: str) -> str:
    """A hash of everything that `binary` is built from: modules, package, flags, source."""
    project = project_of(binary)
    inputs: list[object] = [project.requires, project.packages[binary], project.ldflags, project.tags, project.source]
    inputs += [project.files] if project.files else []
    return hashlib.sha256(json.dumps(inputs).encode()).hexdigest()


def missing(paths: Paths, binaries: Iterable[str]) -> list[str]:
    """Those of `binaries` that do not exist or were built from other inputs."""
    return [name for name in binaries if not _is_current(paths, name)]


def ensure(paths: Paths, binaries: Iterable[str], report: Report = lambda line: None) -> None:
    """Build those of `binaries` that are not current. Builds in the same cache run one at a time.

    RuntimeError with the log's path if a build fails.
    """
    wanted = list(binaries)
    if not missing(paths, wanted):
        return
    with locked(paths.build / "lock"):
        for project in PROJECTS:
            todo = [name for name in missing(paths, wanted) if name in project.packages]
            if todo:
                _build(paths, project, todo, report)


def ensure_files(paths: Paths, name: str) -> list[Path]:
    """Copy the files of project `name` from its modules to `paths.share`; nothing is compiled."""
    project = next(each for each in PROJECTS if each.name == name)
    wanted = hashlib.sha256(json.dumps([project.requires, project.files]).encode()).hexdigest()
    stamp, targets = paths.share / ".stamps" / name, [paths.share / each for each in project.files]
    with locked(paths.build / f"{name}-files.lock"):
        if not (stamp.exists() and stamp.read_text() == wanted and all(each.exists() for each in targets)):
            folder = paths.build / f"{name}-files"
            folder.mkdir(parents=True, exist_ok=True)
            (folder / "go.mod").write_text(f"module local/{name}\n\ngo {GO_VERSION}\n")
            with (paths.build / f"{name}-files.log").open("w") as log:
                versions = dict(each.split("@") for each in project.requires)
                for target, origin in zip(targets, project.files.values(), strict=True):
                    module, _, path = origin.partition(":")
                    found = _go(["mod", "download", "-json", f"{module}@{versions[module]}"], folder, log, capture=True)
                    target.parent.mkdir(parents=True, exist_ok=True)
                    target.write_bytes(Path(json.loads(found)["Dir"], path).read_bytes())
            stamp.parent.mkdir(exist_ok=True)
            stamp.write_text(wanted)
    return targets


def seconds_of(paths: Paths, binaries: Iterable[str]) -> int:
    """A rough estimate of how long `ensure` takes on two cores with empty caches."""
    return sum({project_of(name).name: project_of(name).seconds for name in missing(paths, binaries)}.values())


def _is_current(paths: Paths, binary: str) -> bool:
    stamp = paths.bin / ".stamps" / binary
    return (paths.bin / binary).exists() and stamp.exists() and stamp.read_text() == stamp_of(binary)


def _build(paths: Paths, project: Project, binaries: list[str], report: Report) -> None:
    folder = paths.build / project.name
    folder.mkdir(parents=True, exist_ok=True)
    log_path = paths.build / f"{project.name}.log"
    (paths.bin / ".stamps").mkdir(parents=True, exist_ok=True)
    with log_path.open("w") as log:
        report(f"{project.name}: fetching modules (log: {log_path})")
        _write_module(folder, project, log)
        _go(["mod", "tidy"], folder, log)
        for name, origin in project.files.items():
            module, _, path = origin.partition(":")
            source = _go(["list", "-m", "-f", "{{.Dir}}", module], folder, log, capture=True).strip()
            paths.share.mkdir(parents=True, exist_ok=True)
            (paths.share / name).write_bytes(Path(source, path).read_bytes())
        for name in binaries:
            report(f"{project.name}: compiling {name}")
            flags = ["-trimpath", "-buildvcs=false", "-ldflags", project.ldflags, "-tags", project.tags]
            made = folder / "out" / name
            _go(["build", *flags, "-o", str(made), project.packages[name]], folder, log)
            # A rename: a running cluster or test keeps the file that it has open.
            made.replace(paths.bin / name)
            (paths.bin / ".stamps" / name).write_text(stamp_of(name))


def _write_module(folder: Path, project: Project, log: TextIO) -> None:
    lines = [f"module local/{project.name}", "", f"go {GO_VERSION}", ""]
    lines += [f"require {requirement.replace('@', ' ')}" for requirement in project.requires]
    if project.replace_staging:
        lines += [f"replace k8s.io/{name} => k8s.io/{name} {STAGING}" for name in _staging_modules(folder, log)]
    (folder / "go.sum").unlink(missing_ok=True)
    (folder / "go.mod").write_text("\n".join(lines) + "\n")
    for stale in folder.glob("*.go"):
        stale.unlink()
    if project.source:
        (folder / "main.go").write_text(project.source)
    imports = "".join(f'\t_ "{package}"\n' for package in project.packages.values() if package != ".")
    if imports:  # so that `go mod tidy` keeps what the commands need
        (folder / "tools.go").write_text(f"//go:build tools\n\npackage tools\n\nimport (\n{imports})\n")


def _staging_modules(folder: Path, log: TextIO) -> list[str]:
    (folder / "go.mod").write_text(f"module local/kubernetes\n\ngo {GO_VERSION}\n")
    output = _go(["mod", "download", "-json", f"k8s.io/kubernetes@{KUBERNETES}"], folder, log, capture=True)
    go_mod = Path(json.loads(output)["GoMod"]).read_text()
    return re.findall(r"^\s*k8s\.io/(\S+) => \./staging/", go_mod, flags=re.MULTILINE)


def _go(arguments: list[str], folder: Path, log: TextIO, *, capture: bool = False) -> str:
    go = shutil.which("go")
    if go is None:
        raise RuntimeError("go is not on PATH; install Go 1.26 or newer (from 1.21 on, Go fetches it by itself)")
    environment = os.environ | {"CGO_ENABLED": "0", "GOFLAGS": "", "GOWORK": "off"}
    log.write(f"$ go {' '.join(arguments)}\n")
    log.flush()
    stdout = subprocess.PIPE if capture else log
    result = subprocess.run(
        ["nice", go, *arguments], cwd=folder, env=environment, stdout=stdout, stderr=log, text=True, check=False
    )
    if result.returncode:
        raise RuntimeError(f"go {arguments[0]} failed in {folder.name}; see {log.name}")
    return result.stdout or ""


def main(arguments: list[str]) -> None:
    """Build the named binaries, by default all that the local cluster and the tests need; each project is a step."""
    paths = Paths.from_env()
    wanted = arguments or [name for project in PROJECTS for name in project.packages if name != "kind"]
    todo = missing(paths, wanted)
    run(
        [
            Step(project.name, project.seconds, partial(ensure, paths, names))
            for project in PROJECTS
            if (names := [name for name in todo if name in project.packages])
        ]
    )


if __name__ == "__main__":
    main(sys.argv[1:])
