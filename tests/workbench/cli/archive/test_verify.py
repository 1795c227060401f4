"""`waterline archive verify`: a damaged file is named."""

from pathlib import Path

import pytest

from tests.support.archive_runs import catalog
from tests.support.said import Waterline, said

pytestmark = pytest.mark.slow


def test_verify_names_a_damaged_file_and_exits_with_1(archived: Path, waterline: Waterline) -> None:
    code, (line,), errors = said(waterline("verify"))
    assert (code, errors) == (0, "")
    assert line.startswith("sound: 4 batches, 6 logs, ")
    path = archived / "archives" / catalog(archived)[2].file
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    code, (line,), errors = said(waterline("verify"))
    assert code == 1
    assert line.startswith("sound: 3 batches, 4 logs, ")
    assert errors.startswith(f"waterline: {path} is damaged: ")
    assert errors.count("\n") == 1
