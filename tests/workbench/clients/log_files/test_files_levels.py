"""Levels in lines: where they stand, and where a word is only a word."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workbench.clients.log_files.levels import FoundLevel, find_level
from workbench.clients.log_files.timestamps import TimestampFinder

TIME = "2024-01-01 10:00:00"
FINDER = TimestampFinder(reference=datetime(2024, 6, 1, tzinfo=UTC))


def level(line: str) -> tuple[str, str] | None:
    time = FINDER.find(line)
    return find_level(line, time.end if time else 0)


WORDS = {
    "error": ("ERROR", "ERR", "FATAL", "CRITICAL", "CRIT", "SEVERE", "EMERG", "ALERT", "PANIC"),
    "warning": ("WARN", "WARNING"),
    "info": ("INFO", "NOTICE"),
    "debug": ("DEBUG", "DEBUG3"),
    "trace": ("TRACE", "TRACE8"),
}
PAIRS = [(name, word) for name, words in WORDS.items() for word in words]


@pytest.mark.parametrize(("name", "word"), PAIRS)
def test_every_level_word_has_its_type(name: str, word: str) -> None:
    assert level(f"{TIME} {word} said") == FoundLevel(name, word)
    assert level(f"{TIME} [{word.lower()}] said") == (name, word.lower())
    assert level(f"{TIME} [module:{word.lower()}] said") == (name, word.lower())
    assert level(f"t={TIME} level={word.title()} m=x") == (name, word.title())


@pytest.mark.parametrize(
    ("line", "name", "word"),
    [
        ("081109 203615 148 WARN dfs.DataNode: x", "warning", "WARN"),
        ("17/06/09 20:10:40 WARN storage.Store: x", "warning", "WARN"),
        (f"{TIME},747 - WARN  [Worker:1:Manager@6] - x", "warning", "WARN"),
        (
            f"a.log.1.2024-01-01_10:00:00 {TIME}.008 25746 WARNING nova.x [-] y",
            "warning",
            "WARNING",
        ),
        (f"{TIME},747 [main thread] WARN  com.foo - x", "warning", "WARN"),
        (f"{TIME}.123  ERROR 12 --- [main] c.App : x", "error", "ERROR"),
        (f"{TIME},123 - root - ERROR - x", "error", "ERROR"),
        (f"{TIME},123 - my.module - ERROR - x", "error", "ERROR"),
        (f"{TIME},123 - MyApp - ERROR - x", "error", "ERROR"),
        (f"{TIME} | MyApp | 12 | ERROR | x", "error", "ERROR"),
        (f"{TIME},123 worker ERROR x", "error", "ERROR"),
        (f"{TIME} host-1 app.web ERROR x", "error", "ERROR"),
        (f"{TIME} | ERROR    | module:func:12 - x", "error", "ERROR"),
        (f"{TIME}\tERROR\tcaller\tx", "error", "ERROR"),
        (f"{TIME} [error] 12#12: *1 x", "error", "error"),
        ("[Sun Dec 04 04:47:44 2005] [error] x", "error", "error"),
        ("[Sun Dec 04 04:47:44 2005] [core:warn] [pid 1:tid 2] x", "warning", "warn"),
        (f"{TIME}.1 UTC [12] user@base FATAL:  x", "error", "FATAL"),
        (f"{TIME} 0 [Warning] [MY-1] x", "warning", "Warning"),
        (f"[{TIME}][WARN ][o.e.c] x", "warning", "WARN"),
        (f"[{TIME} +0000] [12] [CRITICAL] x", "error", "CRITICAL"),
        ("[2024-01-01T10:00:00Z WARN  crate] x", "warning", "WARN"),
        (f"[{TIME},123: ERROR/Main] x", "error", "ERROR"),
        (f"[{TIME}] {{file.py:12}} ERROR - x", "error", "ERROR"),
        ("E, [2024-01-01T10:00:00.1 #12] ERROR -- : x", "error", "ERROR"),
        (f"ERROR {TIME} x", "error", "ERROR"),
        (f"[WARN] {TIME} x", "warning", "WARN"),
        (f"WARN  [{TIME},747] com.foo: ERROR: x", "warning", "WARN"),
        (f"{TIME} error: x", "error", "error"),
        (f"{TIME} a b=c", "", ""),
        ("ERROR:root:x", "error", "ERROR"),
        ("WARNING: x", "warning", "WARNING"),
        ("warning: unused x", "warning", "warning"),
        ("[main] ERROR com.foo - x", "error", "ERROR"),
        ("14:28:21.123 [main] DEBUG com.foo - x", "debug", "DEBUG"),
    ],
)
def test_a_level_in_the_header_is_recognised(line: str, name: str, word: str) -> None:
    assert level(line) == ((name, word) if name else None)


@pytest.mark.parametrize(
    ("line", "name", "word"),
    [
        ('time="2024-01-01T10:00:00Z" level=warning msg="x"', "warning", "warning"),
        ('ts=2024-01-01T10:00:00Z caller=a.go:1 msg="an \\" ERROR" level=info', "info", "info"),
        ("t=2024-01-01T10:00:00Z a=1 b=2 c=3 d=4 e=5 f=6 g=7 level=error", "error", "error"),
        ("level=debug ts=2024-01-01T10:00:00Z", "debug", "debug"),
        ("severity=CRITICAL host=a", "error", "CRITICAL"),
        (f'{TIME} lvl="warn" x', "warning", "warn"),
        ('{"time":"2024-01-01T10:00:00Z","msg":"x","level":"warn"}', "warning", "warn"),
        ('{"severity": "ERROR"}', "error", "ERROR"),
        (f'{TIME} {{"a":1,"level":"error"}}', "error", "error"),
    ],
)
def test_a_level_given_by_key_is_recognised(line: str, name: str, word: str) -> None:
    assert level(line) == (name, word)


@pytest.mark.parametrize(
    ("line", "name", "word"),
    [
        ("Jun  4 15:16:01 Host sshd[12]: error: x", "error", "error"),
        ("Jun  4 15:16:01 Host sshd[12]: fatal: x", "error", "fatal"),
        ("Jun  4 15:16:01 Host kernel: warning: x", "warning", "warning"),
        ("Jun  4 15:16:01 host logrotate: ALERT exited", "error", "ALERT"),
        ("Jun  4 15:16:01 host kernel: [ 12.345] ERROR x", "error", "ERROR"),
        ("Jun  4 15:16:01 host app[12]: [error] x", "error", "error"),
        ("2024-01-01T10:00:00+00:00 Host kernel: warning: x", "warning", "warning"),
        (f"{TIME} Host app[1]: warning: x", "warning", "warning"),
    ],
)
def test_a_level_behind_a_syslog_tag_is_recognised(line: str, name: str, word: str) -> None:
    assert level(line) == (name, word)


@pytest.mark.parametrize(
    "line",
    [
        "Jun  4 15:16:01 Host app[12]: request error: x",
        "Jun  4 15:16:01 Host su: no ERROR x",
        "Jun  4 15:16:01 Host app[12]: error x",
        "Jun  4 15:16:01 Host app[12]: [x] 12 ERROR x",
        f"{TIME} my.module: 12 ERROR x",
        f"{TIME} got error: x",
        f"{TIME} error:12 x",
        f"{TIME} failed with error",
        f"{TIME} failed with error: x",
        f"{TIME} request failed with ERROR x",
        f"{TIME} upload failed: error: x",
        f"{TIME} Got ERROR from x",
        f"{TIME} error x",
        f"{TIME} warning",
        f"{TIME} ERRORS x",
        f"{TIME} ERROR.log rotated",
        f"{TIME} DEBUG=1 x",
        f"{TIME} XERROR x",
        f'{TIME} "ERROR x"',
        f"{TIME} {'a.b ' * 6}ERROR x",
        f"{TIME} we got level=error x",
        f'{TIME} said that {{"level":"error"}}',
        f"see {TIME} for x, ERROR",
        "java.lang.RuntimeException: ERROR x",
        "  at com.foo.Bar(Bar.java:12)",
        "3 ERROR x",
        "an ERROR x",
        "error x",
        "set level=debug for x",
        '10.0.0.1 - - [17/May/2015:10:05:03 +0000] "GET /ERROR HTTP/1.1" 200 ERROR',
        "",
    ],
)
def test_a_level_word_in_a_message_does_not_count(line: str) -> None:
    assert level(line) is None


@given(words=st.lists(st.sampled_from(["request", "failed", "Alice", "says"]), min_size=2))
def test_no_sentence_makes_a_level_word_behind_it_count(words: list[str]) -> None:
    for word in ("ERROR", "[error]", "error:", "level=error"):
        assert level(f"{TIME} {' '.join(words)} {word} x") is None


@pytest.mark.parametrize(("fields", "reached"), [(0, True), (5, True), (6, False)])
def test_a_header_has_at_most_six_fields_before_the_level_is_given_up(
    fields: int, reached: bool
) -> None:
    for time in (TIME, f"[{TIME}]"):
        assert (level(f"{time} {'[x] ' * fields}ERROR x") is not None) is reached


@pytest.mark.parametrize(
    ("letter", "name"), [("I", "info"), ("W", "warning"), ("E", "error"), ("F", "error")]
)
def test_klog_says_its_level_with_the_first_letter(letter: str, name: str) -> None:
    assert level(f"{letter}0102 15:04:05.000000  12 a.go:3] ERROR x") == (name, letter)


@pytest.mark.slow
def test_a_long_line_takes_no_more_than_its_length() -> None:
    for part in ("a", "a.", 'a="', "[a", "a:", "{", "(", "a=b ", "[a] "):
        find_level(part * 100_000, 0)
        find_level(f"{TIME} {part * 100_000}", len(TIME))
