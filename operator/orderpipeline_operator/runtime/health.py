"""What readiness depends on: servers that listen."""


class Gate:
    """Whether a server accepts connections; opened and read from any thread. Open at first."""

    def __init__(self, reason: str) -> None:
        self._reason = reason
        self.open()

    def open(self) -> None:
        """The server listens."""
        self._problem = ""

    def close(self) -> None:
        """The server does not listen."""
        self._problem = self._reason

    def problem(self) -> str:
        """Empty while open, otherwise the reason."""
        return self._problem
