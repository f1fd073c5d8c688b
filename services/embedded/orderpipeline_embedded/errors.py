"""What keeps a run from starting."""


class CannotRunError(RuntimeError):
    """Nothing was started; the message says why and what to do."""
