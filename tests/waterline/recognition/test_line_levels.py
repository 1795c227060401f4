"""Levels in lines: where they stand, and where a word is only a word."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from waterline.recognition.recognizer import Recognizer

TIME = "2024-01-01 10:00:00"


def level(line: str) -> str | None:
    return Recognizer(reference=datetime(2024, 6, 1, tzinfo=UTC)).line(line).type


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
    assert level(f"{TIME} {word} said") == name
    assert level(f"{TIME} [{word.lower()}] said") == name
    assert level(f"{TIME} [module:{word.lower()}] said") == name
    assert level(f"t={TIME} level={word.title()} m=x") == name


@pytest.mark.parametrize(
    ("line", "name"),
    [
        ("2024-01-01 10:00:00.123456: W tensorflow/core/x.cc:12] slow", "warning"),
        ("2024-01-01 10:00:00.123456 E | rafthttp: boom", "error"),
        ("2024-01-01T10:00:00Z E! [inputs.x] Error in plugin: y", "error"),
        ("[2024-01-01 10:00:00.123456 +0000] W [x.c:1:y] 0-z: hm", "warning"),
        ("2024-01-01 10:00:00.123 E  kernel[0:1a2b] boom", "error"),
        ("2024-01-01T10:00:00+0000 [twisted.python.log#error] boom", "error"),
        ("2024-01-01T10:00:00.1234567Z ##[error]Process completed with exit code 1.", "error"),
        ("##[warning]x", "warning"),
        ("[Mon Jan 01 10:00:00.123456 2024] [:error] [pid 12] ModSecurity: denied", "error"),
        ("[2024-01-01 10:00:00,123] host/WARNING/locust.runners: CPU usage", "warning"),
        ("[1704103200] unbound[123:0] error: can't bind socket", "error"),
        ("2024-01-01 10:00:00.123 o.a.s.d.worker main [ERROR] Async loop died!", "error"),
        ("2024-01-01T10:00:00.1+0000 mon.a (mon.0) 1 : cluster [ERR] failed", "error"),
        ('nginx: [emerg] unknown directive "x"', "error"),
        ("W: GPG error: x", "warning"),
        ("E: Unable to locate package x", "error"),
        ("2024-01-01 10:00:00.1+0000 0x1234     Fault       0x0     12     0    app: x", "error"),
        ("081109 203615 148 WARN dfs.DataNode: x", "warning"),
        ("17/06/09 20:10:40 WARN storage.Store: x", "warning"),
        (f"{TIME},747 - WARN  [Worker:1:Manager@6] - x", "warning"),
        (
            f"a.log.1.2024-01-01_10:00:00 {TIME}.008 25746 WARNING nova.x [-] y",
            "warning",
        ),
        (f"{TIME},747 [main thread] WARN  com.foo - x", "warning"),
        (f"{TIME}.123  ERROR 12 --- [main] c.App : x", "error"),
        (f"{TIME},123 - root - ERROR - x", "error"),
        (f"{TIME},123 - my.module - ERROR - x", "error"),
        (f"{TIME},123 - MyApp - ERROR - x", "error"),
        (f"{TIME} | MyApp | 12 | ERROR | x", "error"),
        (f"{TIME},123 worker ERROR x", "error"),
        (f"{TIME} host-1 app.web ERROR x", "error"),
        (f"{TIME} | ERROR    | module:func:12 - x", "error"),
        (f"{TIME}\tERROR\tcaller\tx", "error"),
        (f"{TIME} [error] 12#12: *1 x", "error"),
        ("[Sun Dec 04 04:47:44 2005] [error] x", "error"),
        ("[Sun Dec 04 04:47:44 2005] [core:warn] [pid 1:tid 2] x", "warning"),
        (f"{TIME}.1 UTC [12] user@base FATAL:  x", "error"),
        (f"{TIME} 0 [Warning] [MY-1] x", "warning"),
        (f"[{TIME}][WARN ][o.e.c] x", "warning"),
        (f"[{TIME} +0000] [12] [CRITICAL] x", "error"),
        ("[2024-01-01T10:00:00Z WARN  crate] x", "warning"),
        (f"[{TIME},123: ERROR/Main] x", "error"),
        (f"[{TIME}] {{file.py:12}} ERROR - x", "error"),
        ("E, [2024-01-01T10:00:00.1 #12] ERROR -- : x", "error"),
        (f"ERROR {TIME} x", "error"),
        (f"[WARN] {TIME} x", "warning"),
        (f"WARN  [{TIME},747] com.foo: ERROR: x", "warning"),
        (f"{TIME} error: x", "error"),
        ("ERROR:root:x", "error"),
        ("WARNING: x", "warning"),
        ("warning: unused x", "warning"),
        ("[main] ERROR com.foo - x", "error"),
        ("14:28:21.123 [main] DEBUG com.foo - x", "debug"),
    ],
)
def test_a_level_in_the_header_is_recognised(line: str, name: str) -> None:
    assert level(line) == name


@pytest.mark.parametrize(
    ("line", "name"),
    [
        ('time="2024-01-01T10:00:00Z" level=warning msg="x"', "warning"),
        ('ts=2024-01-01T10:00:00Z caller=a.go:1 msg="an \\" ERROR" level=info', "info"),
        ("t=2024-01-01T10:00:00Z a=1 b=2 c=3 d=4 e=5 f=6 g=7 level=error", "error"),
        ("level=debug ts=2024-01-01T10:00:00Z", "debug"),
        ("severity=CRITICAL host=a", "error"),
        (f'{TIME} lvl="warn" x', "warning"),
        ('{"time":"2024-01-01T10:00:00Z","msg":"x","level":"warn"}', "warning"),
        ('{"severity": "ERROR"}', "error"),
        (f'{TIME} {{"a":1,"level":"error"}}', "error"),
    ],
)
def test_a_level_given_by_key_is_recognised(line: str, name: str) -> None:
    assert level(line) == name


@pytest.mark.parametrize(
    ("line", "name"),
    [
        ("Jun  4 15:16:01 Host sshd[12]: error: x", "error"),
        ("Jun  4 15:16:01 Host sshd[12]: fatal: x", "error"),
        ("Jun  4 15:16:01 Host kernel: warning: x", "warning"),
        ("Jun  4 15:16:01 host logrotate: ALERT exited", "error"),
        ("Jun  4 15:16:01 host kernel: [ 12.345] ERROR x", "error"),
        ("Jun  4 15:16:01 host app[12]: [error] x", "error"),
        ("2024-01-01T10:00:00+00:00 Host kernel: warning: x", "warning"),
        (f"{TIME} Host app[1]: warning: x", "warning"),
    ],
)
def test_a_level_behind_a_syslog_tag_is_recognised(line: str, name: str) -> None:
    assert level(line) == name


@pytest.mark.parametrize(
    "line",
    [
        "2024-01-01 10:00:00 an ERROR is mentioned",
        "2024-01-01 10:00:00 no WARNING was given",
        "2024-01-01 10:00:00 I am here",
        "2024-01-01 10:00:00 T cells and E numbers",
        "E = m c",
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
    assert level(f"{letter}0102 15:04:05.000000  12 a.go:3] ERROR x") == name


@pytest.mark.parametrize(
    ("word", "more"),
    [("ERROR", None), ("WARN", None), ("FATAL", "FATAL"), ("NOTICE", "NOTICE"), ("crit", "crit")],
)
def test_level_is_kept_as_written_where_it_says_more(word: str, more: str | None) -> None:
    found = Recognizer(reference=datetime(2024, 6, 1, tzinfo=UTC)).line(f"{TIME} [{word}] x")
    assert found.attributes.get("level") == more
