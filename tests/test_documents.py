"""README and docs/: each block is run as a newcomer types it, in a folder beside a server."""

import gzip
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

import msgspec
import pytest

from scripts.diagrams import DIAGRAMS
from tests.support.folders import DAY, Batch, fill_batches
from tests.support.forking import WATERLINE, Started
from tests.support.processes import PATIENCE, ServerProcess, serving
from tests.support.questions import Questions, answering
from tests.support.rollups import counted
from tests.support.sockets import send
from tests.support.waiting import wait_until
from waterline.clock import now_ms

ROOT: Final = Path(__file__).parents[1]
PACKAGES: Final = ("waterline", "server", "workbench")
PAGES: Final = {
    str(each.relative_to(ROOT)): each.read_text(encoding="utf-8")
    for each in (
        ROOT / "README.md",
        ROOT / "CONTRIBUTING.md",
        ROOT / "SECURITY.md",
        *sorted((ROOT / "docs").glob("*.md")),
    )
}
NEW_YEAR: Final = 1_767_225_600_000 + DAY
"""In the January of 2026 that docs/archive.md restores."""

ELSEWHERE: Final = {
    "waterline up": "it runs to Ctrl-C: tests/workbench/running/test_up.py",
    "waterline serve": "it runs to Ctrl-C: every test of a server",
    "waterline send --follow": "it runs to Ctrl-C: tests/workbench/clients/test_follow.py",
    "waterline lab": "it runs to Ctrl-C: tests/workbench/running/test_lab.py",
    "waterline dashboard": "it runs to Ctrl-C: tests/workbench/cli/test_endings.py",
    "waterline query": "it runs to Ctrl-C: tests/workbench/serving/test_questions.py",
    "make": "it installs, or is the whole suite; that there is such a target is seen here",
    "pip": "it installs: tests/test_package.py",
    ".venv/bin/pip": "it installs; it is what `make install` calls",
    "rm -r .venv": "it removes what the tests run in",
    "docker": "it wants an engine: tests/test_deploy.py runs what the image runs",
    "conda": "it installs; tests/test_dependencies.py holds environment.yml to pyproject.toml",
}
"""Commands that are not run here, and where they are."""
SHOWN: Final = {"json", "text", "nginx", "ini", "toml", "conf", "js", "sql"}
"""Languages of blocks that are no commands."""
MOST_NOT_RUN: Final = 7

_BLOCK: Final = re.compile(
    r"(?P<not_run><!-- not run: [^\n]+ -->\n)?^```(?P<language>\w*)\n(?P<text>.*?)^```$",
    re.DOTALL | re.MULTILINE,
)
_SAID: Final = "-- the block has ended --"
_PYTHON: Final = f"""
import json, sys
names = {{"__name__": "__main__"}}
for line in sys.stdin:
    exec(compile(json.loads(line), "a block", "exec"), names)
    print({_SAID!r}, flush=True)
"""


@dataclass(frozen=True, slots=True)
class Block:
    """A block of a page; `is_run` is False where a comment before it says why not."""

    language: str
    text: str
    is_run: bool


def blocks(page: str) -> Iterator[Block]:
    """Yield the fenced blocks of a page."""
    for found in _BLOCK.finditer(PAGES[page]):
        yield Block(found["language"], found["text"], found["not_run"] is None)


def run_here(block: Block) -> str:
    """Return what is run here of a block: all of it, but commands of a shell that are elsewhere."""
    if block.language == "python":
        return block.text
    lines = block.text.replace("\\\n", " ").splitlines(keepends=True)
    elsewhere = tuple(f"{each} " for each in ELSEWHERE)
    return "".join(line for line in lines if not f"{line.strip()} ".startswith(elsewhere))


def run_blocks(page: str) -> list[Block]:
    """Return the blocks of a page of which anything is run here."""
    found = [each for each in blocks(page) if each.is_run and each.language in {"sh", "python"}]
    return [each for each in found if run_here(each).strip()]


RUN: Final = [page for page in PAGES if run_blocks(page)]


@contextmanager
def newcomer(folder: Path) -> Iterator[tuple[ServerProcess, Questions]]:
    """Run a server whose folder `data` holds old logs, and a process that answers questions.

    Files that the pages send lie beside it.
    """
    log = '{"type":"error","message":"timed out","source":"web","status":500,"path":"/"}\n'
    (folder / "access.log").write_text(log * 3)
    for within in ("shop", "old/web"):
        (folder / within).mkdir(parents=True)
        (folder / within / "access.log.gz").write_bytes(gzip.compress(log.encode()))
    (folder / "logs.jsonl.gz").write_bytes(gzip.compress(log.encode()))
    old = [
        {"type": "error", "message": f"{each}", "service": "web", "duration_ms": each}
        for each in range(50)
    ]
    received = (NEW_YEAR - 500 * DAY, NEW_YEAR, now_ms() - DAY, now_ms())
    fill_batches(folder / "data", [Batch(old, "web", each) for each in received])
    # It archives nothing by itself, as a job of a page's would find another at work.
    with serving(folder / "data", "--archive-after", "never") as server:
        # What is measured is written down within seconds, and pages ask for months of it.
        send(server, {"type": "info", "message": "order accepted", "duration_ms": 12.5})
        wait_until(lambda: bool(counted(server.data, "duration_ms", "type")))
        with answering(folder / "data", token=server.token) as questions:
            yield server, questions


