"""Lines that are one log: what is joined, what is not, and that nothing is lost."""

import json
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.examples import costly
from tests.waterline.recognition.samples import SAMPLES
from waterline.recognition.continuations import MAX_CHARACTERS, MAX_LINES
from waterline.recognition.multiline import Joined, Joiner, Multiline, join_lines
from waterline.recognition.recognizer import Recognizer

REFERENCE = datetime(2026, 11, 24, 12, tzinfo=UTC)
FIRST = "2026-11-24 10:00:00,123 ERROR app: request failed"
NEXT = "2026-11-24 10:00:01,000 INFO app: next"
TIME = 1_795_514_400_123


def joined(text: str, mode: Multiline = Multiline.JOIN) -> list[Joined[str]]:
    lines = [(line, line) for line in text.split("\n") if line.strip()]
    return list(join_lines(lines, Recognizer(reference=REFERENCE), mode))


PYTHON = """Traceback (most recent call last):
  File "/srv/app.py", line 3, in run
    go()
ValueError: no
During handling of the above exception, another exception occurred:
Traceback (most recent call last):
  File "/srv/app.py", line 4, in run
KeyError"""
JAVA = """java.lang.IllegalStateException: Custom error
\tat c.e.Content.get(Content.java:46)
\tSuppressed: java.io.IOException: y
Caused by: java.io.IOException: x
\t... 12 more"""
DOTNET = """System.InvalidOperationException: boom
 ---> System.Exception: inner
   at X.Y() in /src/x.cs:line 3
   --- End of inner exception stack trace ---
   at X.Z()"""
NODE = """TypeError: x is not a function
    at run (/srv/app.js:3:5)
    at node:internal/main:1:1"""
PHP = """Stack trace:
#0 /srv/x.php(12): foo()
#1 {main}
  thrown in /srv/x.php on line 3"""
RUBY = """app.rb:3:in `foo': boom (RuntimeError)
\tfrom app.rb:7:in `<main>'"""
PLAIN_EXCEPTION = """java.lang.Exception: x
\tat c.e.Content.get(Content.java:46)"""
DART = """#0      main (file:///a.dart:1:2)
#1      _start (dart:ui)"""
ELIXIR = """** (RuntimeError) boom
    (app 0.1.0) lib/x.ex:1: X.f/1
Last message: :x"""
XML = """<?xml version="1.0"?>
<a:b>
  <c>1</c>
</a:b>"""
TABLE = """+---+---+
| a | b |
+---+---+"""
INDENTED = """  key: value
    deeper: value"""


@pytest.mark.parametrize(
    "behind",
    [PYTHON, JAVA, DOTNET, NODE, PHP, RUBY, PLAIN_EXCEPTION, DART, ELIXIR, XML, TABLE, INDENTED],
)
def test_what_continues_a_log_is_part_of_it(behind: str) -> None:
    first, following = joined(f"{FIRST}\n{behind}\n{NEXT}")
    assert first.recognized.message == f"{FIRST}\n{behind}"
    assert (first.recognized.timestamp, first.recognized.type) == (TIME, "error")
    assert "\n".join(first.lines) == first.recognized.message
    assert following.recognized.message == NEXT


GO = """panic: runtime error: index out of range
goroutine 1 [running]:
main.main()
\t/srv/main.go:12 +0x1d
created by main.start in goroutine 7
exit status 2"""
RUST = """thread 'main' panicked at src/main.rs:2:5:
index out of bounds
note: run with `RUST_BACKTRACE=1` environment variable to display a backtrace"""


def test_runtime_that_dies_is_a_log_of_its_own_with_the_time_before_it() -> None:
    _, died, _ = joined(f"{FIRST}\n{GO}\n{NEXT}")
    assert died.recognized.message == GO
    assert (died.recognized.timestamp, died.recognized.type) == (TIME, "error")


def test_traceback_alone_is_one_error() -> None:
    (found,) = joined(PYTHON)
    assert (found.recognized.message, found.recognized.type) == (PYTHON, "error")
    assert found.recognized.timestamp is None


def test_line_behind_a_traceback_is_a_log_of_its_own() -> None:
    logs = joined(f"{FIRST}\n{PYTHON}\nserver goes on\n{NEXT}")
    assert [each.recognized.message for each in logs][1:] == ["server goes on", NEXT]
    assert logs[1].recognized.timestamp == TIME


def test_statement_over_lines_is_one_log() -> None:
    statement = "2026-11-24 10:00:00 LOG: statement: SELECT a\nFROM b\nWHERE c = 1"
    assert [each.recognized.message for each in joined(statement)] == [statement]


