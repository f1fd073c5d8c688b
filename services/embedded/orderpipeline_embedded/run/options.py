"""What `orderpipeline run` is asked for, and what must be so before anything starts."""

import fcntl
import socket
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from orderpipeline_embedded.errors import CannotRunError
from orderpipeline_embedded.run.plan import HOST


@dataclass(frozen=True)
class Options:
    """Options of `run`. `data` None: a folder by the pipeline's name in the cache; `demo_rate` is orders/s."""

    file: Path
    data: Path | None = None
    port: int = 8080
    kafka_port: int = 9092
    producers: int | None = None
    secrets: Path | None = None
    demo: bool = False
    demo_rate: float = 500.0
    live: bool = True


def taken(port: int) -> bool:
    """Whether somebody listens on the port. A shared port is not seen as free just because it may be shared."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError:
            return True
    return False


def check_ports(options: Options) -> None:
    """CannotRunError when a port is taken."""
    for port, what, option in ((options.port, "order API", "--port"), (options.kafka_port, "broker", "--kafka-port")):
        if taken(port):
            raise CannotRunError(
                f"port {port} of {HOST}, for the {what}, is taken; stop what listens there, or choose by {option}"
            )


def free_port_from(first: int, others: Collection[int]) -> int:
    """The first port from `first` on that nobody listens on and that is not one of the others."""
    return next(port for port in range(first, 65536) if port not in others and not taken(port))


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """The data folder for one run alone. CannotRunError when another one has it."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise CannotRunError(
                f"another run uses {folder}; stop it, or choose another folder by --data and other ports"
            ) from None
        yield
