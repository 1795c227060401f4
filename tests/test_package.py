"""The packages that pip installs, in empty environments outside of this folder, as users do it."""

import os
import re
import subprocess
import sys
import tarfile
import tomllib
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from urllib.request import urlopen

import pytest

from tests.support.processes import PATIENCE

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("package")]

ROOT: Final = Path(__file__).parents[1]
PACKAGES: Final = ("waterline", "server", "workbench")
PROJECT: Final = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
NAME: Final = f"{PROJECT['name']}-{PROJECT['version']}"
LOGS: Final = 1_000

# What this process was given for itself would lead a fresh one back to this folder.
OURS: Final = ("COVERAGE", "PYTHON", "PYTEST", "VIRTUAL_ENV", "WATERLINE")
ENVIRONMENT: Final = {name: text for name, text in os.environ.items() if not name.startswith(OURS)}


@dataclass(frozen=True)
class Built:
    """What `python -m build` has made."""

    sdist: Path
    wheel: Path


@dataclass(frozen=True)
class Environment:
    """An environment with a Python of its own, and an unrelated folder to work in."""

    path: Path
    folder: Path

    def run(self, *command: str, **environment: str) -> subprocess.CompletedProcess[str]:
        """Run a command of it to its end."""
        return subprocess.run(
            [self.path / "bin" / command[0], *command[1:]],
            cwd=self.folder,
            env=ENVIRONMENT | environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=PATIENCE,
            check=False,
        )

    def say(self, *command: str, **environment: str) -> str:
        """Run a command of it that must go well and have no complaint; return what it prints."""
        done = self.run(*command, **environment)
        assert (done.returncode, done.stderr) == (0, ""), done
        return done.stdout.strip()

    def installed(self) -> set[str]:
        """Return the names of what is installed."""
        program = (
            "from importlib.metadata import distributions\nfor d in distributions(): print(d.name)"
        )
        return {name.replace("_", "-") for name in self.say("python", "-c", program).split()}

    def install(self, wanted: str | Path) -> None:
        """Install from the registry, in the versions of requirements.lock.

        Where none answers it cannot be tried; CI must have one.
        """
        constraints = self.path / "constraints.txt"
        constraints.write_text("\n".join(pinned()))
        pip: list[str | Path] = [sys.executable, "-m", "pip", "--python", self.path, "--quiet"]
        done = subprocess.run(
            [*pip, "install", "--no-compile", "--constraint", constraints, wanted],
            cwd=self.folder,
            env=ENVIRONMENT,
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            said = f"pip cannot install {Path(wanted).name}; is a package registry reached?"
            if os.environ.get("CI") == "true":
                pytest.fail(f"{said}\n{done.stderr}")
            pytest.skip(said)


def pinned() -> Iterator[str]:
    """Yield the lines of requirements.lock without hashes: a wheel of ours has none there."""
    for line in (ROOT / "requirements.lock").read_text().splitlines():
        if re.match(r"[A-Za-z0-9]", line):
            yield line.removesuffix("\\").rstrip()


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Built:
    """What `make build` makes."""
    folder = tmp_path_factory.mktemp("dist")
    subprocess.run(
        [sys.executable, "-m", "build", "--no-isolation", "--outdir", folder, ROOT],
        env=ENVIRONMENT,
        capture_output=True,
        check=True,
    )
    return Built(folder / f"{NAME}.tar.gz", folder / f"{NAME}-py3-none-any.whl")


def environment(factory: pytest.TempPathFactory, name: str, wheel: Path) -> Environment:
    """Make an environment with what the wheel brings of itself."""
    made = Environment(factory.mktemp(name) / "venv", factory.mktemp("unrelated"))
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", made.path], check=True)
    made.install(wheel)
    return made


@pytest.fixture(scope="module")
def light(tmp_path_factory: pytest.TempPathFactory, built: Built) -> Environment:
    """The wheel, without an extra."""
    return environment(tmp_path_factory, "light", built.wheel)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, built: Built) -> Environment:
    """The wheel, then what `waterline serve` says that it lacks."""
    return completed(environment(tmp_path_factory, "server", built.wheel), "serve")


@pytest.fixture(scope="module")
def full(tmp_path_factory: pytest.TempPathFactory, built: Built) -> Environment:
    """The wheel, then what `waterline up` says that it lacks."""
    return completed(environment(tmp_path_factory, "full", built.wheel), "up")


