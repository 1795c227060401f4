"""The commands `waterline archive …` as an operator types them: what they say and leave."""

import csv
import gzip
import json
import re
import subprocess
from collections.abc import Callable
from io import StringIO
from pathlib import Path

import pandas as pd
import pytest

import workbench
from tests.support.archive_runs import LATER, archive, catalog, fill_three_days, lose_logs
from tests.support.folders import DAY, NOON, fill
from tests.support.processes import run_waterline

pytestmark = pytest.mark.slow

Run = subprocess.CompletedProcess[str]
Waterline = Callable[..., Run]


@pytest.fixture
def archived(data: Path) -> Path:
    """A folder with six logs in four batches of three days, and a hot one."""
    fill_three_days(data)
    archive(data)
    fill(data, [{"id": "hot", "type": "info", "message": "now"}], received_at=LATER)
    return data


@pytest.fixture
def waterline(data: Path) -> Waterline:
    """Runs `waterline archive …` on the folder."""

    def run(*arguments: str | Path, stdin: str | None = None) -> Run:
        return run_waterline("archive", *arguments, "--data", data, stdin=stdin)

    return run


def said(done: Run) -> tuple[int, list[str], str]:
    """Return exit code, lines of standard output, and standard error."""
    return done.returncode, done.stdout.splitlines(), done.stderr


# What is there


def test_a_list_is_aligned_and_ends_with_the_sum(archived: Path, waterline: Waterline) -> None:
    code, (header, *rows, total), errors = said(waterline("list"))
    assert (code, errors) == (0, "")
    assert header.split() == ["FILE", "LOGS", "FROM", "TO", "STORED", "SAVED", "WHERE"]
    assert [row.split()[:2] for row in rows] == [
        [each.file, str(each.rows)] for each in catalog(archived)
    ]
    assert rows[1].split()[2:4] == ["1969-12-31", "23:59:59"]
    for name in ("FROM", "TO", "WHERE"):
        at = header.index(f"  {name}") + 2
        assert all(row[at - 2 : at] == "  " != row[at] for row in rows)
    assert total.startswith("6 logs in 4 batches: ")


def test_a_list_of_nothing_says_so(data: Path, waterline: Waterline) -> None:
    fill(data)
    assert said(waterline("list")) == (0, ["nothing is archived yet"], "")


@pytest.mark.parametrize(
    "command",
    [
        ["run"],
        ["list"],
        ["verify"],
        ["restore", "--into", "into"],
        ["export", "-"],
        ["prune", "--older-than", "1y"],
    ],
    ids=lambda command: command[0],
)
def test_a_folder_without_logs_is_told(
    data: Path, waterline: Waterline, command: list[str]
) -> None:
    sentence = f"waterline: there are no logs in {data}; name the data folder with --data\n"
    assert said(waterline(*command)) == (1, [], sentence)
    assert not data.exists()


# Running


def test_a_run_tells_what_it_did_and_the_next_that_nothing_is_due(
    data: Path, waterline: Waterline
) -> None:
    fill(data, [{"type": "info", "message": "m"}], received_at=NOON)
    code, lines, errors = said(waterline("run", "--format", "json.gz", "--level", "9"))
    assert (code, errors) == (0, "")
    assert lines[0].startswith("archived 1 log in 1 batch: ")
    assert lines[1].startswith("removed 1 row in ")
    assert said(waterline("run")) == (0, ["nothing was old enough to be archived"], "")
    assert said(waterline("list"))[1][1].startswith("2026-03-17/batch-0001.json.gz ")


@pytest.mark.parametrize(
    ("option", "value", "code", "sentence"),
    [
        ("--older-than", "soon", 1, "--older-than: 'soon' is no duration"),
        ("--level", "23", 2, "23 is not in the range 1<=x<=22"),
        ("--batch-rows", "0", 2, "0 is not in the range"),
        ("--format", "xml", 2, "'xml' is not one of"),
        ("--dest", "gs://logs", 1, "'gs://logs' is no object storage; give s3://bucket/prefix"),
    ],
)
def test_an_option_without_meaning_is_told_and_nothing_is_archived(
    data: Path, waterline: Waterline, option: str, value: str, code: int, sentence: str
) -> None:
    fill_three_days(data)
    done = waterline("run", option, value)
    assert (done.returncode, done.stdout) == (code, "")
    assert sentence in done.stderr
    assert catalog(data) == []


# Verifying


def test_a_damaged_file_is_named_with_exit_code_1(archived: Path, waterline: Waterline) -> None:
    code, (line,), errors = said(waterline("verify"))
    assert (code, errors) == (0, "")
    assert line.startswith("sound: 4 batches, 6 logs, ")
    path = archived / "archives" / catalog(archived)[2].file
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    code, (line,), errors = said(waterline("verify"))
    assert code == 1
    assert line.startswith("sound: 3 batches, 4 logs, ")
    assert errors.startswith(f"waterline: {path} is damaged: ")
    assert errors.count("\n") == 1


