"""Completion of `kubectl orderpipeline`, in the form in which kubectl asks for it.

kubectl runs `kubectl_complete-orderpipeline` with the words of the command line, the last of which is to be completed
and may be empty. It expects a candidate per line, with a tab before its description, and then `:` with a directive.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, Final

from cyclopts import App, Argument

NO_FILES: Final = ":4"
"""Offer nothing else, in particular no files."""
FILES: Final = ":0"
"""Offer files if there is no candidate."""
NAME: Final = "name"
"""The parameter that names a pipeline."""

Candidate = tuple[str, str]
"""A word and its description."""
Names = Callable[[Sequence[str]], Iterable[str]]
"""From the words so far to the names of pipelines that there are."""


def complete(app: App, words: Sequence[str], names: Names) -> str:
    """The answer to kubectl."""
    *before, current = words or [""]
    found, files = candidates(app, before, current, names)
    lines = [f"{word}\t{text}" if text else word for word, text in found if word.startswith(current)]
    return "\n".join([*lines, FILES if files and not lines else NO_FILES]) + "\n"


def candidates(app: App, before: Sequence[str], current: str, names: Names) -> tuple[list[Candidate], bool]:
    """What may come next, and whether it may be a file."""
    command, rest = _command(app, before)
    arguments = _arguments(command)
    awaited = _awaiting_value(arguments, rest)
    if awaited is not None:
        return [(choice, "") for choice in awaited.get_choices() or ()], _is_file(awaited)
    if current.startswith("-"):
        return list(_options(arguments, rest)), False
    commands = list(_commands(command))
    if commands:  # behind a word that is none of them there is nothing to offer
        return [] if rest else commands, False
    position = len(_positionals(arguments, rest))
    argument = next((one for one in arguments if one.index == position), None)
    if argument is None:
        return [], False
    if argument.field_info.name == NAME:
        return [(name, "") for name in names(before)], False
    return [(choice, "") for choice in argument.get_choices() or ()], _is_file(argument)


def _command(app: App, words: Sequence[str]) -> tuple[App, list[str]]:
    """The command that the words lead to, and the words after it."""
    for position, word in enumerate(words):
        if word.startswith("-") or word not in app:
            return app, list(words[position:])
        app = app[word]
    return app, []


def _commands(app: App) -> Iterator[Candidate]:
    for name in app:
        if not name.startswith("-"):
            yield name, app[name].help.partition("\n")[0]


def _arguments(app: App) -> list[Argument]:
    if app.default_command is None:
        return []
    every = app.assemble_argument_collection(parse_docstring=True)
    return [argument for argument in every if argument.show]


def _options(arguments: Iterable[Argument], given: Sequence[str]) -> Iterator[Candidate]:
    for argument in arguments:
        names = [name for name in argument.names if name.startswith("--")]
        if names and not set(argument.names) & set(given):
            yield names[0], (argument.parameter.help or "").partition("\n")[0]


def _awaiting_value(arguments: Iterable[Argument], words: Sequence[str]) -> Argument | None:
    """The option whose value is the next word."""
    if not words or not words[-1].startswith("-"):
        return None
    return next((one for one in arguments if words[-1] in one.names and _takes_value(one)), None)


def _positionals(arguments: Sequence[Argument], words: Sequence[str]) -> list[str]:
    """The words that are neither options nor their values."""
    found: list[str] = []
    for before, word in zip(["", *words], words, strict=False):
        if not word.startswith("-") and _awaiting_value(arguments, [before]) is None:
            found.append(word)
    return found


def _takes_value(argument: Argument) -> bool:
    count: Any = argument.token_count()
    return bool((count[0] if isinstance(count, tuple) else count) > 0)


def _is_file(argument: Argument) -> bool:
    return argument.field_info.name in ("file", "kubeconfig", "data", "secrets")
