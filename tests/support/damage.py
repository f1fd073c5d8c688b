"""What a power cut does to the folders of a broker that is not running."""

from pathlib import Path


def cut_log(folder: Path) -> None:
    """Half of a partition's log was not on the disk yet, and what follows from it neither."""
    for derived in (*folder.glob("*index"), *folder.glob("*.snapshot")):
        derived.unlink()
    (segment,) = folder.glob("*.log")
    size = segment.stat().st_size
    with segment.open("r+b") as file:
        file.truncate(size // 2)
