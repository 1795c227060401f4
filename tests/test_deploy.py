"""Files for service managers: they say what systemd understands, and name what there is."""

import shutil
import subprocess
from pathlib import Path

import pytest

DEPLOY = Path(__file__).parents[1] / "deploy"

pytestmark = pytest.mark.skipif(
    shutil.which("systemd-analyze") is None, reason="systemd-analyze is not installed"
)


def test_units_are_understood_by_systemd(tmp_path: Path) -> None:
    units = []
    for each in sorted(DEPLOY.glob("waterline.*")):
        copy = tmp_path / each.name
        # The command must exist.
        copy.write_text(each.read_text().replace("/opt/waterline/.venv/bin/waterline", "/bin/true"))
        units.append(copy)
    assert [each.suffix for each in units] == [".service", ".socket"]
    done = subprocess.run(
        ["systemd-analyze", "verify", *units], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
