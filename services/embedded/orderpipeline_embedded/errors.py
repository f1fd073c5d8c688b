"""What keeps a run from starting."""


class CannotRunError(RuntimeError):
    """Nothing was started; the message says why and what to do."""


class OptionError(ValueError):
    """An option has a value that it cannot have; the message names it and says which ones it can."""
