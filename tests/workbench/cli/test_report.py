"""The command `waterline report` as an operator types it: what it says, writes and refuses."""

import json
import os
import subprocess
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

import workbench
from tests.support.folders import Batch, fill
from tests.support.forking import WATERLINE
from tests.support.measured import fill_measured
from tests.support.processes import PATIENCE, ServerProcess, run_waterline
from tests.support.reported import fill_reported
from tests.support.waiting import wait_until
from waterline.clock import now_ms

pytestmark = pytest.mark.slow

Run = subprocess.CompletedProcess[str]
Waterline = Callable[..., Run]


@pytest.fixture
def waterline(data: Path) -> Waterline:
    """Runs `waterline report` on the folder."""

    def run(*arguments: str | Path, quiet_after: str = "10min") -> Run:
        return run_waterline(
            "report", *arguments, "--data", data, WATERLINE_QUIET_AFTER=quiet_after
        )

    return run


@pytest.fixture
def served(server: ServerProcess) -> ServerProcess:
    """A running server that has stored three logs, refused two and known one, and counted all."""
    with closing(server.connect()) as socket:
        for log in (
            *({"id": each, "type": "info", "message": "m", "duration_ms": 7} for each in "abca"),
            {"type": "info", "message": "m", "timestamp": "never"},
            {"type": "info"},
        ):
            socket.send(json.dumps(log))
            socket.recv()

    def counted() -> bool:
        with workbench.connect(server.data, cache=False) as opened:
            report = opened.report().contents
        return sum(report.refusals.rejected.values()) == 2 and report.by_type["logs"].sum() == 3

    wait_until(counted)
    return server


def said(done: Run) -> tuple[int, str, str]:
    """Return exit code, standard output and standard error."""
    return done.returncode, done.stdout, done.stderr


def lines_below(text: str, title: str) -> list[str]:
    """Return the lines of a section, blanks made one."""
    lines = text.splitlines()
    begin = lines.index(title)
    end = next(
        (n for n in range(begin + 1, len(lines)) if lines[n].isupper() and lines[n][0] != " "),
        len(lines),
    )
    return [" ".join(line.split()) for line in lines[begin + 1 : end]]


def test_report_of_a_running_server_has_what_it_did(
    served: ServerProcess, waterline: Waterline
) -> None:
    code, text, errors = said(waterline())
    assert (code, errors) == (0, "")
    assert max(map(len, text.splitlines())) <= 100
    assert "\x1b" not in text
    assert "logs 3 (none archived)" in lines_below(text, "HOLDINGS")
    assert [each for each in lines_below(text, "NOT STORED") if each[:4] in ("reje", "dupl")] == [
        "rejected 2",
        "duplicates 1",
    ]
    assert any(each.startswith("ack_latency 4 ") for each in lines_below(text, "LATENCY"))
    assert any(each.startswith("duration_ms info 3 7") for each in lines_below(text, "LATENCY"))
    assert any(each.startswith("test sends ") for each in lines_below(text, "SOURCES"))
    assert served.process.poll() is None


def test_page_is_written_in_place_of_the_old_one(
    data: Path, waterline: Waterline, tmp_path: Path
) -> None:
    fill(data, [{"type": "info", "message": "m"}])
    file = tmp_path / "report.html"
    file.write_text("old")
    code, text, errors = said(waterline("--html", file))
    assert (code, errors) == (0, "")
    page = file.read_text(encoding="utf-8")
    assert page.startswith("<!DOCTYPE html>")
    assert page.endswith("</html>")
    assert text.startswith(f"{file} holds the report, ")
    assert [each.name for each in tmp_path.iterdir() if each != data] == ["report.html"]


def test_page_can_go_to_standard_output(data: Path, waterline: Waterline) -> None:
    fill(data, [{"type": "ü", "message": "m"}])
    code, text, errors = said(waterline("--html", "-"))
    assert (code, errors) == (0, "")
    assert text.startswith("<!DOCTYPE html>")
    assert text.endswith("</html>")
    assert ">ü</td>" in text


def test_file_that_cannot_be_written_is_one_sentence(
    data: Path, waterline: Waterline, tmp_path: Path
) -> None:
    fill(data)
    file = tmp_path / "nowhere" / "report.html"
    assert said(waterline("--html", file)) == (
        1,
        "",
        f"waterline: {file} cannot be written: No such file or directory\n",
    )