class Reader:
    """Runs blocks one after the other, those of a language in one process.

    Args:
        server: what the usual addresses are replaced by; its folder lies in the working folder.
        questions: the same for those of questions.
    """

    def __init__(self, server: ServerProcess, questions: Questions) -> None:
        self.said = ""
        self._folder = server.data.parent
        self._server = server
        self._questions = questions
        self._processes: dict[str, subprocess.Popen[str]] = {}
        ingest = urlsplit(server.ingest).netloc
        self._environment = os.environ | {
            "PATH": f"{Path(WATERLINE).parent}:{os.environ['PATH']}",
            "WATERLINE_TOKEN": server.token,
            "WATERLINE_URL": server.ingest,
            "OTEL_EXPORTER_OTLP_LOGS_ENDPOINT": f"http://{ingest}/v1/logs",
            "OTEL_EXPORTER_OTLP_LOGS_HEADERS": f"Authorization=Bearer {server.token}",
            "MPLBACKEND": "agg",
        }

    def run(self, block: Block) -> None:
        """Run a block; what it says is added to `said`."""
        text = self._addressed(run_here(block))
        if block.language == "python":
            self._tell(
                "python", [sys.executable, "-c", _PYTHON], msgspec.json.encode(text).decode()
            )
            return
        script = self._folder / "block.sh"
        # What has no end of its own ends with its reader.
        script.write_text(
            re.sub(
                r"^waterline tail(.*)",
                rf"timeout {PATIENCE} waterline tail --after 0 --url {self._server.live}\1 "
                "| head -n 1 || test $? = 141",
                text,
                flags=re.MULTILINE,
            )
        )
        line = f"source {script} <<< y; echo; echo '{_SAID}'"
        self._tell("sh", ["bash", "-euo", "pipefail", "-s"], line)

    def close(self) -> None:
        """End the processes; each must have run all that it was told."""
        for process in self._processes.values():
            with process:
                process.communicate()

    def _addressed(self, text: str) -> str:
        ingest = self._server.ingest.removeprefix("ws://").removesuffix("/ingest")
        monitoring = self._server.monitoring.removeprefix("http://")
        text = text.replace("127.0.0.1:3001", ingest).replace("127.0.0.1:3002", monitoring)
        text = text.replace("http://127.0.0.1:3003", self._questions.url)
        return text.replace("port=3001", f"port={ingest.rpartition(':')[2]}")

    def _tell(self, language: str, command: list[str], line: str) -> None:
        if language not in self._processes:
            self._processes[language] = Started(
                command, cwd=self._folder, env=self._environment, text=True,
                stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
            )  # fmt: skip
        process = self._processes[language]
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(f"{line}\n")
        process.stdin.flush()
        heard = ""
        for heard_line in process.stdout:
            if heard_line.rstrip() == _SAID:
                self.said += heard
                return
            heard += heard_line
        raise AssertionError(f"the block ended early:\n{line}\n{heard}")


EXPECTED: Final = {
    "README.md": ("stored 3", '"status": "healthy"'),
    "docs/first-hour.md": ("stored 3", "duplicates 3", '"type":"error"', "sound: ", "archived"),
    "docs/push.md": ("stored 3", '"message":"timed out"', '"count":1'),
    "docs/operate.md": (
        "web is revoked",
        "status   healthy",
        "100 logs a frame",
        '"status": "healthy"',
        "archive_after",
    ),
    "docs/remote.md": ('"@":"end"', '"type","logs"', '"status": "healthy"'),
    "docs/archive.md": ("sound: ", "january holds", "errors.csv holds", "pruned"),
    "docs/metrics.md": ("logs_stored", "waterline_logs_stored_total", "report.html holds"),
}
"""What a page's commands must have said."""


@pytest.mark.slow
@pytest.mark.parametrize("page", RUN)
def test_every_block_of_a_page_runs_as_it_is_written(page: str, tmp_path: Path) -> None:
    with newcomer(tmp_path) as (server, questions):
        reader = Reader(server, questions)
        try:
            for block in run_blocks(page):
                reader.run(block)
        finally:
            reader.close()
    for expected in EXPECTED.get(page, ()):
        assert expected in reader.said


