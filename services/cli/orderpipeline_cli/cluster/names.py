"""Names of pipelines, for completion: quickly, and none rather than an error."""

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Final

from orderpipeline_cli.cluster.connection import connected
from orderpipeline_cli.exits import CommandError
from orderpipeline_cli.options import ClusterOptions
from orderpipeline_operator.domain.kubernetes.kinds import PIPELINE
from orderpipeline_operator.errors import OperatorError

SECONDS: Final = 3.0
"""The longest that somebody waits who has pressed Tab."""


def pipeline_names(words: Sequence[str]) -> list[str]:
    """The names of the pipelines in the namespace that these words of a command line choose."""
    options = ClusterOptions(
        namespace=_value(words, "--namespace", "-n"),
        context=_value(words, "--context"),
        kubeconfig=Path(file) if (file := _value(words, "--kubeconfig")) else None,
    )
    with suppress(CommandError, OperatorError, TimeoutError):
        return asyncio.run(asyncio.wait_for(_names(options), SECONDS))
    return []


async def _names(options: ClusterOptions) -> list[str]:
    async with connected(options) as connection:
        return sorted(one["metadata"]["name"] for one in await connection.client.list(PIPELINE, connection.namespace))


def _value(words: Sequence[str], *options: str) -> str | None:
    for word, following in zip(words, [*words[1:], ""], strict=True):
        if word in options:
            return following or None
        for option in options:
            if option.startswith("--") and word.startswith(f"{option}="):
                return word.partition("=")[2] or None
    return None