def test_slow_statement_of_mysql_is_one_log() -> None:
    slow = (
        "# Time: 2026-11-24T10:00:00.123456Z\n# User@Host: a[a] @ localhost []\n"
        "# Query_time: 2.0  Lock_time: 0.0\nSET timestamp=1795514400;\nSELECT 1;"
    )
    logs = joined(f"{slow}\n{slow}")
    assert [each.recognized.message for each in logs] == [slow, slow]
    assert logs[0].recognized.timestamp == TIME


@pytest.mark.parametrize("indent", [0, 2])
def test_object_over_lines_is_read_as_one(indent: int) -> None:
    value = {
        "level": "warn",
        "msg": "hello",
        "time": "2026-11-24T10:00:00.123Z",
        "a": {"b": [1, 2]},
    }
    text = json.dumps(value, indent=indent)
    logs = joined(f"{text}\n{text}\nplain")
    assert [each.recognized.message for each in logs] == ["hello", "hello", "plain"]
    assert (logs[1].recognized.timestamp, logs[1].recognized.type) == (TIME, "warning")
    assert logs[1].recognized.attributes == {"a": {"b": [1, 2]}}


def test_two_lines_of_java_util_logging_are_one_log_with_the_level_of_the_second() -> None:
    (found,) = joined("Nov 24, 2026 10:00:00 AM com.example.Main run\nSEVERE: boom")
    assert (found.recognized.timestamp, found.recognized.type) == (TIME - 123, "error")


def test_parts_of_a_line_of_cri_are_put_together_by_stream() -> None:
    stamp = "2026-11-24T10:00:00.123456789Z"
    logs = joined(
        f"{stamp} stdout P 2026-11-24 09:00:00 ERR\n{stamp} stderr F other\n"
        f"{stamp} stdout P OR half \n{stamp} stdout F whole"
    )
    whole = next(each for each in logs if each.recognized.attributes["stream"] == "stdout")
    assert whole.recognized.message == "2026-11-24 09:00:00 ERROR half whole"
    assert (whole.recognized.timestamp, whole.recognized.type) == (TIME, "error")
    assert len(whole.lines) == 3


def test_parts_of_a_line_of_docker_are_put_together() -> None:
    def part(log: str) -> str:
        return json.dumps({"log": log, "stream": "stdout", "time": "2026-11-24T10:00:00.123Z"})

    inner = json.dumps({"level": "error", "msg": "x" * 50})
    (found,) = joined("\n".join((part(inner[:20]), part(inner[20:40]), part(inner[40:] + "\n"))))
    assert (found.recognized.message, found.recognized.type) == ("x" * 50, "error")
    assert found.recognized.timestamp == TIME


def test_traceback_of_one_service_is_joined_though_others_write_between() -> None:
    logs = joined(
        "web-1  | Traceback (most recent call last):\ndb-1   | 2026-11-24 10:00:00 UTC LOG: x\n"
        'web-1  |   File "x", line 1\nweb-1  | ValueError: x'
    )
    assert sorted(each.recognized.message for each in logs)[1].count("\n") == 2


def test_mode_time_gives_lines_the_time_of_the_log_before() -> None:
    logs = joined(f"{FIRST}\n{JAVA}\n{NEXT}", Multiline.TIME)
    assert [each.recognized.timestamp for each in logs][:6] == [TIME] * 6
    assert len(logs) == 7


def test_mode_off_leaves_lines_as_they_are() -> None:
    logs = joined(f"{FIRST}\n{JAVA}\n{NEXT}", Multiline.OFF)
    assert [each.recognized.timestamp for each in logs][1:6] == [None] * 5


def test_log_of_its_own_without_a_time_does_not_take_that_of_another() -> None:
    logs = joined(f'{FIRST}\nlevel=error msg="no time"')
    assert [each.recognized.timestamp for each in logs] == [TIME, None]


