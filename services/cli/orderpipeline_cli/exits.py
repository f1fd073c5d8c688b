"""Exit codes, and the errors that lead to them."""

from enum import IntEnum


class Exit(IntEnum):
    """What the exit code of a command says."""

    DONE = 0
    """It did what it was asked to do. `plan`: nothing would change."""
    FAILED = 1
    """It did not: something was refused, is invalid, does not exist or cannot be reached."""
    USAGE = 2
    """It did not start: the command line, a file or this machine is not as it must be."""
    CHANGES = 3
    """`plan`: something would change."""
    INTERRUPTED = 130
    """Ctrl-C ended it before it was done."""


class CommandError(Exception):
    """Ends the command. The text says what happened and what to do next."""

    exit = Exit.FAILED


class UsageError(CommandError):
    """The command cannot start as it was called."""

    exit = Exit.USAGE
