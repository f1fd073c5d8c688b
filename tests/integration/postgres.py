"""Fixture `postgres`: a real PostgreSQL on loopback, in a folder of its own."""

import os
import pwd
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import psycopg
import pytest

from tests.integration.broker import free_ports

FLAGS = ("-c", "fsync=off", "-c", "max_connections=60", "-c", "shared_buffers=32MB", "-c", "lc_messages=C")


def binaries() -> Path:
    """The folder with initdb and pg_ctl: Debian keeps them off the PATH."""
    found = shutil.which("pg_ctl")
    folders = [Path(found).resolve().parent] if found else []
    folders += sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda path: -float(path.parent.name))
    for folder in folders:
        if (folder / "initdb").exists() and (folder / "postgres").exists():
            return folder
    raise RuntimeError("initdb and pg_ctl are missing; install Debian's package postgresql")


class Postgres:
    """A server; `dsn` stays the same over `stop()` and `start()`."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._data = folder / "data"
        self._port = free_ports(1)[0]
        self.dsn = f"host=127.0.0.1 port={self._port} user=orders dbname=postgres"
        # PostgreSQL refuses to run as root.
        self._user = pwd.getpwnam("nobody") if os.geteuid() == 0 else None
        if self._user is not None:
            os.chown(folder, self._user.pw_uid, self._user.pw_gid)
        self._run("initdb", "-D", self._data, "-U", "orders", "--auth=trust", "--no-sync", "-E", "UTF8", "--locale=C")

    def start(self) -> None:
        """Start and wait until it answers."""
        address = f"-p {self._port} -k {self._folder} -h 127.0.0.1"
        options = f"{address} {' '.join(FLAGS)}"
        self._run("pg_ctl", "-D", self._data, "-w", "-t", "60", "-l", self._folder / "log", "-o", options, "start")

    def stop(self) -> None:
        """Stop at once, as a crash would; clients see closed connections."""
        self._run("pg_ctl", "-D", self._data, "-w", "-m", "immediate", "stop")

    def query(self, text: str, parameters: Sequence[object] = ()) -> list[tuple[object, ...]]:
        """The rows of a query, in a connection of its own."""
        with psycopg.connect(self.dsn, autocommit=True) as connection:
            return connection.execute(text.encode(), parameters).fetchall()

    def execute(self, text: str) -> None:
        """Run a statement that has no rows."""
        with psycopg.connect(self.dsn, autocommit=True) as connection:
            connection.execute(text.encode())

    def wait_for(self, text: str, expected: object, seconds: float = 60) -> None:
        """Wait until the query's first value is `expected`; a missing table is an answer that is not it."""
        end = time.monotonic() + seconds
        value: object = None
        while time.monotonic() < end:
            try:
                value = self.query(text)[0][0]
            except (psycopg.errors.UndefinedTable, psycopg.OperationalError) as error:
                value = error
            if value == expected:
                return
            time.sleep(0.1)
        raise AssertionError(f"{text} is {value!r} after {seconds} s, expected {expected!r}")

    def _run(self, program: str, *arguments: object) -> None:
        user = {} if self._user is None else {"user": self._user.pw_uid, "group": self._user.pw_gid, "extra_groups": []}
        line = [str(binaries() / program), *map(str, arguments)]
        done = subprocess.run(
            line,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
            timeout=120,
            cwd=self._folder,
            env={"PATH": os.environ["PATH"], "LC_ALL": "C"},
            **user,  # type: ignore[call-overload]
        )
        if done.returncode:
            log = self._folder / "log"
            raise RuntimeError(f"{program} failed:\n{done.stderr}\n{log.read_text() if log.exists() else ''}")


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    """The shared server. Use tables of your own; a test that stops it must start it again."""
    folder = Path(tempfile.mkdtemp(prefix="orderpipeline-postgres-"))
    server: Postgres | None = None
    try:
        server = Postgres(folder)
        server.start()
        yield server
    finally:
        if server is not None:
            server.stop()
        shutil.rmtree(folder, ignore_errors=True)