def test_disk_that_takes_only_half_of_a_page_leaves_the_old_one(data: Path, tmp_path: Path) -> None:
    fill_reported(data)
    file = tmp_path / "report.html"
    file.write_text("old")
    # SQLite's own files take 32 KiB at most, and the page some 100. Of coverage's nobody knows.
    environment = {name: os.environ[name] for name in os.environ if "COVERAGE" not in name}
    limited = ["bash", "-c", 'ulimit -f 48 && exec "$@"', "bash", WATERLINE]
    done = subprocess.run(
        [*limited, "report", "--data", data, "--since", "2026-03-17", "--html", file],
        env=environment,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
    assert said(done) == (1, "", f"waterline: {file} cannot be written: File too large\n")
    assert file.read_text() == "old"
    assert [each.name for each in tmp_path.iterdir() if each != data] == ["report.html"]


def test_damaged_folder_is_one_sentence_and_leaves_the_old_page(
    data: Path, waterline: Waterline, tmp_path: Path
) -> None:
    fill(data)
    (data / "metrics.db").write_bytes(b"no database, but long enough to be taken for one" * 100)
    file = tmp_path / "report.html"
    file.write_text("old")
    code, text, errors = said(waterline("--html", file))
    assert (code, text, errors.count("\n")) == (1, "", 1)
    assert "metrics.db" in errors
    assert file.read_text() == "old"
    assert [each.name for each in tmp_path.iterdir() if each != data] == ["report.html"]


def test_folder_that_is_not_there_is_one_sentence_and_is_not_made(
    data: Path, waterline: Waterline
) -> None:
    code, text, errors = said(waterline())
    assert (code, text) == (1, "")
    assert errors.startswith(f"waterline: there are no logs in {data}; ")
    assert errors.count("\n") == 1
    assert not data.exists()


@pytest.mark.parametrize("since", ["soon", "3 fortnights", "2999-01-01", ""])
def test_bad_since_is_one_sentence(data: Path, waterline: Waterline, since: str) -> None:
    fill(data)
    code, text, errors = said(waterline("--since", since))
    assert (code, text) == (1, "")
    assert errors.startswith(f"waterline: since={since!r} is ")
    assert errors.count("\n") == 1


@pytest.mark.parametrize("since", ["7d", "-90min", "2020-01-01", "2020-01-01T12:00"])
def test_since_may_be_an_age_or_a_time(data: Path, waterline: Waterline, since: str) -> None:
    fill(data, [{"type": "info", "message": "m"}])
    code, text, errors = said(waterline("--since", since))
    assert (code, errors) == (0, "")
    assert "range" in text


def test_report_leaves_no_file_in_the_folder(data: Path, waterline: Waterline) -> None:
    fill(data, [{"type": "info", "message": "m"}])
    before = {each.name for each in data.iterdir()}
    assert waterline().returncode == 0
    # SQLite makes the index of the WAL anew for whoever reads.
    left = {each.name for each in data.iterdir()} - {"logs.db-wal", "logs.db-shm"}
    assert left == before - {"logs.db-wal", "logs.db-shm"}


@pytest.mark.parametrize(("quiet_after", "quiet"), [("10min", "1"), ("never", "0")])
def test_setting_says_after_what_silence_a_source_is_quiet(
    data: Path, waterline: Waterline, quiet_after: str, quiet: str
) -> None:
    now = now_ms()
    logs = [{"type": "info", "message": "m"}]
    minutes = [Batch(logs, "gone", now - (100 - each) * 60_000) for each in range(12)]
    fill_measured(data, minutes, now=now)
    code, text, errors = said(waterline(quiet_after=quiet_after))
    assert (code, errors) == (0, "")
    assert f"quiet {quiet}" in "\n".join(lines_below(text, "SOURCES"))
    marked = [line for line in text.splitlines() if line.startswith("! gone")]
    assert len(marked) == int(quiet)


def test_bad_setting_is_one_sentence(data: Path, waterline: Waterline) -> None:
    fill(data)
    code, _, errors = said(waterline("--quiet-after", "soon"))
    assert (code, errors.count("\n")) == (1, 1)


def test_letters_that_matplotlib_cannot_draw_are_for_the_browser(
    data: Path, tmp_path: Path
) -> None:
    now = now_ms()
    fill_measured(
        data,
        [
            Batch([{"type": "日本語", "message": "m", "duration_ms": age}], "test", now - age)
            for age in (20 * 60_000, 10 * 60_000)
        ],
        now=now,
    )
    page = tmp_path / "report.html"
    done = run_waterline("report", "--data", data, "--html", page)
    assert (done.returncode, done.stderr) == (0, "")
    figure = page.read_text().partition("<figure")[2].partition("</figure>")[0]
    assert "日本語" in figure


@pytest.mark.parametrize("command", ["report", "settings"])
def test_text_that_cannot_be_written_ends_in_one_sentence(data: Path, command: str) -> None:
    fill_measured(data, [Batch([{"type": "info", "message": "m"}])], now=now_ms())
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            [WATERLINE, command, "--data", str(data)],
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            timeout=120,
            check=False,
        )
    assert done.returncode == 1
    assert done.stderr == "waterline: the stream cannot be written: No space left on device\n"
