"""The group `waterline archive`: help of every command, and a folder without logs."""

import re
from pathlib import Path

import pytest

from tests.support.processes import run_waterline
from tests.support.said import Waterline, said

pytestmark = pytest.mark.slow


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
def test_every_command_refuses_a_folder_without_logs(
    data: Path, waterline: Waterline, command: list[str]
) -> None:
    sentence = f"waterline: there are no logs in {data}; name the data folder with --data\n"
    assert said(waterline(*command)) == (1, [], sentence)
    assert not data.exists()


def test_every_command_has_its_own_help() -> None:
    done = run_waterline("archive", "--help")
    commands = [
        line.split()[0]
        for line in done.stdout.partition("Commands:")[2].splitlines()
        if re.match(r"  \S", line)  # what is indented deeper goes on with a sentence
    ]
    assert commands == ["adopt", "export", "list", "prune", "restore", "rewrite", "run", "verify"]
    for command in commands:
        shown = run_waterline("archive", command, "--help")
        assert (shown.returncode, shown.stderr) == (0, "")
        assert "--data" in shown.stdout
