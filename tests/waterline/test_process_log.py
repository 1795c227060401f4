"""Lines of a process's own log: safe for terminals, one a record in JSON, priorities by level."""

import logging
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest

from waterline.process_log import LogFormat, LogLine

# Writes each level once, then ends by an error that nobody expects.
PROGRAM = """
import logging, sys
from pathlib import Path
from waterline.process_log import LogFormat, start_log
start_log("test", LogFormat(sys.argv[1]), Path(sys.argv[2]) if sys.argv[2:] else None)
for level in (10, 20, 30, 40, 50):
    logging.getLogger("a.b").log(level, "%s\\x1b[2J\\u202e", level)
try:
    raise ValueError("inner\\x9b")
except ValueError:
    logging.getLogger("a.b").exception("failed")
raise KeyError("unexpected")
"""


def write(form: LogFormat, *file: Path) -> str:
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, form, *map(str, file)], capture_output=True, text=True
    )
    assert done.returncode == 1
    return done.stderr


def test_json_is_one_object_a_record_with_tracebacks_inside() -> None:
    text = write(LogFormat.JSON)
    lines = [msgspec.json.decode(each, type=LogLine) for each in text.splitlines()]
    assert [each.level for each in lines] == ["warning", "error", "critical", "error", "critical"]
    assert lines[0].message == "30\x1b[2J\u202e"
    assert "ValueError: inner" in lines[3].traceback
    assert (lines[4].message, "KeyError: 'unexpected'" in lines[4].traceback) == (
        "the process failed",
        True,
    )
    assert all(each.isprintable() for each in text.splitlines())


def test_text_has_no_control_characters_of_messages() -> None:
    text = write(LogFormat.TEXT)
    assert " WARNING test: 30\N{REPLACEMENT CHARACTER}[2J\N{REPLACEMENT CHARACTER}\n" in text
    assert "\x1b" not in text
    assert "\x9b" not in text


def test_file_has_the_error_that_ends_the_process(tmp_path: Path) -> None:
    assert write(LogFormat.TEXT, tmp_path / "own.log") == ""
    text = (tmp_path / "own.log").read_text()
    assert " WARNING test: 30" in text.splitlines()[0]
    assert " CRITICAL test: the process failed\nTraceback " in text
    assert text.endswith("KeyError: 'unexpected'\n")


@pytest.mark.parametrize("form", LogFormat)
def test_full_disk_leaves_the_line_to_standard_error(form: LogFormat) -> None:
    errors = write(form, Path("/dev/full"))
    assert errors.count("log_file cannot be written: No space left on device") == 5
    assert logging.getLevelName(30) in errors.upper()
