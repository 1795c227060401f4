"""`waterline archive prune`: it asks first, and minds the clock."""

import re
from pathlib import Path

import pandas as pd
import pytest

from tests.support.archive_runs import archive, catalog, fill_three_days
from tests.support.folders import DAY, NOON, fill
from tests.support.said import Waterline, said

pytestmark = pytest.mark.slow


def age(moment: int) -> str:
    """Return how long ago a moment was, as an option."""
    return f"{pd.Timestamp.now().value // 1_000_000 - moment}ms"


def test_prune_asks_first_and_removes_nothing_after_no(
    archived: Path, waterline: Waterline
) -> None:
    before = catalog(archived)
    for answer in ("n\n", ""):
        done = waterline("prune", "--older-than", age(NOON + DAY // 2), stdin=answer)
        assert done.returncode == 1
        assert re.match(
            "3 logs in 2 batches, received 2026-03-17, will be gone for good; "
            r"it is 20\d\d-\S+ \S+ UTC by this machine's clock\nRemove them\? \[y/N\]:",
            done.stdout,
        )
        assert catalog(archived) == before


@pytest.mark.parametrize("archives_newest", [False, True], ids=["hot", "archived"])
@pytest.mark.parametrize("command", [("run", "--older-than", "1ms"), ("prune", "--older-than")])
def test_run_and_prune_refuse_a_clock_behind_the_newest_log(
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


def test_prune_takes_a_folder_whose_newest_log_is_old_or_of_today(
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
def test_prune_removes_files_and_leaves_a_record(
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


def test_prune_goes_by_archive_keep_and_dry_run_removes_nothing(
    archived: Path, waterline: Waterline
) -> None:
    before = catalog(archived)
    keep = ("--archive-keep", f"{age(NOON + DAY + DAY // 2)},1GiB")
    code, lines, errors = said(waterline("prune", *keep, "--dry-run"))
    assert (code, errors) == (0, "")
    assert lines[0].startswith("5 logs in 3 batches, received 2026-03-17 to 2026-03-18, would be ")
    assert [re.sub(r", \S+ \S+$", "", each) for each in lines[1:]] == [
        "2026-03-17: 3 logs in 2 batches",
        "2026-03-18: 2 logs in 1 batch",
    ]
    assert catalog(archived) == before
    done = waterline("prune", *keep, "--yes")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines()[-1] == "pruned 5 logs in 3 batches"
    assert [each.is_kept for each in catalog(archived)] == [False, False, False, True]
    done = waterline("prune", "--yes", "--archive-keep", "1GiB")
    assert (done.returncode, done.stdout) == (0, "archive_keep (1GiB) keeps all\n")


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ((), "archive_keep is forever, so nothing is due; say how old with --older-than"),
        (
            ("--older-than", "1y", "--archive-keep", "1y"),
            "--older-than and --archive-keep are two plans; give one of them",
        ),
        (
            ("--archive-keep", "1h"),
            (
                "archive_keep (option --archive-keep) has 1h, shorter than dedupe_window (default) "
                "with 1d; raise it"
            ),
        ),
    ],
)
def test_prune_without_a_plan_is_told(
    archived: Path, waterline: Waterline, arguments: tuple[str, ...], sentence: str
) -> None:
    before = catalog(archived)
    done = waterline("prune", *arguments)
    assert (done.returncode, done.stderr) == (1, f"waterline: {sentence}\n")
    assert catalog(archived) == before
