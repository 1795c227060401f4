"""Fixtures: a server process of one's own, and a run that fails on unexpected log lines."""

import logging
import os
import re
import secrets
import signal
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

import pytest
from coverage import Coverage
from hypothesis import HealthCheck, settings

from tests.support.processes import ServerProcess, serving

# A shared machine may stall in any example, so none has a deadline.
_PATIENT = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("ci", _PATIENT, max_examples=50)
settings.register_profile("thorough", _PATIENT, max_examples=400)
settings.register_profile("quick", _PATIENT, max_examples=10)
settings.load_profile("ci")

_FIGURE: Final = "figure"
_SLOW: Final = ("slow", "browser")
# What `make test-fast` chooses by, and how a file says that none of its tests is chosen.
_QUICK: Final = "not slow and not browser"
_WHOLLY_SLOW: Final = re.compile(r"^pytestmark = \[?pytest\.mark\.(slow|browser)\b", re.MULTILINE)

# Servers and jobs sync thousands of times, and tests that look at a disk have one of their own.
# A folder in memory takes no time for that; TMPDIR names another.
_MEMORY: Final = Path("/dev/shm")
_ROOM: Final = 4 * 2**30


def _holds_folders(path: Path) -> bool:
    """Return whether there is room, and programs may run: containers often have neither."""
    if sys.platform == "linux" and os.access(path, os.W_OK):
        found = os.statvfs(path)
        return found.f_bavail * found.f_frsize >= _ROOM and not found.f_flag & os.ST_NOEXEC
    return False


if "TMPDIR" not in os.environ and _holds_folders(_MEMORY):
    os.environ["TMPDIR"] = tempfile.tempdir = str(_MEMORY)

# A job in the background of a script ignores Ctrl-C, and so would all that tests start and
# interrupt. A process that is started has the default of a signal that has a handler here.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

# `make coverage` measures the processes that run tests, not each one that they start, nor what is
# slow: on Python 3.11 that took as long again. `coverage run -m pytest` without `-n` still
# measures all of it.
_IS_WORKER: Final = "PYTEST_XDIST_WORKER" in os.environ
_MEASURED: Final = "COVERAGE_PROCESS_CONFIG"
if _IS_WORKER:
    os.environ.pop(_MEASURED, None)


def pytest_addoption(parser: pytest.Parser) -> None:
    """Let a run of the tests that go by chance be long, or be the same once more."""
    group = parser.getgroup("durability")
    group.addoption("--kills", type=int, help="SIGKILLs under load (default: 5, or 2 of rollups)")
    group.addoption(
        "--power-cuts", type=int, default=4, help="simulated power cuts of each kind (default: 4)"
    )
    group.addoption(
        "--durability-seed",
        type=int,
        default=secrets.randbits(32),
        help="decides the moments; a run tells its own (default: by chance)",
    )
    group = parser.getgroup("histories")
    group.addoption(
        "--history-steps", type=int, default=25, help="steps of a history of nodes (default: 25)"
    )
    group.addoption(
        "--history-seed",
        type=int,
        default=secrets.randbits(32),
        help="decides the steps; a run tells its own (default: by chance)",
    )
    group.addoption(
        "--history-workers", type=int, default=0, help="Dask workers that answer (default: 0)"
    )
    group = parser.getgroup("fuzzing")
    group.addoption(
        "--fuzz-seconds", type=float, default=5.0, help="how long to attack (default: 5)"
    )
    group.addoption(
        "--fuzz-seed",
        type=int,
        default=secrets.randbits(32),
        help="decides the attacks; a run tells its own (default: by chance)",
    )


def pytest_terminal_summary(
    terminalreporter: pytest.TerminalReporter,
) -> None:
    """Show what tests had to tell besides that they passed or failed."""
    figures = [
        value
        for reports in terminalreporter.stats.values()
        for report in reports
        if isinstance(report, pytest.TestReport) and report.when == "teardown"
        for name, value in report.user_properties
        if name == _FIGURE
    ]
    if figures:
        terminalreporter.section("figures")
        for line in figures:
            terminalreporter.write_line(str(line))


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers() -> int:
    """Run two tests more at once than there are processors: each waits half of its time."""
    return (os.cpu_count() or 1) + 2


@pytest.hookimpl
def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Leave files unread of which a quick run takes no test: their imports are the dearest."""
    if config.option.markexpr != _QUICK or collection_path.suffix != ".py":
        return None
    return _WHOLLY_SLOW.search(collection_path.read_text(encoding="utf-8")) is not None or None


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Let tests that share a fixture of their module run in one process: it is made once.

    Beside other processes slow tests come first, so that none waits for the last of them.
    """
    for item in items:
        if (shared := _module_fixtures(item)) and not item.get_closest_marker("xdist_group"):
            group = f"{item.path.stem}.{shared[0]}"
            item.add_marker(pytest.mark.xdist_group(group))
    if _IS_WORKER:
        items.sort(key=_is_slow, reverse=True)


def _is_slow(item: pytest.Item) -> bool:
    return any(map(item.get_closest_marker, _SLOW))


def _module_fixtures(item: pytest.Item) -> list[str]:
    if not isinstance(item, pytest.Function):
        return []
    known = item._fixtureinfo.name2fixturedefs
    return sorted(
        name for name in item.fixturenames if name in known and known[name][-1].scope == "module"
    )


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Iterator[None]:
    """Measure no coverage in tests that are slow, where others run beside them."""
    measured = Coverage.current() if _IS_WORKER and _is_slow(item) else None
    if measured is None:
        return (yield)
    measured.stop()
    try:
        return (yield)
    finally:
        measured.start()
        os.environ.pop(_MEASURED, None)  # each start sets it again


@pytest.fixture
def tell(request: pytest.FixtureRequest) -> Callable[[str], None]:
    """Takes lines for the end of the run, shown also when the test has failed."""

    def tell(line: str) -> None:
        # With the report of the test it also comes from a worker process.
        request.node.user_properties.append((_FIGURE, line))

    return tell


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """A data folder that does not exist yet."""
    return tmp_path / "data"


@pytest.fixture
def server(data: Path) -> Iterator[ServerProcess]:
    """A running server on an empty folder."""
    with serving(data) as running:
        yield running


@pytest.fixture(autouse=True)
def no_unexpected_log_lines(
    request: pytest.FixtureRequest, caplog: pytest.LogCaptureFixture
) -> Iterator[None]:
    """Fail a test that logs a warning; `@pytest.mark.logs` says that it means to."""
    yield
    if request.node.get_closest_marker("logs"):
        return
    lines = [
        record.getMessage()
        for phase in ("setup", "call")
        for record in caplog.get_records(phase)
        if record.levelno >= logging.WARNING
    ]
    assert not lines, "it logged:\n" + "\n".join(lines)


@pytest.fixture
def users_folder(tmp_path: Path) -> Path:
    """A folder to work in that has modules of the user's, whose names packages of ours have too."""
    folder = tmp_path / "work"
    folder.mkdir()
    names = "waterline server units clock settings errors click panel tornado"
    for name in names.split():
        (folder / f"{name}.py").write_text(f"raise SystemExit('the {name}.py of the user ran')\n")
    return folder
