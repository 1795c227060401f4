"""`waterline archive adopt`: files of version 2.0, and a logs.db that was lost."""

import gzip
import json
from pathlib import Path

import pytest

import workbench
from tests.support.archive_runs import lose_logs
from tests.support.said import Waterline, said

pytestmark = pytest.mark.slow


def test_adopt_takes_files_of_version_2_0_once(
    archived: Path, waterline: Waterline, tmp_path: Path
) -> None:
    foreign = tmp_path / "2025-01-01" / "batch-0001.json.gz"
    foreign.parent.mkdir()
    logs = [
        {"id": f"{n}", "type": "info", "timestamp": 1_735_732_800_000 + n, "message": f"m{n}"}
        for n in range(3)
    ]
    metadata = {
        "archiveDate": "2025-01-01T00:00:00.000Z",
        "batch": 1,
        "totalLogs": 3,
        "compression": "gzip",
        "version": "2.0",
    }
    foreign.write_bytes(gzip.compress(json.dumps({"metadata": metadata, "logs": logs}).encode()))
    adopted = waterline("adopt", tmp_path, "--source", "elsewhere")
    assert said(adopted) == (0, ["adopted 3 logs in 1 batch"], "")
    again = waterline("adopt", tmp_path)
    assert said(again) == (
        0,
        ["adopted 0 logs in 0 batches"],
        f"note: {foreign} was adopted before\n",
    )
    with workbench.connect(archived) as wb:
        found = wb.logs(source="elsewhere")
        assert found["message"].tolist() == ["m0", "m1", "m2"]
        assert found["seq"].tolist() == [8, 9, 10]


def test_adopt_rebuilds_only_a_folder_that_has_lost_its_logs(
    archived: Path, waterline: Waterline, tmp_path: Path
) -> None:
    nothing = f"{archived} has taken in 0 logs in 0 batches, 0 logs of which it had lost"
    assert said(waterline("adopt")) == (0, [nothing], "")
    refused = waterline("adopt", "--skip-damaged")
    assert (refused.returncode, refused.stdout) == (1, "")
    assert "has its logs.db, and takes in only what is sound" in refused.stderr
    wrong = waterline("adopt", "--skip-damaged", tmp_path)
    assert said(wrong) == (
        1,
        [],
        "waterline: --from and --skip-damaged are not for files; leave FILE out\n",
    )
    lose_logs(archived)
    rebuilt = waterline("adopt")
    assert said(rebuilt) == (0, [f"{archived} knows 6 logs in 4 batches again"], "")
    with workbench.connect(archived) as wb:
        assert wb.count() == 6
