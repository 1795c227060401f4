"""Recipes of docs/push.md for other loggers, run as they stand there, with the real packages."""

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import workbench
from tests.support.processes import PATIENCE, ServerProcess

pytestmark = pytest.mark.slow

PAGE = (Path(__file__).parents[3] / "docs" / "push.md").read_text(encoding="utf-8")


def block(having: str) -> str:
    """Return the one block of Python of the page that has a text."""
    (found,) = [
        each
        for each in re.findall(r"^```python\n(.*?)^```$", PAGE, re.DOTALL | re.MULTILINE)
        if having in each
    ]
    return str(found)


def run(server: ServerProcess, program: str) -> dict[str, Any]:
    """Run a program; return the last log that it pushed, with its attributes."""
    done = subprocess.run(
        [sys.executable, "-c", program],
        env=os.environ | {"WATERLINE_URL": server.ingest, "WATERLINE_TOKEN": server.token},
        capture_output=True,
        text=True,
        timeout=PATIENCE,
    )
    assert done.returncode == 0, done.stderr
    with workbench.connect(server.data) as wb:
        log = wb.logs(attributes="all").sort_values("seq").iloc[-1].dropna().to_dict()
    return {str(name): value for name, value in log.items()}


def test_dict_config_pushes_record_with_its_extra(server: ServerProcess) -> None:
    log = run(server, block("logging.config.dictConfig"))
    assert (log["type"], log["message"]) == ("warning", "2 drawers are stuck")
    assert (log["logger"], log["till"]) == ("shop", 7)


def test_structlog_hands_events_on_with_what_is_bound(server: ServerProcess) -> None:
    log = run(server, block("logging.config.dictConfig") + block("structlog.configure"))
    assert (log["type"], log["message"]) == ("warning", "drawer stuck")
    assert (log["logger"], log["till"]) == ("shop", 7)


def test_loguru_hands_records_on_with_what_is_bound_and_all_at_the_end(
    server: ServerProcess,
) -> None:
    more = "\nfor number in range(2000):\n    logger.info('sale {}', number)\n"
    log = run(server, block("logger.add(LogHandler()") + more)
    assert (log["type"], log["message"]) == ("info", "sale 1999")
    with workbench.connect(server.data) as wb:
        logs = wb.logs(attributes="all").sort_values("seq")
    assert len(logs) == 2_001
    first = logs.iloc[0]
    assert (first["type"], first["message"], first["extra"]) == (
        "warning", "drawer stuck", {"till": 7},
    )  # fmt: skip
