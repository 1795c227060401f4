"""What the process of questions takes for a million logs, hot and archived."""

import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

from tests.support.archives import archive
from tests.support.folders import NOON, fill
from tests.support.questions import answering
from waterline.encoding import PARQUET
from workbench.workbench import Workbench

pytestmark = pytest.mark.slow

LOGS: Final = 1_000_000
MOST: Final = 300 * 2**20


@pytest.fixture(scope="module")
def million(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    data = tmp_path_factory.mktemp("million") / "data"
    for begin in range(0, LOGS, 50_000):
        fill(
            data,
            [
                {
                    "type": "info",
                    "message": f"request {place} was answered by host {place % 50}",
                    "timestamp": NOON + place,
                    "status": 200 + place % 3,
                    "duration_ms": place % 997 / 7,
                    "path": f"/api/items/{place % 977}",
                }
                for place in range(begin, begin + 50_000)
            ],
        )
    yield data
    shutil.rmtree(data)


def peak(pid: int) -> int:
    """Return the most bytes that a process has occupied so far."""
    status = Path(f"/proc/{pid}/status").read_text()
    found = re.search(r"VmHWM:\s+(\d+) kB", status)
    assert found
    return int(found[1]) * 1024


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="only Linux tells the peak")
def test_a_million_logs_take_less_than_300_mib(million: Path) -> None:
    token = None
    for batches in ([], [(400_000, PARQUET)] * 3):
        archive(million, batches, clear=True)
        with answering(million, token=token) as questions:
            token = questions.token
            with Workbench(questions.url, lambda: NOON, token=token, cache=False) as wb:
                assert len(wb.logs()) == LOGS
            assert peak(questions.process.pid) < MOST