# Restoring


def test_a_range_is_restored_into_a_folder_that_answers(
    archived: Path, waterline: Waterline, tmp_path: Path
) -> None:
    into = tmp_path / "into"
    wanted = ["--since", "2026-01-01", "--type", "info", "--into", into]
    for _ in range(2):  # run again, it says the same
        code, (line,), errors = said(waterline("restore", *wanted))
        assert (code, errors) == (0, "")
        assert line.startswith(f"{into} holds 1 log in 1 batch, ")
    with workbench.connect(into) as wb, workbench.connect(archived) as origin:
        restored = wb.logs()
        pd.testing.assert_frame_equal(restored, origin.logs(type="info", until=LATER))
        assert len(restored) == 1


@pytest.mark.usefixtures("archived")
def test_nothing_to_restore_makes_no_folder(waterline: Waterline, tmp_path: Path) -> None:
    done = waterline("restore", "--since", "2030-01-01", "--into", tmp_path / "into")
    assert said(done) == (0, ["no archived log is in this range, so no folder was made"], "")
    assert not (tmp_path / "into").exists()


# Exporting


def test_an_export_holds_hot_and_archived_logs(
    archived: Path, waterline: Waterline, tmp_path: Path
) -> None:
    with workbench.connect(archived) as wb:
        messages = wb.logs().sort_values("seq")["message"].tolist()
    jsonl = waterline("export", "-")
    assert (jsonl.returncode, jsonl.stderr) == (0, "")
    assert [json.loads(line)["message"] for line in jsonl.stdout.splitlines()] == messages
    as_csv = waterline("export", "-", "--format", "csv")
    assert [row["message"] for row in csv.DictReader(StringIO(as_csv.stdout))] == messages
    file = tmp_path / "logs.parquet"
    code, (line,), errors = said(waterline("export", "--format", "parquet", file))
    assert (code, errors) == (0, "")
    assert line.startswith(f"{file} holds 7 logs, ")
    assert pd.read_parquet(file)["message"].tolist() == messages


@pytest.mark.usefixtures("archived")
def test_a_file_that_is_there_is_written_over_only_by_force(
    waterline: Waterline, tmp_path: Path
) -> None:
    file = tmp_path / "logs.jsonl"
    file.write_text("mine\n")
    refused = waterline("export", file, "--type", "error")
    assert (refused.returncode, refused.stdout) == (1, "")
    assert str(file) in refused.stderr
    assert "--force" in refused.stderr
    assert file.read_text() == "mine\n"
    assert waterline("export", file, "--type", "error", "--force").returncode == 0
    assert {json.loads(line)["type"] for line in file.read_text().splitlines()} == {"error"}


@pytest.mark.usefixtures("archived")
def test_a_range_without_meaning_is_told(waterline: Waterline) -> None:
    done = waterline("export", "-", "--since", "tomorrow")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("waterline: since='tomorrow' is no time")


# Pruning


def age(moment: int) -> str:
    """Return how long ago a moment was, as an option."""
    return f"{pd.Timestamp.now().value // 1_000_000 - moment}ms"


