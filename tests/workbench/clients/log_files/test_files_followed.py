"""Files that are read while they are written: the same logs as when they are read at once."""

import gzip
import io
import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from waterline.errors import UsageError
from waterline.recognition.multiline import Multiline
from workbench.clients.log_files.followed import FollowedFile
from workbench.clients.log_files.line_reader import EncodedLine, Reading
from workbench.clients.log_files.reader import read_encoded

Opener = Callable[..., FollowedFile]
APART = Reading(multiline=Multiline.OFF)


@pytest.fixture
def opened() -> Iterator[Opener]:
    files: list[FollowedFile] = []

    def open_file(*arguments: Any) -> FollowedFile:  # noqa: ANN401 - those of FollowedFile
        files.append(FollowedFile(*arguments))
        return files[-1]

    yield open_file
    for file in files:
        file.close()


def at_once(content: bytes, reading: Reading = APART) -> list[bytes | None]:
    lines = read_encoded(
        io.BytesIO(content), name="a", reading=reading, reference=datetime.now(UTC)
    )
    return [line.log for line in lines]


def decoded(lines: list[EncodedLine]) -> list[dict[str, object]]:
    return [json.loads(line.log) for line in lines if line.log is not None]


def add(path: Path, content: bytes) -> None:
    with path.open("ab") as file:
        file.write(content)


lines = st.one_of(
    st.binary(max_size=30).map(lambda line: b"|" + line.translate(None, b"\0\r\n")),
    st.sampled_from([b"", b"2026-01-01T00:00:00Z ERROR x", b'{"type":"info","message":"m"}']),
)


@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    written=st.lists(lines, min_size=1),
    pieces=st.lists(st.tuples(st.integers(1, 60), st.booleans())),
)
def test_logs_are_the_same_however_a_file_grows_and_its_reader_restarts(
    written: list[bytes], pieces: list[tuple[int, bool]], tmp_path: Path
) -> None:
    content = b"".join(line + b"\n" for line in written)
    reading = Reading(multiline=Multiline.OFF, encoding="utf-8")
    path = tmp_path / "app.log"
    path.write_bytes(b"")
    file = FollowedFile(path, reading)
    found: list[bytes | None] = []
    start = 0
    for size, restarts in [*pieces, (len(content), False)]:
        add(path, content[start : start + size])
        start += size
        assert not file.has_changed()
        found += [line.log for line in file.read()]
        if restarts:
            position = file.position
            file.close()
            file = FollowedFile(path, reading, position)
    file.close()
    assert found == at_once(content, reading)


def test_log_that_may_go_on_is_held_and_its_position_kept(tmp_path: Path, opened: Opener) -> None:
    path = tmp_path / "app.log"
    before = b"2026-01-01T00:00:00Z INFO fine\n"
    add(path, before + b"2026-01-01T00:00:01Z ERROR boom\nTraceback (most recent call last):\n")
    file = opened(path, Reading())
    assert not file.has_changed()
    assert [log["message"] for log in decoded(list(file.read()))] == [before.decode().strip()]
    assert file.position.offset == len(before)
    again = opened(path, Reading(), file.position)
    rest = b'  File "x.py", line 1, in <module>\nValueError: no\n2026-01-01T00:00:02Z INFO on\n'
    add(path, rest)
    (joined,) = decoded(list(again.read()))
    assert str(joined["message"]).endswith("ValueError: no")
    assert joined["type"] == "error"
    assert [log["id"] for log in decoded(list(file.read()))] == [joined["id"]]
    assert len(decoded(list(again.rest()))) == 1


@pytest.mark.parametrize("encoding", ["utf-16", "cp1252"])
def test_other_encodings_grow_and_go_on(encoding: str, tmp_path: Path, opened: Opener) -> None:
    path = tmp_path / "app.log"
    text = [f"2026-01-01 Größe {number} ungültig\n" for number in range(6)]
    content = "".join(text).encode(encoding)
    cut = len("".join(text[:3]).encode(encoding)) + 1  # within a character
    add(path, content[:cut])
    file = opened(path, APART)
    first = list(file.read())
    add(path, content[cut:-2])
    again = opened(path, APART, file.position)
    second = list(again.read())
    assert [len(first), len(second)] == [3, 2]
    add(path, content[-2:])
    found = [*first, *second, *again.read()]
    assert [line.log for line in found] == at_once(content)
    assert [log["message"] for log in decoded(found)] == [line.strip() for line in text]


def test_header_counts_after_a_restart_far_behind_it(tmp_path: Path, opened: Opener) -> None:
    path = tmp_path / "table.csv"
    rows = b"".join(b"2026-01-01T00:00:00Z,warn,%07d\n" % number for number in range(9_000))
    add(path, b"time,level,room\n" + rows)
    file = opened(path, APART)
    assert len(list(file.read())) == 9_001
    add(path, b"2026-01-01T00:00:00Z,error,5\n")
    (log,) = decoded(list(opened(path, APART, file.position).read()))
    assert (log["type"], log["room"]) == ("error", 5)


def test_file_that_was_truncated_or_written_anew_is_told(tmp_path: Path, opened: Opener) -> None:
    path = tmp_path / "app.log"
    add(path, b"one\ntwo\n")
    file = opened(path, APART)
    assert not file.has_changed()
    list(file.read())
    path.write_bytes(b"new\n")
    assert file.has_changed()
    add(path, b"longer than before\n")
    other = opened(path, APART)
    assert not other.has_changed()
    list(other.read())
    path.write_bytes(b"written anew, and longer than before it was\n")
    assert other.has_changed()
    assert not other.fits(file.position)


def test_packed_and_binary_files_are_refused_with_a_sentence(
    tmp_path: Path, opened: Opener
) -> None:
    for content, reason in ((gzip.compress(b"a"), "is packed"), (b"\0\1\n", "NUL byte")):
        path = tmp_path / "app.log"
        path.write_bytes(content)
        with pytest.raises(UsageError, match=reason):
            list(opened(path, APART).read())
