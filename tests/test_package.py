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
            if os.environ.get("CI") == "true":
                pytest.fail(f"pip cannot install {wanted}: {done.stderr}")
            pytest.skip(f"pip cannot install {wanted}: {done.stderr.strip().splitlines()[-1]}")


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
def full(tmp_path_factory: pytest.TempPathFactory, built: Built) -> Environment:
    """The same, then what the sentence of a command says that it lacks."""
    made = environment(tmp_path_factory, "full", built.wheel)
    advice = re.search(r"pip install '(.*)'", made.run("waterline", "up").stderr)
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


def test_the_wheel_holds_the_packages_whole_and_nothing_else(built: Built) -> None:
    expected = files_of_the_packages()
    assert {Path(file).suffix for file in expected} == {".css", ".html", ".js", ".py", ".typed"}
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
        ".gitignore",
        "CHANGELOG.md",
        "LICENSE",
        "PKG-INFO",
        "README.md",
        "pyproject.toml",
    }


def test_a_producer_alone_installs_six_small_packages(light: Environment) -> None:
    listing = (
        "from importlib.metadata import distributions\nfor d in distributions(): print(d.name)"
    )
    installed = {name.replace("_", "-") for name in light.say("python", "-c", listing).split()}
    wanted = {re.split("[<>=]", each)[0] for each in PROJECT["dependencies"]}
    assert len(wanted) == 6
    assert installed == {"waterline", *wanted}


@pytest.mark.parametrize(
    ("command", "extra"),
    [
        ("up --demo", "all"),
        ("serve", "server"),
        ("dashboard", "all"),
        ("report", "all"),
        ("archive run", "server"),
        ("archive list", "server"),
        ("archive verify", "server"),
        ("archive restore --into there", "all"),
        ("archive export -", "all"),
        ("archive prune --older-than 1y", "server"),
        ("archive adopt", "server"),
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
def up(made: Environment) -> Iterator[dict[str, str]]:
    """Run `waterline up --demo` on free ports; yield what it serves to where."""
    ports = ("--port", "0", "--monitoring-port", "0", "--dashboard-port", "0")
    with subprocess.Popen(
        [made.path / "bin" / "waterline", "up", "--demo", *ports],
        cwd=made.folder,
        env=ENVIRONMENT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            assert process.stdout is not None
            printed = ""
            while "Ctrl-C ends it" not in printed:
                line = process.stdout.readline()
                assert line, f"it ended: {printed} {process.communicate()}"
                printed += line
            yield dict(
                re.findall(r"^  (dashboard|ingest|monitoring) +(\S+)", printed, re.MULTILINE)
            )
            process.terminate()
            assert process.communicate(timeout=PATIENCE)[1] == ""
            assert process.returncode == 0
        finally:
            process.kill()


def test_a_producer_pushes_to_all_of_it_that_runs_beside_and_answers(
    light: Environment, full: Environment
) -> None:
    data = full.folder / "data"
    lines = (f'{{"type":"info","message":"order {each}"}}\n' for each in range(LOGS))
    (light.folder / "orders.jsonl").write_text("".join(lines))
    with up(full) as served:
        with urlopen(served["dashboard"], timeout=PATIENCE) as page:
            assert page.status == 200
        # A producer's machine makes no tokens, but could.
        create = ("waterline", "token", "create", "--data", str(data))
        token = light.say(*create, "shop", "--scope", "ingest")
        reader = light.say(*create, "reader", "--scope", "read")
        sent = light.say(
            "waterline", "send", "orders.jsonl", "--url", served["ingest"], WATERLINE_TOKEN=token
        )
        assert f"stored {LOGS:,}" in sent
        program = (
            "import sys, workbench\n"
            "with workbench.Producer(*sys.argv[1:]) as producer:\n"
            "    producer.send({'type': 'info', 'message': 'order accepted', 'duration_ms': 12.5})"
        )
        assert light.say("python", "-c", program, served["ingest"], token) == ""
        live = served["ingest"].replace("/ingest", "/live")
        with subprocess.Popen(
            [
                light.path / "bin" / "waterline", "tail", "--after", "0", "--url", live,
                "--source", "shop", "--contains", "order accepted",
            ],
            cwd=light.folder,
            env=ENVIRONMENT | {"WATERLINE_TOKEN": reader},
            stdout=subprocess.PIPE,
        ) as tail:  # fmt: skip
            assert tail.stdout is not None
            assert b'"duration_ms":12.5' in tail.stdout.readline()
            tail.terminate()
        question = (
            "import workbench\n"
            "wb = workbench.connect('data')\n"
            "logs = wb.logs(source='shop', contains='accepted', attributes=['duration_ms'])\n"
            "print(workbench.__file__, wb.count(source='shop'), *logs.duration_ms)"
        )
        file, *answer = full.say("python", "-c", question).split()
        assert Path(file).is_relative_to(full.path)
        assert answer == [str(LOGS + 1), "12.5"]
    exported = full.say("waterline", "archive", "export", "--source", "shop", "-")
    assert exported.count("\n") == LOGS
    assert "shop" in full.say("waterline", "report")