def test_pages_have_commands_and_few_that_are_not_run() -> None:
    every = [each for page in PAGES for each in blocks(page)]
    assert {each.language for each in every} <= {"sh", "python", *SHOWN}
    assert len([each for each in every if not each.is_run]) <= MOST_NOT_RUN
    run = [run_here(each) for page in PAGES for each in run_blocks(page)]
    assert len([line for each in run for line in each.splitlines() if line.strip()]) > 80


def test_every_fence_is_a_block() -> None:
    for page, text in PAGES.items():
        assert 2 * len([*blocks(page)]) == len(re.findall(r"^ *```", text, re.MULTILINE)), page


def test_every_make_target_that_is_named_is_there() -> None:
    targets = re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE)
    commands = [line for page in PAGES for each in blocks(page) for line in each.text.splitlines()]
    named = {target for line in commands if line.startswith("make ") for target in _targets(line)}
    for text in PAGES.values():
        named |= set(re.findall(r"`make ([a-z-]+)", text))
    assert len(named) > 12
    assert named <= set(targets)


def test_every_hook_before_a_commit_is_a_make_target() -> None:
    targets = re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE)
    hooks = (ROOT / ".pre-commit-config.yaml").read_text(encoding="utf-8")
    entries = re.findall(r"entry: (.*)", hooks)
    assert entries
    assert [each for each in entries if each.removeprefix("make --silent ") not in targets] == []
    assert hooks.count("language: system") == len(entries)


def _targets(line: str) -> list[str]:
    return re.findall(r" ([a-z-]+)(?= |$)", line.partition("#")[0])


@pytest.mark.slow
def test_every_table_is_what_the_code_says() -> None:
    # In a process of its own, as it loads all of the program.
    command = [sys.executable, "-m", "scripts.tables", "--check"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert sum(text.count("<!-- table: ") for text in PAGES.values()) >= 10


def test_every_diagram_is_as_it_is_drawn() -> None:
    folder = ROOT / "docs" / "pictures"
    drawn = {f"{name}.svg": diagram.svg() for name, diagram in DIAGRAMS.items()}
    assert {each.name: each.read_text(encoding="utf-8") for each in folder.glob("*.svg")} == drawn


def test_every_module_in_a_diagram_is_there() -> None:
    titles = {
        each.title.rstrip("/")
        for diagram in DIAGRAMS.values()
        for each in diagram.boxes.values()
        if each.kind == "box" and " " not in each.title
    }
    assert len(titles) > 15
    below = [
        each.relative_to(ROOT).with_suffix("").as_posix()
        for package in PACKAGES
        for each in (ROOT / package, *(ROOT / package).rglob("*"))
    ]
    assert [
        each for each in titles if not any(f"/{name}".endswith(f"/{each}") for name in below)
    ] == []


def test_files_to_touch_are_there() -> None:
    rows = re.findall(r"^\| (?:an?) .*$", PAGES["docs/contributing.md"], re.MULTILINE)
    assert len(rows) > 12
    for row in rows:
        folder = ROOT
        for name in re.findall(r"`([\w/]+\.(?:py|js|json))`", row):
            path = ROOT / name if "/" in name else folder / name
            folder = path.parent
            assert path.exists() or path.name == "NAME.py", name


def test_every_file_that_is_named_is_there() -> None:
    named = {
        (page, name)
        for page, text in PAGES.items()
        for name in re.findall(r"(?<![\w/.])([a-z]+/[\w./]+\.(?:py|md|ipynb|json))\b", text)
        if (ROOT / name.partition("/")[0]).is_dir()
    }
    assert len(named) > 20
    assert [each for each in named if "NAME" not in each[1] and not (ROOT / each[1]).exists()] == []


def test_the_readme_is_short() -> None:
    assert len(PAGES["README.md"].split()) <= 700


def test_modules_names_every_file_of_the_packages_once() -> None:
    named = re.findall(r"^\| `([^`]+)` \|", PAGES["docs/modules.md"], re.MULTILINE)
    files = [
        each.relative_to(ROOT).as_posix().removesuffix(".py")
        for package in PACKAGES
        for each in (ROOT / package).rglob("*.*")
        if each.name != "__init__.py" and each.suffix in {".py", ".js", ".css", ".html"}
    ]
    assert sorted(named) == sorted(files)


def test_every_file_of_a_room_that_the_journeys_name_is_there() -> None:
    page = PAGES["docs/architecture.md"].partition("## Three journeys")[2]
    below = [
        each.relative_to(ROOT).with_suffix("").as_posix()
        for package in PACKAGES
        for each in (ROOT / package).rglob("*")
    ]
    rooms = {each for file in below for each in file.split("/")[:-1]}
    named = {
        each
        for each in re.findall(r"`([a-z_]+/[a-z_/]+)`", page)
        if each.partition("/")[0] in rooms
    }
    assert len(named) > 8
    assert [
        each for each in named if not any(f"/{file}".endswith(f"/{each}") for file in below)
    ] == []