def test_log_of_many_lines_is_bounded() -> None:
    by_lines = joined("\n".join([FIRST, *[" x"] * (2 * MAX_LINES)]))
    assert [len(each.lines) for each in by_lines] == [MAX_LINES, MAX_LINES, 1]
    assert {each.recognized.timestamp for each in by_lines} == {TIME}
    long = " " + "x" * (MAX_CHARACTERS // 3)
    by_size = joined("\n".join([FIRST, *[long] * 5]))
    assert [len(each.lines) for each in by_size] == [3, 3]


@pytest.mark.slow
@pytest.mark.parametrize("part", ["(", "a", "a.", "[", ": ", "{", " "])
def test_long_line_takes_no_more_than_its_length(part: str) -> None:
    for first in (
        FIRST,
        "{",
        "SELECT 1",
        *GO.split("\n")[:1],
        *PYTHON.split("\n")[:1],
        "# Time: x",
    ):
        joined(f"{first}\nx{part * 200_000}\n\tx{part * 200_000}\n{NEXT}")


def test_sources_are_bounded() -> None:
    joiner = Joiner[int](Recognizer(reference=REFERENCE), Multiline.JOIN)
    done = []
    for number in range(1000):
        done += joiner.add(f"web-{number}  | x", number)
    assert len(done) > 900
    assert sorted(line for each in (*done, *joiner.flush()) for line in each.lines) == list(
        range(1000)
    )


lines = st.lists(
    st.sampled_from([sample.line for sample in SAMPLES])
    | st.sampled_from("\n".join((PYTHON, JAVA, DOTNET, NODE, PHP, RUBY, GO, RUST)).split("\n"))
    | st.sampled_from(['{"a":', "{", "}", "  x", "[", "]", "# Time: x", "SELECT 1", "FROM x"])
    | st.text(max_size=10).map(lambda text: text.replace("\n", "")),
    max_size=30,
)


@pytest.mark.slow
@costly(800)
@given(lines=lines, mode=st.sampled_from(list(Multiline)))
def test_every_line_is_in_one_log(lines: list[str], mode: Multiline) -> None:
    numbered = [(line, number) for number, line in enumerate(lines)]
    logs = list(join_lines(numbered, Recognizer(reference=REFERENCE), mode))
    assert sorted(number for each in logs if not each.part for number in each.lines) == list(
        range(len(lines))
    )
    for each in logs:
        assert each.lines == sorted(each.lines)
        assert mode is Multiline.JOIN or len(each.lines) == 1


@given(lines=lines)
def test_joined_text_holds_the_text_of_its_lines(lines: list[str]) -> None:
    numbered = [(line, line) for line in lines]
    for each in join_lines(numbered, Recognizer(reference=REFERENCE), Multiline.JOIN):
        if len(each.lines) > 1:
            kept = each.recognized.message + json.dumps(each.recognized.attributes)
            for line in each.lines[1:]:
                assert line.split("|")[-1].strip(" {}[]") in kept or line[:1] in "{2"


ERLANG = """=ERROR REPORT==== 24-Nov-2026::10:00:00 ===
** Generic server x terminating
** Reason == boom"""
ORACLE = """2026-11-24T10:00:00.123456+00:00
ERROR: ORA-00600: internal error code
Dump continued"""
ORACLE_BEFORE = """Tue Nov 24 10:00:00 2026
ERROR: thread 1 advanced"""
LOGCAT = """[ 11-24 10:00:00.123  1234: 5678 E/Tag ]
boom"""
ECLIPSE = """!ENTRY org.eclipse.x 4 0 2026-11-24 10:00:00.123
!MESSAGE boom
!STACK 0
java.lang.Exception: x"""
DB2 = """2026-11-24-10.00.00.123456+000 I1234E500            LEVEL: Error
PID     : 12                   TID : 34
FUNCTION: DB2 UDB, x"""


@pytest.mark.parametrize("log", [ERLANG, ORACLE, ORACLE_BEFORE, LOGCAT, ECLIPSE, DB2])
def test_what_stands_under_a_header_is_its_text_until_the_next(log: str) -> None:
    first, second = joined(f"{log}\n{log}")
    for each in (first, second):
        assert each.recognized.message == log
        assert each.recognized.type == "error"
        assert each.recognized.timestamp in (TIME, TIME - 123)


SERVED = """2026/11/24 10:00:00 http: panic serving 192.0.2.1:1: boom
goroutine 19 [running]:
net/http.(*conn).serve.func1()
\t/usr/lib/go/src/net/http/server.go:1 +0xbe
created by net/http.(*Server).Serve in goroutine 1"""
UNCAUGHT = """/srv/app.js:3
    throw new Error('x');
    ^
Error: x
    at f (/srv/app.js:1:2)
Node.js v20.0.0"""


@pytest.mark.parametrize("log", [SERVED, UNCAUGHT])
def test_what_a_server_says_of_a_crash_is_one_log(log: str) -> None:
    assert [each.recognized.message for each in joined(f"{log}\n{NEXT}")] == [log, NEXT]


def test_elements_of_an_array_are_logs_each() -> None:
    lines = ("[", '{"level":"error","msg":"a"},', '{"level":"info","msg":"b"}', "]")
    found = [each.recognized.message for each in joined("\n".join(lines))]
    assert found == ["[", "a", "b", "]"]


HEADER = "time,level,message,host"
ROW = "2026-11-24T10:00:00.123Z,ERROR,"


def test_row_with_line_breaks_in_a_quoted_field_is_one_log() -> None:
    text = f'{HEADER}\n{ROW}"first\nsecond, ""quoted""\nthird",a\n{ROW}plain,b'
    _, first, second = joined(text)
    said = first.recognized
    assert (said.message, said.type, said.timestamp) == (
        'first\nsecond, "quoted"\nthird',
        "error",
        TIME,
    )
    assert said.attributes == {"host": "a"}
    assert len(first.lines) == 3
    assert (second.recognized.message, second.lines) == ("plain", [f"{ROW}plain,b"])


def test_row_that_never_ends_costs_no_sound_row_behind_it() -> None:
    odd = f'{ROW}"no end,a'
    _, first, second = joined(f"{HEADER}\n{odd}\nmore\n{ROW}plain,b")
    assert first.recognized.message == f"{odd}\nmore"
    assert second.recognized.message == "plain"


def test_row_that_never_ends_is_bounded() -> None:
    odd = f'{ROW}"no end,a'
    _, first, *others = joined("\n".join([HEADER, odd, *["more"] * (MAX_LINES + 5)]))
    assert len(first.lines) == MAX_LINES
    assert sum(len(each.lines) for each in others) == 6


@given(st.lists(st.lists(st.sampled_from(['"', ",", "a", '""', ROW, f"{ROW}b,c"])).map("".join)))
def test_every_line_under_a_header_is_in_one_log(lines: list[str]) -> None:
    wanted = [HEADER, *filter(str.strip, lines)]
    assert [line for each in joined("\n".join(wanted)) for line in each.lines] == wanted


POSTGRESQL = (
    '2026-11-24 10:00:00.123 UTC,"app","shop",4242,"[local]",64a1b2c3.1092,1,"SELECT",'
    '2026-11-24 09:59:00 UTC,3/12,0,{},"{}",,,,,,{},,,"psql","client backend",,0'
)
STATEMENT = '"SELECT *\n2019-01-01 00:00:00 INFO fake\nother\nFROM ""orders"""'


def test_row_of_postgresql_with_a_statement_over_lines_is_one_log() -> None:
    first = POSTGRESQL.format("ERROR,42P01", "no relation", STATEMENT)
    second = POSTGRESQL.format("LOG,00000", "disconnection", "")
    found = joined(f"{first}\n{second}")
    assert [each.recognized.message for each in found] == [first, second]
    assert [each.recognized.type for each in found] == ["error", "info"]


@pytest.mark.parametrize(
    "log",
    [
        (
            "2026-11-24 10:00:00.123 | ERROR    | __main__:<module>:6 - failed\n"
            'Traceback (most recent call last):\n> File "x.py", line 4, in <module>\n'
            "    1/0\nZeroDivisionError: division by zero"
        ),
        (
            '2026-11-24T10:00:00.123Z\tERROR\tapp/main.go:12\tfailed\t{"k":1}\nmain.main\n'
            "\t/x.go:1\ngithub.com/a/b.(*T).Do\n\t/y.go:7"
        ),
        (
            "2026.11.24 10:00:00.123000 [ 1 ] {} <Error> Application: DB::Exception: no, Stack "
            "trace (when copying this message, always include the lines below):\n"
            "0. DB::Exception::Exception(String const&) @ 0x1\n1. main @ 0x2\n (version 24.1)"
        ),
        (
            "F1124 10:00:00.123000       1 main.go:10] fatal\ngoroutine 1 [running]:\nmain.main()\n"
            "\t/x.go:1"
        ),
        (
            "2026-11-24 10:00:00.123 [error] #PID<0.1.0> running App.Endpoint terminated\n"
            "Server: localhost:4000 (http)\nRequest: GET /\n** (exit) an exception was raised:\n"
            "    ** (RuntimeError) boom"
        ),
        (
            "ERROR:    Exception in application\nTraceback (most recent call last):\n"
            '  File "a.py", line 1, in x\nValueError: y'
        ),
        "2026-11-24T10:00:00.123Z error hostd[1] [Originator@6876] one\n--> two\n-->    three",
        (
            "2026-11-24 10:00:00.123 ERROR Server Microsoft SQL Server\n\tOct  8 2022 05:58:25\n"
            "\t2021-01-01 00:00:00 row"
        ),
    ],
    ids=["loguru", "zap", "ClickHouse", "klog", "Cowboy", "uvicorn", "VMware", "SQL Server"],
)
def test_log_of_a_program_and_the_lines_below_it_are_one(log: str) -> None:
    (found,) = joined(log)
    assert (found.recognized.message, found.recognized.type) == (log, "error")
    assert found.recognized.timestamp in (None, TIME)


def test_levels_that_are_padded_begin_logs_each() -> None:
    lines = [" INFO x: a", " WARN x: b", "DEBUG x: c", "    with y", "ERROR x: d", " INFO x: e"]
    found = joined("\n".join(lines))
    assert [each.lines for each in found] == [
        lines[:1],
        lines[1:2],
        lines[2:4],
        *[[each] for each in lines[4:]],
    ]


def test_hour_with_one_digit_begins_a_log() -> None:
    assert len(joined("12:59:59 PM INFO a\n 1:00:00 PM INFO b")) == 2
