"""CDNOW's real purchases as orders: 69,659 purchases by 23,570 customers, January 1997 to June 1998.

The file ships in the PyPI wheel Lifetimes 0.11.3 (lifetimes/datasets/CDNOW_master.txt): customer, date, number of
CDs, dollar value. Customer, date, quantity and amount are real. The data does not say which CD was bought: product ids
are derived from the customer and the purchase's line number, so they are the same on every run. So are order ids.
"""

import subprocess
import sys
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path

from orderpipeline_embedded.cache import cache_root

WHEEL = "Lifetimes==0.11.3"
WHEEL_SHA256 = "261e3dc89977c2b60767ca6728aaa29d429de0c814635070a749c36555895da8"
MEMBER = "lifetimes/datasets/CDNOW_master.txt"
PRODUCTS = 5000


@dataclass(frozen=True, slots=True)
class Purchase:
    """One line of the file. `number` counts lines from 1; `amount` is dollars with two decimals."""

    number: int
    customer_id: str
    date: str
    quantity: int
    amount: Decimal

    @property
    def order_id(self) -> str:
        return f"cdnow-{self.number:05d}"

    @property
    def product_id(self) -> str:
        return f"cd-{zlib.crc32(f'{self.customer_id}/{self.number}'.encode()) % PRODUCTS:04d}"

    def as_json(self) -> bytes:
        """The order as JSON. No id has a character that JSON escapes; the amount keeps its digits."""
        return (
            f'{{"order_id":"{self.order_id}","customer_id":"{self.customer_id}","product_id":"{self.product_id}",'
            f'"quantity":{self.quantity},"amount":{self.amount}}}'
        ).encode()


def parse(text: str) -> Iterator[Purchase]:
    """The purchases in the file's text, in file order; its first line is a heading."""
    for number, line in enumerate((line for line in text.splitlines()[1:] if line.strip()), start=1):
        customer_id, date, quantity, amount = line.split()
        yield Purchase(number, customer_id, date, int(quantity), Decimal(amount))


def cache_folder() -> Path:
    """Where the wheel is kept."""
    return cache_root() / "cdnow"


def fetch(folder: Path) -> Path:
    """The wheel in `folder`; if it is missing, pip downloads it and checks its hash."""
    folder.mkdir(parents=True, exist_ok=True)
    found = sorted(folder.glob("[Ll]ifetimes-0.11.3-*.whl"))
    if found:
        return found[0]
    requirements = folder / "requirements.txt"
    requirements.write_text(f"{WHEEL} --hash=sha256:{WHEEL_SHA256}\n")
    pip = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--require-hashes"]
    subprocess.run([*pip, "-r", str(requirements), "-d", str(folder)], check=True)
    return next(folder.glob("[Ll]ifetimes-0.11.3-*.whl"))


def purchases(folder: Path) -> list[Purchase]:
    """All purchases by date; those of one customer stay in file order, which is by date too."""
    with zipfile.ZipFile(fetch(folder)) as wheel:
        text = wheel.read(MEMBER).decode()
    return sorted(parse(text), key=lambda purchase: purchase.date)
