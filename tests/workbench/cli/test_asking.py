"""`waterline logs`, `count` and `sql` over hot and archived logs: what they print and refuse."""

import csv
import fcntl
import io
import json
import os
import pty
import re
import struct
import subprocess
import termios
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner, Result

import workbench
from tests.support.archives import archive
from tests.support.folders import NOON, Log, fill
from tests.support.forking import WATERLINE, Started
from tests.support.processes import PATIENCE, run_waterline, serving
from tests.support.sockets import send
from waterline.encoding import JSON_GZ, PARQUET
from workbench.cli.main import main
from workbench.fitting import columns_of

STEERING = "\x1b]0;owned\x07\x9b31m\u202egnp\r\nsecond line"
WIDE = "日本語のログ " * 20


def log_of(number: int) -> Log:
    return {
        "type": ("error", "info", "warning")[number % 3],
        "message": f"request {number}",
        "timestamp": NOON + number,
        "status": 500 + number % 2,
        "path": ("/", "/health", "/a b")[number % 3],
    }


LOGS = 600
ARCHIVED = 250


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder whose first logs are archived, in two formats."""
    folder = tmp_path_factory.mktemp("asking") / "data"
    fill(folder, [log_of(number) for number in range(LOGS - 2)], source="web")
    odd = [
        {"type": "error", "message": STEERING, "timestamp": NOON + LOGS - 2, "status": "500"},
        {"type": "notice", "message": WIDE, "timestamp": NOON + LOGS - 1, "n": None},
    ]
    fill(folder, odd, source="db")
    archive(folder, [(150, PARQUET), (100, JSON_GZ)], clear=True)
    return folder


@dataclass(frozen=True, slots=True)
class Asked:
    """Runs commands over a folder in this process."""

    data: Path

    def __call__(self, *arguments: str) -> Result:
        return CliRunner().invoke(main, [*arguments, "--data", str(self.data)])


@pytest.fixture
def asked(data: Path) -> Asked:
    return Asked(data)


def seqs(done: Result) -> list[int]:
    assert done.exit_code == 0, done.output
    return [json.loads(line)["seq"] for line in done.stdout.splitlines()]


QUERIES = [
    ("", LOGS),
    ("type:error", 201),
    ("type:error status>=501 -path:/health", 100),
    ('-type:error "request 1"', 75),
    ("status:500 -source:db", 299),
    ("-request", 2),
]


@pytest.mark.parametrize(("query", "count"), QUERIES)
def test_query_text_asks_what_a_notebook_asks(asked: Asked, query: str, count: int) -> None:
    with workbench.connect(asked.data, cache=False) as wb:
        expected = wb.logs(query=query)["seq"].tolist()
    assert seqs(asked("logs", "--query", query, "--json", "--limit", "100000")) == expected
    assert seqs(asked("logs", "--query", query, "--json", "--limit", "all")) == expected
    assert asked("count", "--query", query).stdout == f"{len(expected)}\n"
    assert len(expected) == count


def test_options_are_the_filters_of_a_notebook(asked: Asked) -> None:
    with workbench.connect(asked.data, cache=False) as wb:
        pin = str(wb.pin())
    options = [
        *("--type", "error", "--type", "warning", "--source", "web", "--contains", "request 3"),
        *("--since", "2026-03-17T12:00:00.030Z", "--until", "2026-03-17T12:00:00.400Z"),
        *("--at", pin),
    ]
    expected = [
        number + 1
        for number in range(30, 400)
        if number % 3 != 1 and f"request {number}".startswith("request 3")
    ]
    assert seqs(asked("logs", *options, "--json")) == expected
    assert asked("count", *options).stdout == f"{len(expected)}\n"
    newest = seqs(asked("logs", *options, "--json", "--limit", "3", "--order", "newest"))
    assert newest == expected[:-4:-1]


def test_newest_logs_are_shown_and_the_rest_is_told_of(asked: Asked) -> None:
    done = asked("logs", "--json")
    assert seqs(done) == [*range(LOGS - 199, LOGS + 1)]
    assert "the newest 200" in done.stderr
    assert "--limit all" in done.stderr
    whole = asked("logs", "--json", "--limit", str(LOGS))
    assert len(seqs(whole)) == LOGS
    assert whole.stderr == ""


def test_pipe_gets_each_log_on_one_line_without_colours_or_controls(asked: Asked) -> None:
    done = asked("logs", "--limit", "all")
    header, *lines = done.stdout.splitlines()
    assert header.split() == ["time", "(UTC)", "type", "source", "message"]
    assert len(lines) == LOGS
    assert lines[0] == ("2026-03-17 12:00:00.000  error    web     request 0  status=500 path=/")
    assert done.stdout.replace("\n", "").isprintable()
    assert "gnp↵second line" in lines[-2]
    assert lines[-1].endswith(f"{WIDE}  n=null")


def test_columns_are_stored_ones_and_attributes(asked: Asked) -> None:
    done = asked("logs", "--limit", "3", "--columns", "seq,status,attributes.path,message")
    header, *lines = done.stdout.splitlines()
    assert header.split() == ["seq", "status", "attributes.path", "message"]
    assert lines[0] == "598  501     /health          request 597".replace("/health ", "/       ")
    assert lines[1].split()[:2] == ["599", "500"]


def test_csv_and_parquet_hold_the_same_logs(asked: Asked, tmp_path: Path) -> None:
    rows = list(csv.DictReader(io.StringIO(asked("logs", "status>=501", "--csv").stdout)))
    file = tmp_path / "logs.parquet"
    done = asked("logs", "status>=501", "--parquet", str(file))
    assert "holds 200 logs" in done.stdout
    table = pq.read_table(file)
    assert [int(each["seq"]) for each in rows] == table["seq"].to_pylist()
    assert json.loads(rows[0]["attributes"])["status"] == 501
    again = asked("logs", "--parquet", str(file))
    assert again.exit_code == 1
    assert "is there already" in again.stderr
    assert pq.read_table(file).num_rows == 200


def test_sql_answers_over_hot_and_archived_logs(asked: Asked) -> None:
    done = asked("sql", "SELECT type, count(*) AS logs FROM logs GROUP BY type ORDER BY logs, type")
    assert done.stdout.splitlines() == [
        "type     logs",
        "notice      1",
        "info      199",
        "warning   199",
        "error     201",
    ]
    assert done.stderr == ""


KINDS = (
    "SELECT 9223372036854775807::HUGEINT * 4 AS big, 1.50::DECIMAL(5, 2) AS part, NULL AS none, "
    "TIMESTAMPTZ '2026-01-31 12:00:00+00' AS at, [1, 2] AS list, {'a': 'x'} AS struct, "
    "true AS yes, 'a\nb' AS text, '=1+1' AS formula, DATE '2026-01-31' AS day, "
    "INTERVAL 90 MINUTE AS length, 'NaN'::DOUBLE AS nan, '\\xAA'::BLOB AS bytes"
)


def test_kinds_of_values_come_through_in_every_format(asked: Asked, tmp_path: Path) -> None:
    (row,) = [json.loads(line) for line in asked("sql", KINDS, "--json").stdout.splitlines()]
    assert row["big"] == 4 * (2**63 - 1)
    assert (row["part"], row["none"], row["yes"]) == (1.5, None, True)
    assert (row["at"], row["day"]) == ("2026-01-31T12:00:00Z", "2026-01-31")
    assert (row["list"], row["struct"], row["text"]) == ([1, 2], {"a": "x"}, "a\nb")
    (cells,) = csv.DictReader(io.StringIO(asked("sql", KINDS, "--csv").stdout))
    assert cells["big"] == str(4 * (2**63 - 1))
    assert (cells["at"], cells["list"], cells["text"]) == ("2026-01-31T12:00:00Z", "[1,2]", "a\nb")
    assert cells["formula"] == "'=1+1"
    file = tmp_path / "kinds.parquet"
    assert asked("sql", KINDS, "--parquet", str(file)).exit_code == 0
    assert pq.read_table(file)["struct"].to_pylist() == [{"a": "x"}]
    assert "a↵b" in asked("sql", KINDS).stdout


def test_rows_of_sql_are_limited_unless_all_are_wanted(asked: Asked) -> None:
    query = "SELECT seq FROM logs ORDER BY seq"
    done = asked("sql", query, "--json")
    assert seqs(done) == [*range(1, 201)]
    assert "more rows than these 200 rows" in done.stderr
    whole = asked("sql", query, "--json", "--limit", "all")
    assert seqs(whole) == [*range(1, LOGS + 1)]
    assert whole.stderr == ""
    twice = asked("sql", "SELECT 1 AS a, 2 AS a", "--json")
    assert [*json.loads(twice.stdout).values()] == [1, 2]
    many = asked("sql", "SELECT i AS seq FROM range(50000) AS t(i)", "--json", "--limit", "all")
    assert seqs(many) == [*range(50_000)]


@pytest.mark.parametrize(
    ("arguments", "code", "says"),
    [
        (["logs", 'type:error "timed'], 1, "position 12: this quote has no end"),
        (["count", "status >= 500"], 1, "position 8: a name is missing before '>='"),
        (["logs", "-path:/health"], 2, "--query '-path:/health'"),
        (["logs", "a", "--query", "b"], 1, "given twice"),
        (["logs", "--since", "yesterday"], 1, "since='yesterday' is no time"),
        (["logs", "--limit", "100001"], 2, "from 0 to 100,000, nor 'all'"),
        (["logs", "--limit", "-1"], 2, "from 0 to 100,000"),
        (["logs", "--json", "--csv"], 1, "give one of them"),
        (["logs", "--json", "--columns", "seq"], 1, "--columns is for the table"),
        (["logs", "--limit", "all", "--order", "newest"], 1, "needs a --limit"),
        (["sql", "DELETE FROM logs"], 1, "is no SELECT but DELETE"),
        (["sql", "SELECT nothing FROM logs"], 1, "nothing"),
        (["logs", "--parquet", "no/such/folder/x"], 1, "cannot be written"),
        (["count", "--at", "nonsense"], 1, "nonsense"),
    ],
)
def test_mistake_is_one_sentence(asked: Asked, arguments: list[str], code: int, says: str) -> None:
    done = asked(*arguments)
    assert done.exit_code == code, done.output
    assert says in done.stderr
    assert "Traceback" not in done.output
    assert done.stdout == ""


def test_filter_that_leaves_no_log_is_named(asked: Asked) -> None:
    done = asked("logs", "type:eror")
    assert (done.exit_code, done.stdout) == (0, "")
    assert "note: type='eror' left no log" in done.stderr
    assert "did you mean 'error'?" in done.stderr
    assert asked("count", "type:eror").stdout == "0\n"


def test_missing_folder_is_told(tmp_path: Path) -> None:
    for command in (["logs"], ["count"], ["sql", "SELECT 1"]):
        done = Asked(tmp_path / "none")(*command)
        assert done.exit_code == 1
        assert "there are no logs in" in done.stderr


def test_folder_is_not_written_to(asked: Asked) -> None:
    before = sorted(asked.data.rglob("*"))
    asked("logs", "status>500")
    assert sorted(asked.data.rglob("*")) == before


def on_terminal(width: int, *arguments: str, **environment: str) -> str:
    """Return what a command prints on a terminal of some columns."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, width, 0, 0))
    plain = {name: each for name, each in os.environ.items() if name not in ("COLUMNS", "NO_COLOR")}
    with Started(
        [WATERLINE, *arguments], stdin=theirs, stdout=theirs, stderr=subprocess.PIPE,
        env=plain | {"TERM": "xterm", **environment},
    ) as process:  # fmt: skip
        os.close(theirs)
        said = b"".join(pieces(ours))
        os.close(ours)
        assert process.wait(PATIENCE) == 0
    return said.decode().replace("\r\n", "\n")