def test_pruning_asks_first_and_no_means_no(archived: Path, waterline: Waterline) -> None:
    before = catalog(archived)
    for answer in ("n\n", ""):
        done = waterline("prune", "--older-than", age(NOON + DAY // 2), stdin=answer)
        assert done.returncode == 1
        assert re.match(
            "3 logs in 2 batches, received 2026-03-17 to 2026-03-17, will be gone for good; "
            r"it is 20\d\d-\S+ \S+ UTC by this machine's clock\nRemove them\? \[y/N\]:",
            done.stdout,
        )
        assert catalog(archived) == before


@pytest.mark.parametrize("archives_newest", [False, True], ids=["hot", "archived"])
@pytest.mark.parametrize("command", [("run", "--older-than", "1ms"), ("prune", "--older-than")])
def test_a_clock_behind_the_newest_log_archives_and_prunes_only_if_insisted(
    data: Path, waterline: Waterline, command: tuple[str, ...], archives_newest: bool
) -> None:
    fill_three_days(data)
    archive(data)
    ahead = pd.Timestamp.now().value // 1_000_000 + 365 * DAY
    fill(data, [{"id": "ahead", "type": "info", "message": "x"}], received_at=ahead)
    if archives_newest:
        archive(data, now=ahead + 31 * DAY)
    before = catalog(data)
    arguments = (*command, age(NOON + DAY // 2), "--yes") if command[0] == "prune" else command
    done = waterline(*arguments)
    assert (done.returncode, done.stdout, catalog(data)) == (1, "", before)
    assert re.fullmatch(
        r"waterline: this machine's clock says [^;]+ UTC, and the newest log in \S+ was received "
        r"at [^;]+ UTC; set the clock right, or insist with --despite-clock [^;\n]+\n",
        done.stderr,
    )
    assert waterline(*arguments, "--despite-clock").returncode == 0


def test_a_folder_whose_newest_log_is_old_or_of_today_is_pruned(
    data: Path, waterline: Waterline
) -> None:
    fill(data, [{"type": "a", "message": "b"}], received_at=NOON - 365 * DAY)
    assert waterline("run", "--older-than", "1d").returncode == 0
    # A machine that shares the folder may be a little ahead.
    little = pd.Timestamp.now().value // 1_000_000 + DAY // 2
    fill(data, [{"type": "a", "message": "c"}], received_at=little)
    assert waterline("prune", "--yes", "--older-than", "1d").stdout.endswith(
        "pruned 1 log in 1 batch\n"
    )


@pytest.mark.parametrize(("options", "stdin"), [((), "y\n"), (("--yes",), None)])
def test_pruning_removes_files_and_leaves_a_record(
    archived: Path, waterline: Waterline, options: tuple[str, ...], stdin: str | None
) -> None:
    gone = catalog(archived)[:2]
    arguments = ("prune", "--older-than", age(NOON + DAY // 2), *options)
    done = waterline(*arguments, stdin=stdin)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines()[-1].endswith("pruned 3 logs in 2 batches")
    assert not any((archived / "archives" / each.file).exists() for each in gone)
    listed = said(waterline("list"))[1]
    assert [" pruned 20" in line for line in listed[1:-1]] == [True, True, False, False]
    assert listed[-1].startswith("3 logs in 2 batches: ")
    assert said(waterline("verify"))[0] == 0
    exported = waterline("export", "-")
    assert exported.returncode == 0
    assert exported.stderr.startswith("note: this answer lacks 3 logs, pruned with batches ")
    assert said(waterline(*arguments)) == (0, ["no batch is that old"], "")


# Adopting


def test_files_of_version_2_0_are_adopted_once(
    archived: Path, waterline: Waterline, tmp_path: Path
) -> None:
    foreign = tmp_path / "2025-01-01" / "batch-0001.json.gz"
    foreign.parent.mkdir()
    logs = [
        {"id": f"{n}", "type": "info", "timestamp": 1_735_732_800_000 + n, "message": f"m{n}"}
        for n in range(3)
    ]
    metadata = {
        "archiveDate": "2025-01-01T00:00:00.000Z",
        "batch": 1,
        "totalLogs": 3,
        "compression": "gzip",
        "version": "2.0",
    }
    foreign.write_bytes(gzip.compress(json.dumps({"metadata": metadata, "logs": logs}).encode()))
    adopted = waterline("adopt", tmp_path, "--source", "elsewhere")
    assert said(adopted) == (0, ["adopted 3 logs in 1 batch"], "")
    again = waterline("adopt", tmp_path)
    assert said(again) == (
        0,
        ["adopted 0 logs in 0 batches"],
        f"note: {foreign} was adopted before\n",
    )
    with workbench.connect(archived) as wb:
        found = wb.logs(source="elsewhere")
        assert found["message"].tolist() == ["m0", "m1", "m2"]
        assert found["seq"].tolist() == [8, 9, 10]


def test_rebuilding_is_for_a_folder_that_has_lost_its_logs(
    archived: Path, waterline: Waterline, tmp_path: Path
) -> None:
    refused = waterline("adopt")
    assert (refused.returncode, refused.stdout) == (1, "")
    assert "is there and holds logs" in refused.stderr
    wrong = waterline("adopt", "--skip-damaged", tmp_path)
    assert said(wrong) == (
        1,
        [],
        "waterline: --from and --skip-damaged are for rebuilding; leave FILE out\n",
    )
    lose_logs(archived)
    rebuilt = waterline("adopt")
    assert said(rebuilt) == (0, [f"{archived} knows 6 logs in 4 batches again"], "")
    with workbench.connect(archived) as wb:
        assert wb.count() == 6


# Help


def test_every_command_has_help_of_its_own() -> None:
    done = run_waterline("archive", "--help")
    commands = [
        line.split()[0]
        for line in done.stdout.partition("Commands:")[2].splitlines()
        if re.match(r"  \S", line)  # what is indented deeper goes on with a sentence
    ]
    assert commands == ["adopt", "export", "list", "prune", "restore", "run", "verify"]
    for command in commands:
        shown = run_waterline("archive", command, "--help")
        assert (shown.returncode, shown.stderr) == (0, "")
        assert "--data" in shown.stdout
