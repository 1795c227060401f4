"""`LogHandler` of programs of their own, against real servers that come late, stall and end."""

import json
import logging
import logging.config
import os
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

import workbench
from tests.support.forking import PATIENCE
from tests.support.ports import lasting_port
from tests.support.processes import ServerProcess, create_token, serving
from waterline.errors import UsageError
from workbench.clients import log_handler
from workbench.clients.log_handler import LogHandler

pytestmark = [pytest.mark.slow, pytest.mark.logs]


@contextmanager
def logging_to(handler: LogHandler) -> Iterator[logging.Logger]:
    """Give a logger of the test's own this handler; flush and close it at the end."""
    logger = logging.getLogger("shop.till")
    logger.setLevel(1)
    logger.propagate = False
    logger.addHandler(handler)
    try:
        yield logger
        handler.flush()
    finally:
        logger.removeHandler(handler)
        handler.close()


def program(text: str, url: str, token: str) -> subprocess.CompletedProcess[str]:
    """Run a program that logs; return how it ended."""
    return subprocess.run(
        [sys.executable, "-c", textwrap.dedent(text)],
        env=os.environ | {"WATERLINE_URL": url, "WATERLINE_TOKEN": token},
        capture_output=True,
        text=True,
        timeout=PATIENCE,
    )


def stored(data: Path) -> pd.DataFrame:
    with workbench.connect(data) as wb:
        return wb.logs().sort_values("seq")


def attributes(row: Any) -> dict[str, Any]:  # noqa: ANN401 - a row of a frame
    found = row["attributes"]
    return json.loads(found) if isinstance(found, str) else dict(found)


BY_ONE_LINE = """
    import logging, logging.config
    logging.config.dictConfig({
        "version": 1,
        "handlers": {"waterline": {"class": "workbench.LogHandler"}},
        "root": {"level": "DEBUG", "handlers": ["waterline"]},
    })
    log = logging.getLogger("shop")
"""


def test_one_line_of_dictconfig_stores_all_by_the_end_of_the_program(server: ServerProcess) -> None:
    text = (
        BY_ONE_LINE
        + """
    for n in range(3000):
        log.info("sale %d", n, extra={"n": n})
    """
    )
    done = program(text, server.ingest, server.token)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert list(stored(server.data)["message"]) == [f"sale {n}" for n in range(3000)]


def test_closing_without_a_flush_waits_for_acks(server: ServerProcess) -> None:
    text = (
        BY_ONE_LINE
        + """
    log.info("one", exc_info=(ValueError, ValueError("no change"), None))
    handler = logging.getLogger().handlers[0]
    handler.close()
    print(handler.counts.acked)
    """
    )
    done = program(text, server.ingest, server.token)
    assert (done.returncode, done.stdout, done.stderr) == (0, "1\n", "")
    assert attributes(stored(server.data).iloc[0])["exception"] == "ValueError: no change"


def test_record_is_stored_with_level_logger_exception_and_extra(server: ServerProcess) -> None:
    handler = LogHandler(server.ingest, server.token, fields=("process", "lineno"))
    with logging_to(handler) as log:
        log.log(5, "tracing")
        log.debug("looking")
        log.log(25, "noticing")
        log.warning("%s of %d", "two", 3, extra={"till": 7, "path": Path("/tmp"), "odd": object})
        try:
            raise ValueError("no change")
        except ValueError:
            log.exception("sale failed", stack_info=True)
        log.critical("drawer burns", extra={"type": "till", "id": 9})
        before = handler.counts
    assert (before.sent, before.acked, before.dropped) == (6, 6, 0)
    rows = stored(server.data)
    assert list(rows["type"]) == ["trace", "debug", "info", "warning", "error", "error"]
    assert list(rows["message"][2:4]) == ["noticing", "two of 3"]
    found = [attributes(row) for _, row in rows.iterrows()]
    assert {each.pop("logger") for each in found} == {"shop.till"}
    assert {each.pop("process") for each in found} == {os.getpid()}
    assert all(each.pop("lineno") > 0 for each in found)
    assert "threadName" not in found[0]
    assert found[0]["level"] == "Level 5"
    assert found[1] == {}
    assert found[2]["level"] == "Level 25"
    assert found[3] == {"till": 7, "path": "/tmp", "odd": "<class 'object'>"}
    assert found[4]["exception"].startswith("Traceback")
    assert found[4]["exception"].endswith("ValueError: no change")
    assert found[4]["stack"].startswith("Stack (most recent call last)")
    assert found[5] == {"level": "CRITICAL", "type": "till", "id": 9}


