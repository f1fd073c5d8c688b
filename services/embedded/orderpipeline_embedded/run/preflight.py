"""What must hold before anything starts: the ports are free, and no other run has the data folder."""

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from orderpipeline_embedded.errors import CannotRunError
from orderpipeline_embedded.ports import HOST, in_use
from orderpipeline_embedded.run.options import Options
from orderpipeline_embedded.run.state_file import LOCK


def check_ports(options: Options) -> None:
    """CannotRunError when a port is in use."""
    for port, what, option in ((options.port, "order API", "--port"), (options.kafka_port, "broker", "--kafka-port")):
        if in_use(port):
            raise CannotRunError(
                f"port {port} of {HOST}, for the {what}, is in use; stop the program that listens there, or choose"
                f" another port by {option}"
            )


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Hold the data folder for one run. CannotRunError when another run has it."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / LOCK).open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise CannotRunError(
                f"another run uses {folder}; stop it, or choose another folder by --data and other ports"
            ) from None
        yield
