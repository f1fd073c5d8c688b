"""Stand-ins for readers of offsets."""


class ReadEachTime:
    """The part of a reader that never knows whether anything has changed, so each reading is a whole one."""

    async def unchanged(self) -> None:
        """Not known."""

    def pause(self) -> None:
        """Nothing to let go of."""
