"""Regular expressions, ranges, paths and alternatives find the same in every place of a log."""

import json
from contextvars import copy_context
from pathlib import Path

import pytest
from click.testing import CliRunner

import workbench
from tests.support.archives import archive
from tests.support.folders import NOON, Log, fill
from tests.support.sessions import session_of
from waterline.encoding import JSON_GZ, PARQUET
from waterline.errors import NothingFound
from workbench.cli.main import main
from workbench.query.hot import _TOLD
from workbench.query.progress import EFFORT, Effort
from workbench.query.question import ask
from workbench.workbench import Workbench

LOGS: list[Log] = [
    {"type": "error", "message": "upstream Timed out", "path": "/api/v1/a", "status": 503},
    {"type": "Error", "message": "time out of mind", "path": "/API/v2/b", "status": 599.5},
    {"type": "info", "message": "fine\ntimed out", "path": 7, "status": "503"},
    {"type": "info", "message": "fine", "http": {"status_code": 500, "route": {"name": "/a"}}},
    {"type": "info", "message": "fine", "http.status_code": 200, "http": {"status_code": 500}},
    {"type": "info", "message": "fine", "http.status_code": None, "http": {"status_code": 500}},
    {"type": "warning", "message": "fine", "http": [{"status_code": 500}], "user": None},
    {"type": "warning", "message": "50% (of) it", "http": "status_code", "user": "eve"},
]
CASES = [
    ('~"[Tt]ime[d]? out"', [1, 2, 3]),
    ('-~"[Tt]ime[d]? out"', [4, 5, 6, 7, 8]),
    ('~"timed out"i', [1, 3]),
    ('~"fine.timed"', []),
    ('~"(?s)fine.timed"', [3]),
    ('"TIMED OUT"i', [1, 3]),
    ('-"TIMED OUT"i type:info', [4, 5, 6]),
    ('"50% (OF)"i', [8]),
    (r'path~"^/api/v\d"', [1]),
    (r'path~"^/api/v\d"i', [1, 2]),
    (r'-path~"^/api/v\d"', [2, 3]),
    ('path:"/API/V1/A"i', [1]),
    ('path:"/API/V1/A"i path:7', [1, 3]),
    ('path!="/API/V1/A"i', [2, 3]),
    ('type:"error"i', [1, 2]),
    ('type:"error"i type:warning', [1, 2, 7, 8]),
    ('-type:"error"i -type:info', [7, 8]),
    ('type~"^[ei]" source~"st$"', [1, 3, 4, 5, 6]),
    ("status:500..599", [1]),
    ("status:500..600", [1, 2]),
    ("status:..503", [1]),
    ("status:599.5..", [2]),
    ("-status:500..600", [3]),
    ("status:1..2 status:503", [1, 3]),
    ("user:*", [8]),
    ("-user:* type:warning", [7]),
    ("user:* user:bob", [8]),
    ("http.status_code>=500", [4]),
    ("http.status_code:*", [4, 5]),
    ("-http.status_code:*", [1, 2, 3, 6, 7, 8]),
    ("http.status_code!=500", [5]),
    ("http.route.name:/a", [4]),
    ('http.route.name~"^/"', [4]),
    ("type:error OR user:eve", [1, 8]),
    ('(type:Error OR ~"^50" OR http.status_code:500) -status:*', [4, 8]),
    ('(type:info OR type:warning) (message OR "fine" -http:*)', [3]),
    ('type:info (~"timed" OR http.status_code:200)', [3, 5]),
]


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Return folders with the same logs: hot, partly archived, archived."""
    made = []
    for name, runs in (
        ("hot", []),
        ("part", [(3, PARQUET), (2, JSON_GZ)]),
        ("all", [(8, PARQUET)]),
    ):
        made.append(tmp_path_factory.mktemp("patterns") / name)
        fill(made[-1], LOGS)
        archive(made[-1], runs)
    return made


@pytest.mark.parametrize(("query", "seqs"), CASES)
def test_query_finds_the_same_hot_and_archived(
    folders: list[Path], query: str, seqs: list[int]
) -> None:
    for folder in folders:
        with workbench.connect(folder, cache=False) as wb:
            assert wb.logs(query=query)["seq"].tolist() == seqs
            assert wb.count(query=query) == len(seqs)
            pieces = [each["seq"].tolist() for each in wb.iter_logs(query=query)]
            assert [seq for each in pieces for seq in each] == seqs
            newest = wb.logs(query=query, limit=2, order="newest", columns=["seq"])
            assert newest["seq"].tolist() == seqs[:-3:-1]
            assert wb.throughput("1min", exact=True, query=query)["logs"].sum() == len(seqs)


@pytest.mark.parametrize(("query", "seqs"), CASES)
def test_query_finds_the_same_in_a_file(tmp_path: Path, query: str, seqs: list[int]) -> None:
    file = tmp_path / "test"
    file.write_text("".join(f"{json.dumps(each)}\n" for each in LOGS))
    found = workbench.read(file, query=query.replace("st$", "test$"))
    assert found["seq"].tolist() == seqs


def test_question_with_a_pattern_reads_no_further_than_its_limit(data: Path) -> None:
    fill(data, [{"type": "info", "message": f"m{number % 2}"} for number in range(20 * _TOLD)])
    read: list[int] = []

    class Counted(Effort):
        def tell(self, what: str, done: int, total: int | None) -> None:
            super().tell(what, done, total)
            read.append(done)

    with workbench.connect(data) as wb:
        context = copy_context()
        context.run(EFFORT.set, Counted())
        question = ask(now=NOON, query='~"1$"', limit=5)
        rows = context.run(session_of(wb).logs.rows, question)
        assert rows.table["seq"].to_pylist() == [20 * _TOLD - each for each in (8, 6, 4, 2, 0)]
        assert max(read) == _TOLD
        read.clear()
        counted = context.run(session_of(wb).logs.count, question)
        assert counted.value == 5
        assert max(read) == _TOLD


def test_cached_answer_with_a_pattern_takes_what_came_since(data: Path) -> None:
    fill(data, LOGS)
    with workbench.connect(data) as wb:
        assert wb.logs(query='~"timed"i').attrs["cache"] == "miss"
        assert wb.logs(query='~"timed"i').attrs["cache"] == "hit"
        fill(data, [{"type": "info", "message": each} for each in ("x", "TIMED")])
        again = wb.logs(query='~"timed"i')
        assert again.attrs["cache"] == "merged"
        assert again["seq"].tolist() == [1, 3, 10]
        assert wb.logs(query='~"timed"')["seq"].tolist() == [3]
        assert "MATCH regular expressions" in str(wb.explain(query='~"timed"'))
        assert "MATCH" not in str(wb.explain(query="timed"))


def test_path_becomes_a_column_as_it_is_asked_for(folders: list[Path]) -> None:
    for folder in folders:
        with workbench.connect(folder, cache=False) as wb:
            frame = wb.logs(attributes=["http.status_code", "http.route.name", "http"])
            codes = (
                frame["http.status_code"].astype("object").where(lambda each: each.notna(), None)
            )
            assert codes.tolist() == [None, None, None, 500, 200, None, None, None]
            assert frame["http.route.name"].dropna().tolist() == ["/a"]
            assert frame["http"].notna().sum() == 5
            slow = wb.latency("http.status_code", exact=True, by="http.route.name")
            assert slow[["http.route.name", "max"]].dropna().to_numpy().tolist() == [["/a", 500.0]]
        done = CliRunner().invoke(
            main,
            [
                "logs",
                "http:*",
                "--columns",
                "seq,http.status_code,http.route",
                "--data",
                str(folder),
            ],
        )
        assert [each.split() for each in done.stdout.splitlines()[1:3]] == [
            ["4", "500", '{"name":"/a"}'],
            ["5", "200"],
        ]


def test_path_that_no_log_has_is_told_with_what_is_there(folders: list[Path]) -> None:
    with Workbench(folders[0]) as wb:
        with pytest.warns(NothingFound, match=r"'http\.status_cod'; did you mean"):
            wb.count(query="http.status_cod:1")
        with pytest.warns(NothingFound, match="~'x' is text, and in the logs .* number"):
            wb.count(query='http.status_code~"x"')