def test_odd_record_costs_no_other_and_ends_nothing(server: ServerProcess) -> None:
    # As a program, for pytest's own handlers do not bear such records.
    text = (
        BY_ONE_LINE
        + """
    class Unwilling:
        def __str__(self):
            raise LookupError("no text")
    itself = []
    itself.append(itself)
    log.info("%d", "no number")
    log.info(Unwilling())
    log.info("a file \\udcff", extra={"name of it": "\\udcff", "itself": itself})
    log.info("x" * (2**24 + 1))
    log.info("last")
    print(logging.getLogger().handlers[0].counts.dropped)
    """
    )
    done = program(text, server.ingest, server.token)
    assert (done.returncode, done.stdout) == (0, "3\n")
    assert "LookupError: no text" in done.stderr
    assert "a log was dropped: a log may take 16 MiB" in done.stderr
    assert list(stored(server.data)["message"]) == [
        "a file \\udcff",
        "last",
        "3 logs of this process were dropped before this one",
    ]


def test_record_of_a_destructor_amid_another_is_sent_after_it(server: ServerProcess) -> None:
    text = (
        BY_ONE_LINE
        + """
    class Farewell:
        def __str__(self):
            log.warning("from within")
            return "outer"
    log.info(Farewell())
    """
    )
    done = program(text, server.ingest, server.token)
    assert (done.returncode, done.stderr) == (0, "")
    assert list(stored(server.data)["message"]) == ["outer", "from within"]


def test_client_that_logs_of_itself_makes_no_logs_of_it(data: Path) -> None:
    text = """
        import logging, workbench
        handler = workbench.LogHandler(flush_wait=0.5)
        seen = []
        class Seeing(logging.Handler):
            def emit(self, record):
                seen.append(record.name)
        logging.basicConfig(level=1, handlers=[handler, Seeing()])
        logging.getLogger("shop").info("one")
        handler.flush()
        logging.getLogger("websocket").error("a frame")
        print(handler.counts.sent, sorted(set(seen)))
        logging.shutdown()
        logging.getLogger("shop").info("after the end")
    """
    done = program(text, f"ws://127.0.0.1:{lasting_port()}/ingest", create_token(data))
    assert done.stdout == "1 ['shop', 'websocket', 'workbench.clients.delivery']\n"
    assert done.returncode == 0
    assert done.stderr.count("\n") == 1
    assert "LogHandler: 1 logs of this process are not acked by ws://127.0.0.1" in done.stderr


def test_server_that_is_away_costs_one_wait_and_drops_are_told_in_a_log(
    data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(log_handler, "_WINDOW", 500)
    token, port = create_token(data), lasting_port()
    handler = LogHandler(f"ws://127.0.0.1:{port}/ingest", token, max_wait=0.01, flush_wait=60)
    with logging_to(handler) as log:
        for n in range(1_000):
            log.info("%d", n)
        assert (handler.counts.sent, handler.counts.dropped) == (500, 500)
        with serving(data, "--port", str(port), token=token):
            handler.flush()
            log.info("after")
            handler.flush()
            messages = list(stored(data)["message"])
    assert messages[:500] == [str(n) for n in range(500)]
    assert sorted(messages[500:]) == [
        "500 logs of this process were dropped before this one",
        "after",
    ]


def test_refused_token_is_told_once_and_ends_nothing(server: ServerProcess) -> None:
    text = (
        BY_ONE_LINE
        + """
    import time
    handler = logging.getLogger().handlers[0]
    log.info("first")
    while handler._producer.failure is None:
        time.sleep(0.01)
    for n in range(10):
        log.info("more")
    print(handler.counts.dropped)
    """
    )
    done = program(text, server.ingest, "wl_wrong")
    assert (done.returncode, done.stdout) == (0, "10\n")
    lines = done.stderr.splitlines()
    assert "logs are dropped from now on: " in lines[0]
    assert "refused the token" in lines[0]
    assert sum("logs are dropped from now on" in line for line in lines) == 1


def test_forked_process_sends_its_own_records_and_the_parent_its_own(
    server: ServerProcess,
) -> None:
    text = (
        BY_ONE_LINE
        + """
    import os, sys, threading
    going = threading.Event()
    def other():
        for n in range(2000):
            log.info("other %d", n)
            going.set()
    thread = threading.Thread(target=other)
    thread.start()
    going.wait()
    children = []
    for child in range(5):
        pid = os.fork()
        if pid == 0:
            for n in range(200):
                log.info("child %d %d", child, n)
            sys.exit()
        children.append(pid)
        log.info("parent %d", child)
    thread.join()
    print([os.waitpid(each, 0)[1] for each in children])
    """
    )
    done = program(text, server.ingest, server.token)
    assert (done.returncode, done.stdout, done.stderr) == (0, "[0, 0, 0, 0, 0]\n", "")
    messages = sorted(stored(server.data)["message"])
    assert messages == sorted(
        [f"other {n}" for n in range(2000)]
        + [f"parent {child}" for child in range(5)]
        + [f"child {child} {n}" for child in range(5) for n in range(200)]
    )


def test_missing_token_is_refused_with_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("WATERLINE_TOKEN", raising=False)
    with pytest.raises(UsageError, match="set the variable WATERLINE_TOKEN"):
        LogHandler("ws://127.0.0.1:1/ingest")
