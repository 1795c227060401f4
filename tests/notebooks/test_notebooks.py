"""The notebooks as they are kept: with outputs, run from top to bottom, and naming no machine."""

import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
NOTEBOOKS = sorted((ROOT / "notebooks").rglob("*.ipynb"))
LARGEST = 1_000_000
IGNORES_OUTPUT = "nbval-ignore-output"

# A path begins where no other name ends: `customers/home` is none, nor is an end tag.
PATH_OF_A_MACHINE = re.compile(
    r"(?<![\w.<~])/(tmp|home|root|work|private|var/folders|Users)\b|\b[A-Z]:\\"
)
TOKEN = re.compile(r"wl_[\w-]{8,}|Bearer [\w-]{8,}|[?&]token=\w")

Notebook = Mapping[str, Any]

every_notebook = pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)


def read(path: Path) -> Notebook:
    """Return a notebook as its JSON says it."""
    notebook: Notebook = json.loads(path.read_text(encoding="utf-8"))
    return notebook


def code_cells(notebook: Notebook) -> list[Mapping[str, Any]]:
    """Return the cells that hold code, in their order."""
    return [cell for cell in notebook["cells"] if cell["cell_type"] == "code"]


def words(value: object) -> Iterator[str]:
    """Give every text of a notebook but images, whose base64 may spell anything."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, list):
        # Jupyter cuts texts into lists of lines; a word never spans two of them.
        for each in value:
            yield from words(each)
    elif isinstance(value, dict):
        for name, each in value.items():
            if not name.startswith("image/"):
                yield from words(each)


def test_there_is_a_notebook() -> None:
    assert NOTEBOOKS


@every_notebook
def test_its_cells_were_run_once_each_from_top_to_bottom(path: Path) -> None:
    counts = [cell["execution_count"] for cell in code_cells(read(path))]
    assert counts == list(range(1, len(counts) + 1))


@every_notebook
def test_its_outputs_are_kept(path: Path) -> None:
    cells = code_cells(read(path))
    # More than a few without would mean that somebody cleared them.
    assert sum(1 for cell in cells if cell["outputs"]) > len(cells) / 2


@every_notebook
def test_no_cell_ended_in_an_error_or_wrote_to_stderr(path: Path) -> None:
    for cell in code_cells(read(path)):
        for output in cell["outputs"]:
            assert output["output_type"] != "error", cell["id"]
            assert output.get("name") != "stderr", cell["id"]


@every_notebook
def test_a_compared_output_shows_no_address_of_an_object(path: Path) -> None:
    for cell in code_cells(read(path)):
        if IGNORES_OUTPUT not in cell["metadata"].get("tags", []):
            for text in words(cell["outputs"]):
                assert not re.search(r"\bat 0x[0-9a-f]+", text), cell["id"]


@every_notebook
def test_it_names_no_path_of_a_machine(path: Path) -> None:
    found = [text for text in words(read(path)) if PATH_OF_A_MACHINE.search(text)]
    assert not found


@every_notebook
def test_it_holds_no_token(path: Path) -> None:
    found = [text for text in words(read(path)) if TOKEN.search(text)]
    assert not found


@every_notebook
def test_every_cell_has_an_id_of_its_own_that_says_what_it_is(path: Path) -> None:
    ids = [cell["id"] for cell in read(path)["cells"]]
    assert len(set(ids)) == len(ids)
    # Jupyter gives eight hexadecimal digits, which change when a cell is copied.
    assert not [each for each in ids if re.fullmatch(r"[0-9a-f]{8}(-[0-9a-f-]+)?", each)]


@every_notebook
def test_its_metadata_say_no_more_than_it_is_python(path: Path) -> None:
    notebook = read(path)
    assert set(notebook["metadata"]) == {"kernelspec", "language_info"}
    assert notebook["metadata"]["kernelspec"]["name"] == "python3"
    assert notebook["metadata"]["language_info"] == {"name": "python"}
    for cell in notebook["cells"]:
        assert set(cell["metadata"]) <= {"tags"}, cell["id"]


@every_notebook
def test_it_is_smaller_than_a_megabyte(path: Path) -> None:
    assert path.stat().st_size < LARGEST
