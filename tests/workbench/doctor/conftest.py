"""Patients of the doctor: copies of one sound folder."""

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.support.patients import Patient, make_sound, patient_of


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """A folder that all patients are copies of, and its token."""
    data = tmp_path_factory.mktemp("sound") / "data"
    return data, make_sound(data)


@pytest.fixture
def patient(sound: tuple[Path, str], tmp_path: Path) -> Iterator[Patient]:
    """A copy of the sound folder."""
    with ExitStack() as opened:
        yield patient_of(*sound, tmp_path, opened)
