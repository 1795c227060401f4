"""`waterline send`: real files to a real server by the real command."""

import gzip
from pathlib import Path

import numpy as np
import pytest

import workbench
from tests.support.processes import ServerProcess, run_waterline, serving

pytestmark = pytest.mark.slow

REAL_LOGS = Path(__file__).parents[4] / "shared" / "data"


def send(server: ServerProcess, *arguments: str | Path, stdin: str | None = None) -> list[str]:
    """Send with the server's address and token; return [exit code, what it printed, errors]."""
    done = run_waterline(
        "send", *arguments, stdin=stdin, WATERLINE_URL=server.ingest, WATERLINE_TOKEN=server.token
    )
    assert "Traceback" not in done.stderr
    assert server.token not in done.stdout + done.stderr
    return [str(done.returncode), done.stdout.strip(), done.stderr.strip()]


def real_log(name: str) -> Path:
    path = REAL_LOGS / name
    if not path.exists():
        pytest.skip(f"the real log {name} is not beside this checkout")
    return path


def test_file_sent_twice_is_stored_once_and_survives_a_kill(data: Path) -> None:
    log = real_log("apache_access.log")
    with serving(data) as server:
        first = send(server, log)
        second = send(server, log)
        server.kill()
    assert first == ["0", "sent 10,000, stored 10,000, duplicates 0, rejected 0", ""]
    assert second == ["0", "sent 10,000, stored 0, duplicates 10,000, rejected 0", ""]
    with serving(data, token=server.token), workbench.connect(data) as wb:
        logs = wb.logs(attributes=["status"])
    assert len(logs) == 10_000
    status = logs["status"].fillna(0)
    assert (logs["type"] == "error").sum() == (status >= 500).sum() > 0
    assert (logs["type"] == "warning").sum() == ((status >= 400) & (status < 500)).sum() > 0


def test_extracted_durations_have_numpys_percentiles(data: Path) -> None:
    log = real_log("OpenStack.log")
    with serving(data, "--measured-attributes", "duration_s") as server:
        assert send(server, log, "--extract", r"time: (?P<duration_s>[0-9.]+)")[0] == "0"
    marks = (line.partition("time: ")[2] for line in log.read_text().splitlines())
    durations = [float(mark) for mark in marks if mark]
    with workbench.connect(data) as wb:
        exact = wb.latency("duration_s", exact=True).iloc[0]
        measured = wb.latency("duration_s").iloc[0]
    assert exact["count"] == measured["count"] == len(durations) == 1_017
    names, shares = ["p50", "p95", "p99"], [0.5, 0.95, 0.99]
    assert exact[names].tolist() == list(np.quantile(durations, shares, method="inverted_cdf"))
    assert measured[names].tolist() == pytest.approx(np.quantile(durations, shares), rel=0.01)
    assert measured["relative_error"] <= 0.01


def test_file_that_has_grown_adds_only_what_is_new(server: ServerProcess, tmp_path: Path) -> None:
    log = tmp_path / "app.log"
    log.write_text("2026-01-01T00:00:00Z INFO one\n\n2026-01-01T00:00:01Z INFO two")
    assert send(server, log)[1] == "sent 2, stored 2, duplicates 0, rejected 0"
    with log.open("a") as more:
        more.write("\n2026-01-01T00:00:02Z ERROR three\n")
    assert send(server, log)[1] == "sent 3, stored 1, duplicates 2, rejected 0"
    with workbench.connect(server.data) as wb:
        logs = wb.logs().sort_values("id")
    assert list(logs["type"]) == ["info", "info", "error"]


def test_rejected_lines_are_named_and_the_rest_is_stored(server: ServerProcess) -> None:
    lines = '{"type":"a","message":"ok"}\nnonsense\n\n{"type":"a","message":5}\n'
    code, printed, _ = send(server, "-", "--format", "jsonl", stdin=lines)
    assert code == "1"
    assert printed.splitlines()[0] == "sent 2, stored 1, duplicates 0, rejected 2"
    assert any(line.startswith("  -:2: this is no JSON") for line in printed.splitlines())
    assert "  -:4: message must be a string" in printed.splitlines()


def test_unreadable_file_is_told_and_the_others_are_sent(
    server: ServerProcess, tmp_path: Path
) -> None:
    log, binary = tmp_path / "fine.log", tmp_path / "old.log.gz"
    log.write_text("one line\n")
    binary.write_bytes(gzip.compress(b"one line\n"))
    code, printed, errors = send(server, tmp_path / "missing.log", binary, log)
    assert (code, printed) == ("1", "sent 1, stored 1, duplicates 0, rejected 0")
    missing, compressed = errors.splitlines()
    assert missing.startswith("waterline: ")
    assert "missing.log cannot be read: No such file or directory" in missing
    assert "zcat" in compressed


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (
            ["--format", "xml"],
            "--format xml is unknown; choose one of auto, jsonl,",
        ),
        (["--extract", "("], "is no regular expression"),
        (["--extract", "a+"], "names nothing to extract"),
        (["--timezone", "Mars/North"], "--timezone Mars/North is unknown"),
        (["--patience", "soon"], "--patience: 'soon' is no duration"),
        (["--token", "wl_wrong"], "refused the token: this token is unknown"),
        (["--url", "http://127.0.0.1"], "is no WebSocket address"),
        (["--url", "ws://127.0.0.1:9/ingest", "--patience", "100ms"], "could not be reached"),
    ],
)
def test_mistake_gets_one_sentence(
    server: ServerProcess, tmp_path: Path, arguments: list[str], sentence: str
) -> None:
    log = tmp_path / "fine.log"
    log.write_text("one line\n")
    code, _, errors = send(server, log, *arguments)
    assert code == "1"
    assert sentence in errors
    assert len(errors.splitlines()) == 1


def test_times_without_a_zone_are_read_in_the_zone_given(
    server: ServerProcess, tmp_path: Path
) -> None:
    log = tmp_path / "app.log"
    log.write_text("2026-01-01 12:00:00 INFO noon in Tokyo\n")
    assert send(server, log, "--timezone", "Asia/Tokyo")[0] == "0"
    with workbench.connect(server.data) as wb:
        assert str(wb.logs()["timestamp"].iloc[0]) == "2026-01-01 03:00:00+00:00"
