"""What is reported of a process that has exited."""

import json
from pathlib import Path

from orderpipeline_embedded.run.service_process import last_line


def test_a_failure_is_reported_by_its_message_and_exception(tmp_path: Path) -> None:
    log, trace = tmp_path / "log", "Traceback:\n" + '  File "x.py"\n' * 500 + "ValueError: no partition 3"
    lines = [{"message": "accepting orders"}, {"message": "the consumer ends", "error": trace}]
    log.write_text("".join(json.dumps(line) + "\n" for line in lines))
    assert last_line(log) == "the consumer ends: ValueError: no partition 3"


def test_any_other_last_line_is_reported_unchanged(tmp_path: Path) -> None:
    log = tmp_path / "log"
    assert last_line(log) == "no log"
    log.write_text("")
    assert last_line(log) == "its log is empty"
    for line in ('{"message": "drained"}', "Segmentation fault", "[1, 2]", '{"message": "odd", "error": 5}'):
        log.write_text(line + "\n")
        assert last_line(log) == line
