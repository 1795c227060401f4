"""Logs watched in a cell of a real kernel, beside a real server, and in a process without one."""

import re
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from tests.support.folders import NOON, fill
from tests.support.forking import Started
from tests.support.kernel import running_kernel
from tests.support.processes import PATIENCE, ServerProcess
from tests.support.sockets import send
from waterline.errors import UsageError
from workbench.workbench import Workbench

LINES = """
import sys, workbench
with workbench.connect(sys.argv[1]) as wb:
    wb.watch(seconds=60, query="type:error")
"""


@pytest.mark.slow
def test_cell_shows_what_comes_in_until_the_time_is_over(server: ServerProcess) -> None:
    send(server, *({"type": "info", "message": f"old {n}"} for n in range(5)))
    with running_kernel(
        f"import workbench\nwb = workbench.connect({str(server.data)!r})"
    ) as kernel:
        sent: list[int] = []

        def more(html: str) -> None:
            # Each output that has all that was sent before is answered by more.
            if len(sent) < 3 and (not sent or f"new {len(sent) - 1}." in html):
                sent.append(1)
                error = {"type": "error", "message": f"bad {len(sent) - 1}"}
                send(server, {"type": "info", "message": f"new {len(sent) - 1}."}, error)

        ran = kernel.run("wb.watch(seconds=4, rows=3, type='info')", more)
    assert ran.reply["status"] == "ok"
    first, *_, last = [each["text/html"] for each in ran.shown]
    assert "old 4" in first
    assert "old 1" not in first
    assert "watching until" in first
    assert "<script>" not in first
    assert re.findall(r"(old|new) (\d)", last)[:3] == [("new", "2"), ("new", "1"), ("new", "0")]
    assert "bad" not in last
    assert "ended after 4 s · 3 came in" in last


@pytest.mark.slow
def test_interrupt_ends_it_in_order(server: ServerProcess) -> None:
    send(server, {"type": "info", "message": "m"})
    with running_kernel(
        f"import workbench\nwb = workbench.connect({str(server.data)!r})"
    ) as kernel:
        begun = time.monotonic()

        def interrupt(html: str) -> None:
            if "watching until" in html:
                kernel.interrupt()

        ran = kernel.run("wb.watch(seconds=600); 7", interrupt)
    assert ran.reply["status"] == "ok"
    assert "interrupted after" in ran.shown[-2]["text/html"]
    assert time.monotonic() - begun < PATIENCE


@pytest.mark.slow
def test_each_log_is_a_line_outside_of_a_notebook(server: ServerProcess) -> None:
    send(server, {"type": "error", "message": "first \x1b[31m", "timestamp": NOON})
    command = [sys.executable, "-c", LINES, str(server.data)]
    process = Started(command, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        assert process.stdout.readline() == "2026-03-17 12:00:00.000  error    test  first �[31m\n"
        send(server, {"type": "info", "message": "no"}, {"type": "error", "message": "second"})
        assert process.stdout.readline().endswith("error    test  second\n")
    finally:
        process.kill()
        process.communicate()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"seconds": 0}, "seconds=0 is none from 0 to 86,400"),
        ({"seconds": float("nan")}, "seconds=nan"),
        ({"rows": 0}, "rows=0 is no whole number from 1 to 1,000"),
        ({"until": "-1h"}, "until='-1h' has no meaning here"),
        ({"limit": 3}, "limit=3 has no meaning here"),
    ],
)
def test_what_has_no_meaning_is_refused(data: Path, arguments: dict[str, Any], said: str) -> None:
    fill(data, [{"type": "info", "message": "m"}])
    with Workbench(data) as wb, pytest.raises(UsageError, match=said):
        wb.watch(**arguments)


def test_workbench_with_a_pin_watches_nothing(data: Path) -> None:
    fill(data, [{"type": "info", "message": "m"}])
    with Workbench(data) as wb:
        pin = wb.pin()
    with Workbench(data, at=pin) as wb, pytest.raises(UsageError, match="without a pin"):
        wb.watch(seconds=1)


def test_logs_of_any_year_are_lines(data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    times = ("0001-01-01T00:00:00Z", "9999-12-31T23:59:59.999Z")
    fill(data, [{"type": "info", "message": "m", "timestamp": each} for each in times])
    with Workbench(data) as wb:
        wb.watch(seconds=0.01)
    said = capsys.readouterr().out
    assert "0001-01-01 00:00:00.000  info" in said
    assert "9999-12-31 23:59:59.999  info" in said
