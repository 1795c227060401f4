"""The files that name dependencies agree, and name no place to get them from."""

import re
import tomllib
from pathlib import Path

ROOT = Path(__file__).parents[1]


def declared() -> set[str]:
    """Return every requirement of pyproject.toml."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    extras = project["optional-dependencies"].values()
    return {*project["dependencies"], *(each for extra in extras for each in extra)}


def name_of(requirement: str) -> str:
    """Return the name in a requirement, as the registry spells it."""
    return re.split(r"[<>=!~;\[ ]", requirement, maxsplit=1)[0].lower().replace("_", "-")


def test_environment_yml_names_the_dependencies_of_pyproject() -> None:
    lines = (ROOT / "environment.yml").read_text().splitlines()
    items = {line.strip().removeprefix("- ") for line in lines if line.strip().startswith("- ")}
    of_conda_alone = {"conda-forge", "python>=3.11", "pip", "pip:", "--editable ."}
    assert of_conda_alone <= items
    assert items - of_conda_alone == declared()


def test_the_lock_pins_every_dependency_with_hashes() -> None:
    lock = (ROOT / "requirements.lock").read_text()
    pinned = re.findall(r"^([A-Za-z0-9._-]+)==\S+.*\\\n    --hash=sha256:", lock, re.MULTILINE)
    assert {name_of(each) for each in declared()} <= {name_of(each) for each in pinned}
    assert len(pinned) == len(re.findall(r"^[A-Za-z0-9].*==", lock, re.MULTILINE))


def test_the_lock_records_no_download_address() -> None:
    lock = (ROOT / "requirements.lock").read_text()
    assert not re.search(r"://|--(extra-)?index-url|--find-links| @ ", lock)


def test_the_architecture_gives_a_reason_for_every_dependency() -> None:
    text = (ROOT / "docs" / "architecture.md").read_text()
    assert not [each for each in declared() if f"`{name_of(each)}`" not in text]
