"""Customers who send orders, and the ledger of what they were told."""

import json
import os
import threading
import urllib.error
import urllib.request
from pathlib import Path
from typing import Final

CUSTOMERS: Final = 24


class AcknowledgedOrders:
    """The ledger: a file of order ids. An id is on the disk before its customer sends the next order."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT)

    def add(self, order_id: str) -> None:
        """From any thread."""
        os.write(self._file, f"{order_id}\n".encode())  # one write, so that lines do not mix
        os.fdatasync(self._file)

    def read(self) -> list[str]:
        """All ids, in the order in which they were added."""
        return self._path.read_text().split()

    def close(self) -> None:
        """Nothing can be added any more."""
        os.close(self._file)


class Customers:
    """Each sends an order again until it is acknowledged, and then the next one."""

    def __init__(self, url: str, ledger: AcknowledgedOrders) -> None:
        self._url = url
        self._ledger = ledger
        self._stop = threading.Event()
        self._threads = [threading.Thread(target=self._run, args=(f"c{number}",)) for number in range(CUSTOMERS)]
        self.repeated = 0
        """Orders that were sent again, about: the threads do not wait for one another to count."""

    def start(self) -> None:
        """Send until `stop`."""
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """Return when no order is under way."""
        self._stop.set()
        for thread in self._threads:
            thread.join()

    def _run(self, name: str) -> None:
        number = 0
        while not self._stop.is_set():
            order_id = f"{name}/{number}"
            order = {"customer_id": name, "product_id": "p", "quantity": 1, "amount": 1, "order_id": order_id}
            body = json.dumps(order).encode()
            request = urllib.request.Request(self._url, body, {"Content-Type": "application/json"})
            try:
                with urllib.request.urlopen(request, timeout=60):
                    self._ledger.add(order_id)
                    number += 1
            except (urllib.error.URLError, OSError):
                self.repeated += 1
                self._stop.wait(0.3)