def pieces(terminal: int) -> Iterator[bytes]:
    try:
        while piece := os.read(terminal, 65_536):
            yield piece
    except OSError:  # the other end is closed
        return


@pytest.mark.slow
@pytest.mark.parametrize("width", [20, 60, 81])
def test_terminal_gets_lines_that_fit_it(data: Path, width: int) -> None:
    said = on_terminal(width, "logs", "--limit", "5", "--data", str(data))
    assert "\x1b[31merror\x1b[0m" in said or width == 20
    lines = re.sub(r"\x1b\[\d*m", "", said).splitlines()
    assert len(lines) == 6
    assert all(columns_of(line) <= width for line in lines)
    assert max(map(columns_of, lines)) >= width - 1
    assert "\x1b]" not in said
    if width > 60:
        assert all(line.startswith("2026-03-17 12:00:00.59") for line in lines[1:])


@pytest.mark.slow
def test_no_colours_where_none_are_wanted(data: Path) -> None:
    said = on_terminal(80, "logs", "--limit", "5", "--data", str(data), NO_COLOR="1")
    assert "\x1b" not in said
    assert "error" in said


@pytest.mark.slow
def test_commands_answer_beside_a_running_server(tmp_path: Path) -> None:
    with serving(tmp_path / "data") as server:
        send(server, {"type": "error", "message": "one", "status": 503})
        done = run_waterline("count", "type:error status>=500", "--data", server.data)
        assert (done.returncode, done.stdout) == (0, "1\n"), done.stderr
        send(server, {"type": "error", "message": "two", "status": 404})
        done = run_waterline("logs", "type:error", "--json", "--data", server.data)
        assert [json.loads(line)["message"] for line in done.stdout.splitlines()] == ["one", "two"]
        done = run_waterline("sql", "SELECT count(*) AS n FROM logs", "--data", server.data)
        assert done.stdout.split() == ["n", "2"]


@pytest.mark.slow
def test_closed_pipe_ends_a_command_quietly(data: Path) -> None:
    for command in ("logs --limit all", "sql 'SELECT i FROM range(9999999) t(i)' --limit all"):
        script = f"{WATERLINE} {command} --data {data} | head -n 1; exit ${{PIPESTATUS[0]}}"
        done = subprocess.run(
            ["bash", "-c", script], capture_output=True, text=True, timeout=PATIENCE, check=False
        )
        assert done.returncode in (0, 141)  # 0 where all had fitted into the pipe
        assert (len(done.stdout.splitlines()), done.stderr) == (1, "")
