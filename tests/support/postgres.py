"""Fixture `postgres`: a real PostgreSQL on loopback, in a folder of its own."""

import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
import uuid
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import psycopg
import pytest

from orderpipeline_common.contract import Env
from tests.support.ports import free_ports
from tests.support.processes import ENDS_WITH_US
from tests.support.waiting import Deadline

SETTINGS = {"fsync": "off", "max_connections": "60", "shared_buffers": "32MB", "lc_messages": "C"}


def binaries() -> Path:
    """The folder with initdb and postgres: Debian keeps them off the PATH."""
    found = shutil.which("pg_ctl")
    folders = [Path(found).resolve().parent] if found else []
    folders += sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda path: -float(path.parent.name))
    for folder in folders:
        if (folder / "initdb").exists() and (folder / "postgres").exists():
            return folder
    raise RuntimeError("initdb and postgres are missing; install Debian's package postgresql")


class Postgres:
    """A server with these settings; `dsn` stays the same over `stop()` and `start()`."""

    def __init__(self, folder: Path, settings: Mapping[str, str] = SETTINGS) -> None:
        self._folder = folder
        self._data = folder / "data"
        self._settings = settings
        self._process: subprocess.Popen[bytes] | None = None
        self._port = free_ports(1)[0]
        self.dsn = f"host=127.0.0.1 port={self._port} user=orders dbname=postgres"
        # PostgreSQL refuses to run as root.
        self._user = pwd.getpwnam("nobody") if os.geteuid() == 0 else None
        if self._user is not None:
            os.chown(folder, self._user.pw_uid, self._user.pw_gid)
        self._run("initdb", "-D", self._data, "-U", "orders", "--auth=trust", "--no-sync", "-E", "UTF8", "--locale=C")

    def start(self, seconds: float = 120) -> None:
        """Start and wait until it answers; RuntimeError with its log if it does not."""
        address = ("-p", str(self._port), "-k", str(self._folder), "-h", "127.0.0.1")
        settings = [f"--{name}={value}" for name, value in self._settings.items()]
        line = [*ENDS_WITH_US, str(binaries() / "postgres"), "-D", str(self._data), *address, *settings]
        log = self._folder / "log"
        with log.open("ab") as output:
            self._process = subprocess.Popen(line, stdout=output, stderr=output, **self._surroundings())
        end = time.monotonic() + seconds
        while time.monotonic() < end and self._process.poll() is None:
            try:
                self.query("SELECT 1")
            except psycopg.OperationalError:
                time.sleep(0.05)
            else:
                return
        self.stop()
        raise RuntimeError(f"PostgreSQL did not start within {seconds:.0f} s:\n{log.read_text()[-2000:]}")

    @property
    def pid(self) -> int:
        """The main process. RuntimeError unless it was started."""
        if self._process is None:
            raise RuntimeError("PostgreSQL is not running")
        return self._process.pid

    def stop(self) -> None:
        """Stop at once, as a crash would; clients see closed connections."""
        if self._process is not None:
            self._process.send_signal(signal.SIGQUIT)
            self._process.wait(60)
            self._process = None

    def query(self, text: str, parameters: Sequence[object] = ()) -> list[tuple[object, ...]]:
        """The rows of a query, in a connection of its own."""
        with psycopg.connect(self.dsn, autocommit=True) as connection:
            return connection.execute(text.encode(), parameters).fetchall()

    def execute(self, text: str) -> None:
        """Run a statement that has no rows."""
        with psycopg.connect(self.dsn, autocommit=True) as connection:
            connection.execute(text.encode())

    def wait_for(self, text: str, expected: object, seconds: float = 120) -> None:
        """Wait until the query's first value is `expected`; a missing table is an answer that is not it."""
        deadline = Deadline(f"{text} gives {expected!r}", seconds)
        while (value := self._first(text)) != expected:
            deadline.check(repr(value))
            time.sleep(0.1)

    def _first(self, text: str) -> object:
        try:
            return self.query(text)[0][0]
        except (psycopg.errors.UndefinedTable, psycopg.OperationalError) as error:
            return error

    def _surroundings(self) -> dict[str, Any]:
        """User, folder and environment of the programs, as subprocess takes them."""
        user = {} if self._user is None else {"user": self._user.pw_uid, "group": self._user.pw_gid, "extra_groups": []}
        return {"cwd": self._folder, "env": {"PATH": os.environ["PATH"], "LC_ALL": "C"}, **user}

    def _run(self, program: str, *arguments: object) -> None:
        done = subprocess.run(
            [str(binaries() / program), *map(str, arguments)],
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
            **self._surroundings(),
        )
        if done.returncode:
            raise RuntimeError(f"{program} failed:\n{done.stderr}")


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


def sink(postgres: Postgres, folder: Path, protocol: str = "auto") -> tuple[str, dict[str, str]]:
    """A table of its own, and the environment of a consumer that fills it."""
    table = f"orders_{uuid.uuid4().hex[:8]}"
    dsn = folder / "dsn"
    dsn.write_text(postgres.dsn)
    settings = {Env.HANDLER: "", Env.SINK: "postgres", Env.SINK_DSN_FILE: str(dsn), Env.SINK_TABLE: table}
    return table, {**settings, Env.GROUP_PROTOCOL: protocol, Env.BATCH_SIZE: "20"}
