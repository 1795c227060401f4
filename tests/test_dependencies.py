"""The files that name dependencies agree, and name no place to get them from."""

import re
import tomllib
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest

from waterline.parts import PACKAGES, Part

ROOT = Path(__file__).parents[1]


PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
EXTRAS: dict[str, list[str]] = PROJECT["optional-dependencies"]


def declared() -> set[str]:
    """Return every requirement of pyproject.toml but those for extras of its own."""
    lists = [PROJECT["dependencies"], *EXTRAS.values()]
    return {each for named in lists for each in named if name_of(each) != "waterline"}


def installed_by(extra: str) -> set[str]:
    """Return what an extra installs, and the extras that it holds."""
    names = set()
    for each in EXTRAS[extra]:
        inner = re.fullmatch(r"waterline\[(\w+)\]", each)
        names |= installed_by(inner[1]) if inner else {each}
    return names


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


def test_the_extras_lie_in_each_other() -> None:
    assert installed_by("server") < installed_by("all") < installed_by("lab")
    assert not {*PROJECT["dependencies"]} & installed_by("lab")


@pytest.mark.slow
@pytest.mark.parametrize("part", PACKAGES)
def test_a_part_misses_what_its_extra_installs(part: Part) -> None:
    # Later Pythons have zstd of their own, so it may lack there.
    wanted = {name_of(each) for each in installed_by(part)} - {"backports-zstd"}
    known = packages_distributions()
    # Several distributions share a namespace such as `opentelemetry`.
    given = [{*map(name_of, known[package])} for package in PACKAGES[part]]
    assert all(names & wanted for names in given)
    assert wanted <= set().union(*given)


def test_the_changelog_begins_with_the_version_that_is_built() -> None:
    headings = re.findall(r"^## (.*)", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE)
    assert headings[0] == PROJECT["version"]