def completed(made: Environment, command: str) -> Environment:
    """Install what the sentence of a command says."""
    advice = re.search(r"pip install '(.*)'", made.run("waterline", command).stderr)
    assert advice is not None
    made.install(advice[1])
    return made


def files_of_the_packages() -> set[str]:
    """Return every file of the packages, by its path in this folder."""
    return {
        file.relative_to(ROOT).as_posix()
        for package in PACKAGES
        for file in (ROOT / package).rglob("*")
        if file.is_file() and "__pycache__" not in file.parts
    }


def notebooks() -> set[str]:
    """Return the names of the ready notebooks."""
    return {file.name for file in (ROOT / "notebooks").glob("*.ipynb")}


def test_the_wheel_holds_the_packages_whole_and_nothing_else(built: Built) -> None:
    expected = files_of_the_packages()
    suffixes = {".css", ".html", ".js", ".py", ".svg", ".typed"}
    assert {Path(file).suffix for file in expected} == suffixes
    expected |= {f"workbench/ready_notebooks/{name}" for name in notebooks()}
    with zipfile.ZipFile(built.wheel) as wheel:
        names = set(wheel.namelist())
    metadata = f"{NAME}.dist-info/"
    assert {name for name in names if not name.startswith(metadata)} == expected
    assert f"{metadata}licenses/LICENSE" in names


def test_the_sdist_holds_what_the_wheel_is_built_of_and_no_tests(built: Built) -> None:
    with tarfile.open(built.sdist) as sdist:
        names = {member.name.removeprefix(f"{NAME}/") for member in sdist.getmembers()}
    beside = names - files_of_the_packages()
    assert len(names) - len(beside) == len(files_of_the_packages())
    assert beside == {
        *(f"notebooks/{name}" for name in notebooks()),
        ".gitignore",
        "CHANGELOG.md",
        "LICENSE",
        "PKG-INFO",
        "README.md",
        "pyproject.toml",
    }


def test_a_producer_alone_installs_few_small_packages(light: Environment) -> None:
    wanted = {re.split("[<>=]", each)[0] for each in PROJECT["dependencies"]}
    assert len(wanted) == 7
    assert light.installed() == {"waterline", *wanted}


@pytest.mark.parametrize(
    ("command", "extra"),
    [
        ("up --demo", "all"),
        ("serve", "server"),
        ("dashboard", "all"),
        ("query", "all"),
        ("lab", "all"),
        ("report", "all"),
        ("archive run", "server"),
        ("archive list", "server"),
        ("archive verify", "server"),
        ("archive restore --into there", "all"),
        ("archive export -", "all"),
        ("archive rewrite", "all"),
        ("archive prune --older-than 1y", "server"),
        ("archive adopt", "server"),
        ("lake list", "server"),
        ("lake publish", "iceberg"),
    ],
)
def test_a_command_whose_part_is_missing_names_the_extra(
    light: Environment, command: str, extra: str
) -> None:
    done = light.run("waterline", *command.split())
    spoken = command.partition(" -")[0]
    assert (done.returncode, done.stdout) == (1, "")
    assert re.fullmatch(
        rf"waterline: `waterline {spoken}` needs packages that are not installed, such as \w+; "
        rf"install Waterline with its extra: pip install 'waterline\[{extra}\]'\n",
        done.stderr,
    )
    assert [*light.folder.iterdir()] == []


def test_a_server_alone_installs_no_page_and_no_data_frames(server: Environment) -> None:
    installed = server.installed()
    assert {"apsw", "tornado"} < installed
    assert not {"bokeh", "pandas", "panel", "sqlalchemy"} & installed


def test_help_is_there_without_the_part_that_it_is_about(light: Environment) -> None:
    assert "archive old logs now" in light.say("waterline", "archive", "run", "--help").lower()


@pytest.mark.parametrize("name", ["connect", "Workbench"])
def test_a_workbench_without_its_part_names_the_extra(light: Environment, name: str) -> None:
    done = light.run("python", "-c", f"from workbench import {name}")
    *before, last = done.stderr.splitlines()
    assert (done.returncode, done.stdout) == (1, "")
    assert re.fullmatch(
        rf"waterline\.errors\.MissingPart: workbench\.{name} needs packages that are not "
        r"installed, such as \w+; install Waterline with its extra: pip install 'waterline\[all\]'",
        last,
    )
    assert before.count("Traceback (most recent call last):") == 1


