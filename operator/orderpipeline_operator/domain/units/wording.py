"""Numbers as people read them."""


def counted(number: int, noun: str) -> str:
    """`1 consumer`, `2 consumers`; nouns whose plural takes an s."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def short(value: float | str) -> str:
    """A number with one decimal at most, `12.5` or `12`."""
    return f"{value:.1f}".removesuffix(".0") if isinstance(value, float) else str(value)
