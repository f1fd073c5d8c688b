"""Audit lines for requests that are rejected before they reach a handler: those that are not valid HTTP."""

import logging
from collections.abc import Mapping
from typing import Any

from aiohttp.http_exceptions import HttpProcessingError

from orderpipeline_operator.adapters.metrics_api.tls import AUDIT


class ServerLog(logging.LoggerAdapter[logging.Logger]):
    """The server's logger. aiohttp answers a malformed request itself, and reports it only here."""

    def log(self, level: int, msg: object, *args: object, exc_info: Any = None, **more: Any) -> None:
        """Like Logger.log, with one line in the audit log for a malformed request."""
        if isinstance(exc_info, HttpProcessingError):
            who = args[0] if args and not isinstance(args[0], Mapping) else "?"
            AUDIT.warning("refused %d a malformed request from %s: %s", exc_info.code, who, _first_line(exc_info))
        else:
            super().log(level, msg, *args, exc_info=exc_info, **more)


def _first_line(error: HttpProcessingError) -> str:
    return (error.message or type(error).__name__).partition("\n")[0][:200]