@contextmanager
def running(made: Environment, last: str, *command: str) -> Iterator[str]:
    """Run a command of an environment that serves until SIGTERM; yield what it printed at first.

    Args:
        made: the environment.
        last: what the last of these lines holds.
        command: the command and its arguments.
    """
    with subprocess.Popen(
        [made.path / "bin" / "waterline", *command],
        cwd=made.folder,
        env=ENVIRONMENT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            assert process.stdout is not None
            printed = ""
            while last not in printed:
                line = process.stdout.readline()
                assert line, f"it ended: {printed} {process.communicate()}"
                printed += line
            yield printed
            process.terminate()
            assert process.communicate(timeout=PATIENCE)[1] == ""
            assert process.returncode == 0
        finally:
            process.kill()


def ingest_of(printed: str) -> str:
    """Return the address that logs are pushed to."""
    found = re.search(r"ws://\S+/ingest", printed)
    assert found is not None
    return found[0]


def first_log(made: Environment, ingest: str, token: str, *options: str) -> str:
    """Return the first log that `waterline tail` prints."""
    live = ingest.replace("/ingest", "/live")
    with subprocess.Popen(
        [made.path / "bin" / "waterline", "tail", "--after", "0", "--url", live, *options],
        cwd=made.folder,
        env=ENVIRONMENT | {"WATERLINE_TOKEN": token},
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        line = process.stdout.readline()
        process.terminate()
    return line


def test_a_producer_alone_pushes_to_a_server_alone(light: Environment, server: Environment) -> None:
    data = str(server.folder / "data")
    lines = (f'{{"type":"info","message":"order {each}"}}\n' for each in range(LOGS))
    (light.folder / "orders.jsonl").write_text("".join(lines))
    ports = ("--port", "0", "--monitoring-port", "0")
    with running(server, "\n", "serve", "--data", data, *ports) as printed:
        ingest = ingest_of(printed)
        # Also where a producer is, `waterline token` works.
        create = ("waterline", "token", "create", "--data", data)
        token = light.say(*create, "shop", "--scope", "ingest")
        reader = light.say(*create, "reader", "--scope", "read")
        sent = light.say(
            "waterline", "send", "orders.jsonl", "--url", ingest, WATERLINE_TOKEN=token
        )
        assert f"stored {LOGS:,}" in sent
        program = (
            "import sys, workbench\n"
            "with workbench.Producer(*sys.argv[1:]) as producer:\n"
            "    producer.send({'type': 'info', 'message': 'order accepted', 'duration_ms': 12.5})"
        )
        assert light.say("python", "-c", program, ingest, token) == ""
        assert '"duration_ms":12.5' in first_log(light, ingest, reader, "--contains", "accepted")
    archived = server.say("waterline", "archive", "run", "--older-than", "1ms", "--data", data)
    assert f"archived {LOGS + 1:,} logs in 1 batch" in archived
    verified = server.say("waterline", "archive", "verify", "--data", data)
    assert verified.startswith("sound: 1 batch")


def test_all_of_it_is_up_and_answers_from_an_unrelated_folder(full: Environment) -> None:
    ports = ("--port", "0", "--monitoring-port", "0", "--dashboard-port", "0", "--query-port", "0")
    with running(full, "Ctrl-C ends it", "up", "--demo", *ports) as printed:
        dashboard = re.search(r"http://\S+/dashboard", printed)
        assert dashboard is not None
        with urlopen(dashboard[0], timeout=PATIENCE) as page:
            assert page.status == 200
        token = full.say("waterline", "token", "create", "reader", "--scope", "read")
        assert '"source":"demo"' in first_log(full, ingest_of(printed), token)
        question = (
            "import workbench\n"
            "wb = workbench.connect('data')\n"
            "print(workbench.__file__, wb.count() > 0, *wb.logs(limit=5).source.unique())"
        )
        file, *answer = full.say("python", "-c", question).split()
        assert Path(file).is_relative_to(full.path)
        assert answer == ["True", "demo"]
    assert "demo" in full.say("waterline", "report")
