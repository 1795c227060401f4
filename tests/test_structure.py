"""What the files must not do to each other, and what an import may cost."""

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

import workbench

ROOT = Path(__file__).parent.parent
PACKAGES = ("waterline", "server", "workbench")
# Half a second and a hundred megabytes: what `waterline token` and a producer can do without.
HEAVY = {"adbc_driver_sqlite", "bokeh", "numpy", "pandas", "panel", "pyarrow", "sqlalchemy"}


def imported_by(statement: str) -> set[str]:
    """Return the packages that a fresh Python has loaded after a statement."""
    program = f"{statement}\nimport sys\nprint(*sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return {name.partition(".")[0] for name in done.stdout.split()}


def files_of(package: str) -> list[Path]:
    return sorted((ROOT / package).rglob("*.py"))


@cache
def parsed(file: Path) -> ast.Module:
    """Return the syntax tree of a file, which many tests look at."""
    return ast.parse(file.read_text(encoding="utf-8"))


@cache
def imports_of(file: Path) -> set[str]:
    """Return the packages that a file names in its imports, wherever in it they stand."""
    found = set()
    for node in ast.walk(parsed(file)):
        if isinstance(node, ast.Import):
            found |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found.add(node.module.partition(".")[0])
    return found


@pytest.mark.parametrize(
    ("package", "others"),
    [
        ("waterline", {"server", "workbench", "tornado", "pandas", "panel"}),
        ("server", {"workbench", "pandas", "panel"}),
        ("workbench", {"server"}),
    ],
)
def test_no_file_of_a_package_imports_the_other_half(package: str, others: set[str]) -> None:
    files = files_of(package)
    assert len(files) > 10
    assert [str(file) for file in files if imports_of(file) & others] == []


def test_no_file_of_the_program_imports_the_tests() -> None:
    for package in PACKAGES:
        assert [str(each) for each in files_of(package) if "tests" in imports_of(each)] == []


def test_every_file_says_in_its_first_line_what_it_is() -> None:
    for package in (*PACKAGES, "tests"):
        for file in files_of(package):
            text = ast.get_docstring(parsed(file))
            assert text, f"{file} has no docstring"


# Methods of a library's classes, whose own documents name their parameters.
OVERRIDDEN = {
    "get_columns",
    "has_table",
    "log_exception",
    "make_context",
    "parse_args",
    "transform_first_chunk",
}


def functions_of(file: Path) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    """Yield the public functions of a file, and the public methods of its public classes."""
    classes = [parsed(file)]
    for each in classes:
        for node in getattr(each, "body", ()):
            if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
                classes.append(node)  # type: ignore[arg-type] # both have a body
            elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name[0] != "_":
                yield node


def test_functions_of_three_parameters_say_what_they_are() -> None:
    lacking = []
    for file in (file for package in PACKAGES for file in files_of(package)):
        for node in functions_of(file):
            given = node.args
            names = {each.arg for each in (*given.posonlyargs, *given.args, *given.kwonlyargs)}
            text = ast.get_docstring(node) or ""
            is_command = any("click." in ast.unparse(each) for each in node.decorator_list)
            is_told = "Args:" in text or re.search("; see `.+`", text) or is_command
            if len(names - {"self", "cls"}) >= 3 and not is_told and node.name not in OVERRIDDEN:
                lacking.append(f"{file}:{node.lineno} {node.name}")
    assert lacking == []


def test_functions_say_in_the_imperative_what_they_do() -> None:
    nouns = [
        f"{file}:{node.lineno} {node.name}"
        for file in (file for package in PACKAGES for file in files_of(package))
        for node in functions_of(file)
        if (ast.get_docstring(node) or "").startswith(("Whether", "The ", "A ", "An "))
        and not any("property" in ast.unparse(each) for each in node.decorator_list)
    ]
    assert nouns == []


def test_every_process_of_python_is_started_by_the_one_command_that_shuts_others_out() -> None:
    files = [file for package in PACKAGES for file in files_of(package)]
    naming = [file for file in files if "sys.executable" in file.read_text(encoding="utf-8")]
    assert naming == [ROOT / "waterline" / "processes.py"]


@pytest.mark.slow
@pytest.mark.parametrize(
    "statement",
    [
        "import workbench",
        "import workbench.cli.main",
        "from workbench import Producer",
        "import server.lifecycle",
        "import waterline.tokens, waterline.settings.model, server.writer",
        "import waterline.metrics.rollup_thread",
    ],
)
def test_what_needs_no_data_frames_does_not_load_them(statement: str) -> None:
    assert imported_by(statement) & HEAVY == set()


@pytest.mark.slow
def test_the_workbench_itself_is_loaded_once_it_is_asked_for() -> None:
    assert "pandas" in imported_by("from workbench import connect")


def test_the_package_names_what_it_offers() -> None:
    assert {"connect", "Producer", "Workbench"} <= set(workbench.__all__)
    assert set(workbench.__all__) <= set(dir(workbench))
    with pytest.raises(AttributeError, match="has no attribute 'nothing'"):
        _ = workbench.nothing
