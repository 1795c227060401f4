# ruff: noqa: RUF001 - texts in other languages
"""Files in encodings of old: judged by a piece, or named; their ids are those of their bytes."""

import io
from collections.abc import Iterator
from datetime import UTC, datetime

import pytest

from workbench.clients.log_files.ids import first_line_hash, line_id
from workbench.clients.log_files.reader import Line, Reading, read_encoded, read_logs
from workbench.clients.log_files.text_encoding import (
    JUDGED_BYTES,
    TextEncoding,
    keeps_ascii,
    named_encoding,
)

REFERENCE = datetime(2026, 11, 28, tzinfo=UTC)
TEXTS = {
    "cp1252": "2026-11-28 10:00:00 ERROR Größe ungültig – “déjà vu”, 5 €, página señalada\n",
    "cp1250": "2026-11-28 10:00:00 ERROR Nie można otworzyć pliku źródłowego, błąd usługi\n",
    "cp1251": "2026-11-28 10:00:00 ERROR Не удалось открыть файл, ошибка доступа\n",
    "koi8_r": "2026-11-28 10:00:00 ERROR Не удалось открыть файл, ошибка доступа\n",
    "cp932": "2026-11-28 10:00:00 ERROR ファイルを開けませんでした。アクセスエラー\n",
    "gb18030": "2026-11-28 10:00:00 ERROR 无法打开文件,访问被拒绝。请检查权限\n",
    "cp949": "2026-11-28 10:00:00 ERROR 파일을 열 수 없습니다. 접근 오류\n",
}


def read(content: bytes, encoding: str | None = None) -> list[Line]:
    reading = Reading(encoding=encoding)
    return list(read_logs(io.BytesIO(content), name="a.log", reading=reading, reference=REFERENCE))


def messages(content: bytes, encoding: str | None = None) -> list[object]:
    return [line.log["message"] for line in read(content, encoding) if line.log]


@pytest.mark.parametrize("encoding", TEXTS)
@pytest.mark.parametrize("before", [0, 9_000])  # more bytes than one read takes
def test_file_in_another_encoding_is_read_as_it_was_written(encoding: str, before: int) -> None:
    text = "2026-11-28 10:00:00 INFO plain\n" * before + TEXTS[encoding] * 4
    assert messages(text.encode(encoding)) == text.splitlines()


def test_one_word_of_the_west_is_read_as_it_was_written() -> None:
    assert messages("a\nMüller kam\nb\n".encode("latin-1")) == ["a", "Müller kam", "b"]


@pytest.mark.parametrize(
    "content",
    [
        b"ok \xc3\xa9\xc3\xbc\nbroken \xe9\nok\n",
        b"broken \xe9\nok \xc3\xa9\xc3\xbc\n",
        b"cut caf\xc3\nplain\n",
        b"noise \xff\nplain\n",
    ],
)
def test_utf_8_with_broken_bytes_stays_utf_8(content: bytes) -> None:
    assert messages(content) == content.decode(errors="backslashreplace").splitlines()


def test_line_in_utf_8_among_others_is_not_spoilt() -> None:
    content = "Größe zu klein für Köln\n".encode("latin-1") * 9 + "später – größer\n".encode()
    assert messages(content)[-2:] == ["Größe zu klein für Köln", "später – größer"]


def test_encoding_changes_neither_ids_nor_offsets() -> None:
    first, second = "Größe: 5\n".encode("latin-1"), "Länge: 6\n".encode("latin-1")
    lines = read(first + second)
    assert [line.log and line.log["id"] for line in lines] == [
        line_id(first_line_hash(first), 0, first),
        line_id(first_line_hash(first), len(first), second),
    ]
    assert [line.log and line.log["id"] for line in read(first + second, "cp1251")] == [
        line.log and line.log["id"] for line in lines
    ]


def test_object_and_log_of_ours_are_read_in_the_encoding() -> None:
    content = (
        '{"type":"info","message":"Müller","n":1}\n'
        '{"level":"error","msg":"Größe zu klein für Köln"}\n'
    ).encode("latin-1")
    reading = Reading(encoding="latin-1")
    encoded = read_encoded(io.BytesIO(content), name="a", reading=reading, reference=REFERENCE)
    for line, expected in zip(encoded, ["Müller", "Größe zu klein für Köln"], strict=True):
        assert line.log
        assert f'"message":"{expected}"' in line.log.decode()


def test_named_encoding_counts_for_every_line() -> None:
    assert messages(b"caf\xc3\xa9\n", "latin-1") == ["cafÃ©"]
    assert messages("grüße\nя\n".encode("utf-16-le"), "utf-16-le") == ["grüße", "я"]
    assert messages("ab\n漢\n".encode("iso2022_jp"), "iso2022_jp") == ["ab", "漢"]
    assert messages(b"caf\xe9 \xc3\xa9 M\xfcller K\xf6ln\n", "utf-8") == [
        r"caf\xe9 é M\xfcller K\xf6ln"
    ]


@pytest.mark.parametrize("name", ["utf-9", "rot13", "base64", "", "a\0b", "undefined"])
def test_unknown_encoding_is_refused(name: str) -> None:
    with pytest.raises(LookupError):
        named_encoding(name)


def test_encodings_that_keep_ascii_are_told_from_others() -> None:
    named = {name: named_encoding(name) for name in ("Latin1", "SJIS", "utf-16", "cp037", "utf-7")}
    assert [keeps_ascii(name) for name in named.values()] == [True, True, False, False, False]


def test_no_more_than_a_piece_is_waited_for() -> None:
    encoding = TextEncoding()
    line = "Größe zu klein\n".encode("latin-1")
    count = 0

    def chunks() -> Iterator[bytes]:
        nonlocal count
        while True:
            count += 1
            yield line

    passed = encoding.judging(chunks())
    assert next(passed) == line
    assert encoding.judged == "cp1252"
    assert count <= JUDGED_BYTES // len(line) + 2
