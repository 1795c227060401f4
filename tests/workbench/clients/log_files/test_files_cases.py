"""Small inputs made after public reports, each with what is right for it."""

import base64
import io
import json
from datetime import datetime
from pathlib import Path
from typing import Final

import pytest

from waterline.recognition.own_logs import ENVELOPE
from waterline.recognition.time_values import read_time
from workbench.clients.log_files.reader import Reading, read_logs

FILE: Final = Path(__file__).parents[5] / "shared" / "cases" / "log_lines.json"


def cases() -> list[dict[str, object]]:
    return json.loads(FILE.read_text(encoding="utf-8")) if FILE.is_file() else []


def test_the_cases_are_there() -> None:
    if not cases():
        pytest.skip("the cases ../shared/cases/log_lines.json are not on this machine")


@pytest.mark.parametrize("case", cases(), ids=lambda case: str(case["name"]))
def test_case_is_read_rightly(case: dict[str, object]) -> None:
    text = case.get("text")
    content = text.encode() if isinstance(text, str) else base64.b64decode(str(case["base64"]))
    lines = read_logs(
        io.BytesIO(content),
        name="case",
        reading=Reading(),
        reference=datetime.fromisoformat(str(case["file_mtime"])),
    )
    found = [_opened(line.log) for line in lines if line.log]
    right = case["right"]
    assert isinstance(right, list)
    for log, expected in zip(found, _joined(right, found), strict=True):
        _check(log, expected)


def _opened(log: dict[str, object]) -> dict[str, object]:
    """Return a log out of its envelope, if it has one."""
    inner = log.get(ENVELOPE)
    return inner if isinstance(inner, dict) else log


def _joined(
    right: list[dict[str, object]], found: list[dict[str, object]]
) -> list[dict[str, object]]:
    """Leave out what is right for lines that are joined to the log they continue."""
    expected: list[dict[str, object]] = []
    for log in found:
        lines = str(log["message"]).count("\n") + 1
        first, *others = right[:lines]
        types = [each.get("type") for each in (first, *others)]
        expected.append(first | {"type": next((each for each in types if each), None)})
        right = right[lines:]
    assert right == []
    return expected


def _check(log: dict[str, object], expected: dict[str, object]) -> None:
    for name, value in expected.items():
        if name == "time":
            time = None if value == "of receipt" else read_time(value)
            assert value is None or read_time(log.get("timestamp")) == time
        elif name == "message_has":
            assert str(value) in str(log["message"])
        elif name == "type":
            assert value in (None, log["type"])
        else:
            assert log.get(name) == value
