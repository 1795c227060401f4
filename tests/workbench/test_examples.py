"""The examples in the docstrings of the workbench: each runs as it is written."""

import doctest
import inspect
from contextlib import ExitStack
from pathlib import Path
from typing import Final

import pandas as pd
import pytest

import workbench
from tests.support.processes import serving
from tests.support.rollups import counted
from tests.support.sockets import send
from tests.support.waiting import wait_until
from workbench.samples import day
from workbench.workbench import Workbench, connect, read

pytestmark = pytest.mark.slow


def _documented() -> dict[str, str]:
    """Return the docstrings of all that an analyst calls, by name."""
    members = {
        name: getattr(member, "__doc__", None) or ""
        for name, member in inspect.getmembers_static(Workbench)
        if not name.startswith("_")
    }
    return members | {"connect": connect.__doc__ or "", "read": read.__doc__ or ""}


DOCUMENTED: Final = _documented()


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder whose `data` holds a small sample that a server took in and measured, and a file."""
    path = tmp_path_factory.mktemp("examples")
    line = '10.0.0.1 - - [17/Mar/2026:10:05:03 +0000] "GET / HTTP/1.1" 500 5\n'
    (path / "access.log").write_text(f"2026-03-17 10:05:04 INFO [main] done\n{line}")
    with serving(path / "data") as server:
        for log in day(200):
            send(server, log)
        wait_until(lambda: bool(counted(server.data, "duration_ms", "type")))
    return path


@pytest.mark.parametrize("name", sorted(DOCUMENTED))
def test_examples_of_a_method_run(name: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    examples = doctest.DocTestParser().get_examples(DOCUMENTED[name])
    assert len(examples) >= 2
    monkeypatch.chdir(folder)
    monkeypatch.setenv("MPLBACKEND", "agg")
    names = {"connect": connect, "read": read, "workbench": workbench, "pd": pd, "Path": Path}
    with ExitStack() as opened:
        names["wb"] = opened.enter_context(connect("data"))
        for example in examples:
            exec(compile(example.source, name, "single"), names)
        for each in names.values():
            if isinstance(each, Workbench):
                opened.callback(each.close)
