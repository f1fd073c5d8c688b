"""Logs."""

import io
import json
import logging
from pathlib import Path

from orderpipeline_common.logs import JsonFormatter


def test_logs_are_json_lines_with_extras_and_errors() -> None:
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    handler.setFormatter(JsonFormatter(service="producer"))
    log = logging.Logger("test")
    log.addHandler(handler)
    error = ValueError("two\nlines")
    log.error("failed %s", "é", extra={"orders": 3, "path": Path("x")}, exc_info=error)
    (line,) = stream.getvalue().splitlines()
    entry = json.loads(line)
    assert (entry["message"], entry["level"], entry["service"]) == ("failed é", "ERROR", "producer")
    assert (entry["orders"], entry["path"]) == (3, "x")
    assert entry["error"].endswith("ValueError: two\nlines")
